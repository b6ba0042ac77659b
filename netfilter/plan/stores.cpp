// Orders the stores between two tables of bucket states: losers before winners.
#include "netfilter/plan/stores.h"

#include <algorithm>
#include <tuple>

namespace relais::netfilter {

Stores plan_stores(const BucketStates& before, const BucketStates& after) {
  Stores stores;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (before[i] != after[i]) stores.push_back({BucketId(static_cast<std::uint8_t>(i)), after[i]});
  }
  const auto rank = [&](const Store& store) {
    const bool wins = answers(store.state) > answers(before[store.bucket.value()]);
    return std::tuple(wins, answers(store.state), store.bucket);
  };
  std::ranges::sort(stores, {}, rank);
  return stores;
}

bool is_claim(const BucketStates& before, const BucketStates& after) {
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (before[i] == BucketState::shadow && answers(after[i]) > answers(BucketState::shadow)) return true;
  }
  return false;
}

}  // namespace relais::netfilter
