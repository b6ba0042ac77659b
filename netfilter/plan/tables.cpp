// Carries bucket states over a restart of the daemon.
#include "netfilter/plan/tables.h"

#include <algorithm>

namespace relais::netfilter {

BucketStates demoted(const BucketStates& states) {
  BucketStates result{};
  std::ranges::transform(states, result.begin(), [](BucketState state) {
    return state == BucketState::foreign ? BucketState::foreign : BucketState::leftover;
  });
  return result;
}

std::vector<BucketStates> plan_restart(std::span<const VipTable> pinned, std::span<const IpAddress> wanted) {
  std::vector<BucketStates> tables;
  for (const IpAddress& address : wanted) {
    const auto found = std::ranges::find(pinned, address, &VipTable::address);
    tables.push_back(found == pinned.end() ? BucketStates{} : demoted(found->states));
  }
  return tables;
}

}  // namespace relais::netfilter
