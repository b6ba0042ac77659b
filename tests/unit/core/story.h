// What many stories of the core's tests need: a formed cluster, the order of actions, a sound end.
#pragma once

#include "tests/unit/core/bench.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace relais::ha {

inline Bench formed(Bench::Setup setup = {}) {
  Bench bench(std::move(setup));
  bench.form();
  return bench;
}

// Positions of the first action of a kind; the list's length if there is none.
template <class T>
std::size_t first_action(const Actions& actions) {
  return static_cast<std::size_t>(
      std::ranges::find_if(actions, [](const Action& action) { return std::holds_alternative<T>(action); }) -
      actions.begin());
}

template <class T>
std::size_t first_message(const Actions& actions) {
  return static_cast<std::size_t>(std::ranges::find_if(actions,
                                                       [](const Action& action) {
                                                         const auto* sent = std::get_if<Multicast>(&action);
                                                         return sent != nullptr &&
                                                                std::holds_alternative<T>(sent->body);
                                                       }) -
                                  actions.begin());
}

inline void expect_sound(const Bench& bench, std::initializer_list<std::uint32_t> nodes) {
  std::size_t owned = 0;
  for (const std::uint32_t node : nodes) {
    EXPECT_TRUE(bench.is_member(node)) << "node " << node;
    EXPECT_TRUE(bench.has_lease(node)) << "node " << node;
    EXPECT_EQ(bench.cluster(node).members, set_of(nodes));
    owned += bench.count(node, BucketState::serve) + bench.count(node, BucketState::adopt);
  }
  EXPECT_EQ(owned, kBuckets);
}

}  // namespace relais::ha
