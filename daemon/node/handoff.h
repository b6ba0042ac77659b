// What relaisd leaves to the relaisd that replaces it in the same process: a file in memory that stays open over exec,
// so that it ends with the process and no later start can mistake it for its own.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "ha/core/state.h"
#include "ha/wire/bytes.h"

#include <cstdint>
#include <optional>
#include <string>

namespace relais::node {

// The core's part, without the states (they are in the data plane), and what must be the same to go on from it.
struct HandoffFile {
  NodeId self;
  std::uint64_t config_hash = 0;
  std::uint64_t incarnation = 0;
  Instant lease_until{};
  std::string version;  // of the one that left
  ha::Cluster cluster;
  bool operator==(const HandoffFile&) const = default;
};

wire::Bytes encode_handoff(const HandoffFile& handoff);
// An error if it is cut off, damaged or of another release's format. Any input is safe.
Result<HandoffFile> decode_handoff(wire::ByteView bytes);

// Names the descriptor to the successor.
inline constexpr const char* kHandoffVariable = "RELAIS_HANDOFF";

// The descriptor is inherited by exec; whoever runs then finds its number in the environment.
Result<UniqueFd> leave_handoff(const HandoffFile& handoff);
// What was left for this process, once; nothing if it was started in the ordinary way.
std::optional<Result<HandoffFile>> take_handoff();

}  // namespace relais::node
