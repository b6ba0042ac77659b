// Which stores turn one table of bucket states into another, and in which order. Pure.
#pragma once

#include "base/bucket_state.h"
#include "base/ids.h"

#include <vector>

namespace relais::netfilter {

struct Store {
  BucketId bucket;
  BucketState state = BucketState::foreign;
  bool operator==(const Store&) const = default;
};

using Stores = std::vector<Store>;

// How much a node answers in a state: 0 nothing, 1 only what a local socket has, 2 also openers, 3 everything.
constexpr int answers(BucketState state) {
  switch (state) {
    case BucketState::foreign: return 0;
    case BucketState::leftover: return 1;
    case BucketState::shadow: return 1;
    case BucketState::adopt: return 2;
    case BucketState::serve: return 3;
  }
  return 0;
}

// Only buckets that differ. Those that answer less than before come first, then those that answer more; among either
// the ones that answer least first. So at no moment between the stores does the node answer for more than before and
// after.
Stores plan_stores(const BucketStates& before, const BucketStates& after);

// Whether a bucket whose openers are held becomes one whose openers are answered.
bool is_claim(const BucketStates& before, const BucketStates& after);

}  // namespace relais::netfilter
