// A list for the order, a map for the flows.
#include "netfilter/hold/held_openers.h"

#include "base/invariant.h"

namespace relais::netfilter {

std::optional<HeldOpener> HeldOpeners::add(const HeldOpener& held) {
  INVARIANT(oldest_first_.empty() || oldest_first_.back().came <= held.came, "openers come in their order");
  std::optional<HeldOpener> replaced;
  if (const auto before = by_flow_.find(held.flow); before != by_flow_.end()) {
    replaced = *before->second;
    oldest_first_.erase(before->second);
  }
  oldest_first_.push_back(held);
  by_flow_[held.flow] = std::prev(oldest_first_.end());
  return replaced;
}

std::vector<HeldOpener> HeldOpeners::take(std::span<const std::bitset<kBuckets>> buckets) {
  std::vector<HeldOpener> taken;
  for (auto held = oldest_first_.begin(); held != oldest_first_.end();) {
    if (!is_in(held->opener, buckets)) {
      ++held;
      continue;
    }
    taken.push_back(*held);
    by_flow_.erase(held->flow);
    held = oldest_first_.erase(held);
  }
  return taken;
}

std::vector<HeldOpener> HeldOpeners::take_older(Instant than) {
  std::vector<HeldOpener> taken;
  while (!oldest_first_.empty() && oldest_first_.front().came < than) {
    taken.push_back(oldest_first_.front());
    by_flow_.erase(oldest_first_.front().flow);
    oldest_first_.pop_front();
  }
  return taken;
}

}  // namespace relais::netfilter
