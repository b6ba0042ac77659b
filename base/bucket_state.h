// What a node does with packets of one bucket; docs/architecture.md has the table. Same numbers as
// netfilter/abi/bucket_state.h.
#pragma once

#include "base/ids.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace relais {

enum class BucketState : std::uint8_t { foreign = 0, leftover = 1, shadow = 2, adopt = 3, serve = 4 };

// The states of all buckets of one VIP on one node.
using BucketStates = std::array<BucketState, kBuckets>;

constexpr std::string_view to_string(BucketState state) {
  switch (state) {
    case BucketState::foreign: return "foreign";
    case BucketState::leftover: return "leftover";
    case BucketState::shadow: return "shadow";
    case BucketState::adopt: return "adopt";
    case BucketState::serve: return "serve";
  }
  return "?";
}

}  // namespace relais
