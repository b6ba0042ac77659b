// What a starting daemon makes of the tables that its predecessor left pinned. Pure.
#pragma once

#include "base/address.h"
#include "base/bucket_state.h"

#include <span>
#include <vector>

namespace relais::netfilter {

// A VIP and this node's states for it, as found.
struct VipTable {
  IpAddress address;
  BucketStates states{};
  bool operator==(const VipTable&) const = default;
};

// A restarted daemon owns nothing yet, but its sockets live: everything but foreign becomes leftover.
BucketStates demoted(const BucketStates& states);

// The tables to start with, one for each of `wanted` in its order: what was pinned for the same address, demoted;
// foreign for addresses that were not there.
std::vector<BucketStates> plan_restart(std::span<const VipTable> pinned, std::span<const IpAddress> wanted);

}  // namespace relais::netfilter
