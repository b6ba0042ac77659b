// Bytes <-> messages between daemons, and bytes <-> the saved cluster state. Pure; no sockets, no files.
//
// A message: magic "RLSM" (4 bytes), format version (1), type (1), reserved (2, zero), view id (8), body length (4),
// body. All little-endian. How releases differ and still talk: see bytes.h. The format version changes only if that is
// not enough; a message of another version or of an unknown type is `Ignored`, so a newer peer may speak first.
// Enumerations (Cause, MovePhase) are closed: a new value needs a new field.
#pragma once

#include "base/result.h"
#include "ha/core/cluster.h"
#include "ha/core/message.h"
#include "ha/wire/bytes.h"

#include <cstddef>
#include <cstdint>
#include <variant>

namespace relais::wire {

inline constexpr std::uint8_t kFormatVersion = 1;
inline constexpr std::size_t kHeaderBytes = 20;
// Corosync delivers up to 1 047 552 bytes atomically; the largest snapshot within the bounds is far smaller.
inline constexpr std::size_t kMaxMessageBytes = 1'000'000;
inline constexpr std::size_t kMaxVersionText = 64;  // Hello::version
// Of Clients, both lists together; more in one message is damage.
inline constexpr std::size_t kMaxClients = 2048;
// What one client takes at most in a message: its length, family, VIP, ports and IPv6 address.
inline constexpr std::size_t kMaxClientBytes = 23;

// Well formed, but of a release that knows more than this one.
struct Ignored {
  std::uint8_t format_version = 0;
  std::uint8_t type = 0;
  bool operator==(const Ignored&) const = default;
};

using Decoded = std::variant<ha::Message, Ignored>;

// At most kMaxMessageBytes. Requires values within the core's bounds (kMaxVips, node ids, kMaxVersionText).
Bytes encode_message(const ha::Message& message);

// The message, `Ignored`, or an error that names the field. Any input is safe.
Result<Decoded> decode_message(ByteView bytes);

// The state file's contents: magic "RLSC", format version, the state, and a checksum over all of it.
Bytes encode_cluster_file(const ha::Cluster& cluster);

// `content` with the state file's checksum behind it.
Bytes with_checksum(ByteView content);

// An error if the file is cut off, damaged or of another format version.
Result<ha::Cluster> decode_cluster_file(ByteView bytes);

}  // namespace relais::wire
