// Puts the programs on an interface's hooks, replacing those of a predecessor atomically, and takes them off.
#pragma once

#include "base/ids.h"
#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relais::netfilter {

// Where the verdict on received frames is made.
enum class AttachMode : std::uint8_t { native, generic, tc };

// "xdp-native", "xdp-generic", "tc-only"
std::string_view to_string(AttachMode mode);

// automatic: the first that the interface takes, in the order of AttachMode; else that one or an error.
enum class AttachChoice : std::uint8_t { automatic, native, generic, tc };

struct Refusal {
  AttachMode mode = AttachMode::native;
  std::string reason;
  bool operator==(const Refusal&) const = default;
};

struct Attached {
  AttachMode mode = AttachMode::native;
  std::vector<Refusal> refusals;  // of the better modes
};

// Descriptors of loaded programs; not owned.
struct Programs {
  int xdp = -1;         // decides
  int tc_host = -1;     // companion of xdp: packet type
  int tc_ingress = -1;  // decides, where there is no XDP
  int tc_egress = -1;
};

struct Hooks {
  IfIndex interface;
  std::string xdp_link;  // path of the pinned link
};

// True if the interface had no clsact qdisc and now has ours.
Result<bool> ensure_clsact(IfIndex interface);

// At no moment is a frame undecided if a predecessor's or these programs decided before.
Result<Attached> attach(const Hooks& hooks, const Programs& programs, AttachChoice choice);

// Whether all that attach() put there in this mode still is. Error with code ENOENT: it names what somebody has taken
// off; another code: it could not be seen.
Result<> check_attached(const Hooks& hooks, AttachMode mode);

enum class Clsact : std::uint8_t { keep, remove };

// Takes everything off. What is not there is fine, and so is an interface that is gone.
Result<> detach(const Hooks& hooks, Clsact clsact);

}  // namespace relais::netfilter
