// Connection openers (TCP SYNs) as all nodes of a cluster know them: netfilter/abi/opener.h says how an id is made.
#pragma once

#include "base/ids.h"

#include <cstdint>

namespace relais {

using OpenerId = StrongId<struct OpenerIdTag, std::uint64_t>;

// How far the node that has accepted it has come.
enum class OpenerPhase : std::uint8_t {
  answered = 0,  // nothing is open any more: established, ended, or without a socket (SYN cookie)
  opening = 1,   // the client's next segment, or the same SYN again, is awaited
};

struct Opener {
  OpenerId id;
  VipId vip;
  BucketId bucket;
  OpenerPhase phase = OpenerPhase::answered;
  bool operator==(const Opener&) const = default;
};

}  // namespace relais
