// The assignment as a function: its promises (ha/core/assign.h) over many random clusters, and its output pinned,
// because all nodes and releases must come to the same one.
#include "ha/core/assign.h"

#include "base/prng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace relais::ha {
namespace {

using Weights = std::map<NodeId, std::uint16_t>;

constexpr std::uint64_t kSeeds = 500;

std::map<NodeId, int> counts_of(const std::array<NodeId, kBuckets>& nodes) {
  std::map<NodeId, int> counts;
  for (const NodeId node : nodes) ++counts[node];
  return counts;
}

std::uint64_t total_of(const Weights& weights) {
  std::uint64_t total = 0;
  for (const auto& [node, weight] : weights) total += weight;
  return total;
}

Weights random_weights(Prng& random, std::uint32_t nodes) {
  Weights weights;
  while (weights.size() < nodes) {
    const NodeId node(static_cast<std::uint32_t>(random.between(1, 63)));
    weights[node] =
        static_cast<std::uint16_t>(random.chance(150) ? 0 : random.between(1, random.chance(200) ? 1000 : 4));
  }
  if (total_of(weights) == 0) weights.begin()->second = 1;
  return weights;
}

// An assignment with a history: nodes came, went and changed their weights.
Assignment random_history(Prng& random, const Weights& weights) {
  Assignment assignment;
  Weights living = weights;
  for (int change = 0; change < 4; ++change) {
    if (living.size() > 1 && random.chance(500)) living.erase(living.begin());
    for (auto& [node, weight] : living) {
      if (random.chance(200)) weight = static_cast<std::uint16_t>(random.between(0, 5));
    }
    assignment = plan_assignment(assignment, living);
  }
  return assignment;
}

int moved(const Assignment& before, const Assignment& after) {
  int count = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) count += before.owner[i] != after.owner[i] ? 1 : 0;
  return count;
}

class EveryClusterSize : public testing::TestWithParam<std::uint32_t> {};

TEST_P(EveryClusterSize, each_node_is_within_one_bucket_of_its_exact_share) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Prng random(seed);
    const Weights weights = random_weights(random, GetParam());
    const Assignment plan = plan_assignment(random_history(random, weights), weights);
    auto counts = counts_of(plan.owner);
    for (const auto& [node, weight] : weights) {
      const double share = 256.0 * weight / static_cast<double>(total_of(weights));
      EXPECT_LT(std::abs(counts[node] - share), 1.0) << "seed " << seed << ", node " << node.value();
    }
  }
}

TEST_P(EveryClusterSize, no_more_buckets_move_than_the_shares_demand) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Prng random(seed);
    const Weights weights = random_weights(random, GetParam());
    const Assignment before = random_history(random, weights);
    const Assignment after = plan_assignment(before, weights);
    auto had = counts_of(before.owner);
    auto has = counts_of(after.owner);
    int least = 0;
    for (const auto& [node, count] : had) least += std::max(0, count - has[node]);
    EXPECT_EQ(moved(before, after), least) << "seed " << seed;
    EXPECT_EQ(plan_assignment(after, weights), after) << "a second plan finds nothing to do; seed " << seed;
  }
}

TEST_P(EveryClusterSize, a_standby_is_another_node_with_a_weight_if_there_is_one) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Prng random(seed);
    const Weights weights = random_weights(random, GetParam());
    const Assignment plan = plan_assignment(random_history(random, weights), weights);
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const NodeId owner = plan.owner[i];
      const bool others = std::ranges::any_of(weights, [&](const auto& w) { return w.first != owner && w.second > 0; });
      ASSERT_NE(plan.standby[i], owner) << "seed " << seed;
      if (others) {
        ASSERT_GT(weights.at(plan.standby[i]), 0) << "seed " << seed;
      } else {
        ASSERT_EQ(plan.standby[i] == kNoNode, weights.size() == 1) << "seed " << seed;
      }
    }
  }
}

TEST_P(EveryClusterSize, a_dead_nodes_buckets_go_to_their_standbys_and_nothing_else_moves_beyond_one_bucket_a_node) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Prng random(seed);
    const Weights weights = random_weights(random, GetParam());
    const Assignment before = plan_assignment(random_history(random, weights), weights);
    const NodeId dead = before.owner[random.below(kBuckets)];
    Weights survivors = weights;
    survivors.erase(dead);
    if (total_of(survivors) == 0) continue;
    const Assignment after = plan_assignment(before, survivors);
    int to_others = 0;
    int between_survivors = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      if (before.owner[i] == dead) {
        to_others += after.owner[i] != before.standby[i] ? 1 : 0;
      } else {
        between_survivors += after.owner[i] != before.owner[i] ? 1 : 0;
      }
    }
    const int rounding = static_cast<int>(survivors.size());  // shares are whole buckets; weights differ 1000 : 1 here
    EXPECT_LE(between_survivors, rounding) << "seed " << seed;
    EXPECT_LE(to_others, rounding) << "seed " << seed;
  }
}

TEST_P(EveryClusterSize, with_equal_weights_a_dead_nodes_buckets_go_to_their_standbys_and_nothing_else_moves) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Prng random(seed);
    Weights weights = random_weights(random, GetParam());
    for (auto& [node, weight] : weights) weight = 1;
    const Assignment before = plan_assignment(random_history(random, weights), weights);
    const NodeId dead = before.owner[random.below(kBuckets)];
    Weights survivors = weights;
    survivors.erase(dead);
    if (survivors.empty()) continue;
    const Assignment after = plan_assignment(before, survivors);
    for (std::size_t i = 0; i < kBuckets; ++i) {
      ASSERT_EQ(after.owner[i], before.owner[i] == dead ? before.standby[i] : before.owner[i]) << "seed " << seed;
    }
  }
}

TEST_P(EveryClusterSize, the_same_input_gives_the_same_output) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Prng random(seed);
    const Weights weights = random_weights(random, GetParam());
    const Assignment before = random_history(random, weights);
    EXPECT_EQ(plan_assignment(before, weights), plan_assignment(before, weights));
  }
}

INSTANTIATE_TEST_SUITE_P(OneToSixteenNodes, EveryClusterSize, testing::Range(1U, 17U));

TEST(Assignment, without_any_weight_nobody_owns_anything) {
  const Assignment plan = plan_assignment({}, {{NodeId(1), 0}, {NodeId(2), 0}});
  EXPECT_EQ(plan, Assignment{});
}

TEST(Assignment, a_node_alone_owns_everything_and_has_no_standby) {
  const Assignment plan = plan_assignment({}, {{NodeId(7), 3}});
  EXPECT_EQ(counts_of(plan.owner), (std::map<NodeId, int>{{NodeId(7), 256}}));
  EXPECT_EQ(counts_of(plan.standby), (std::map<NodeId, int>{{kNoNode, 256}}));
}

TEST(Assignment, a_node_without_weight_owns_nothing_but_is_the_last_ones_standby) {
  const Assignment plan = plan_assignment({}, {{NodeId(1), 0}, {NodeId(2), 1}});
  EXPECT_EQ(counts_of(plan.owner), (std::map<NodeId, int>{{NodeId(2), 256}}));
  EXPECT_EQ(counts_of(plan.standby), (std::map<NodeId, int>{{NodeId(1), 256}}));
}

TEST(Assignment, the_only_ones_standbys_are_who_would_get_its_buckets) {
  const Weights weights{{NodeId(1), 0}, {NodeId(2), 1}, {NodeId(3), 0}};
  EXPECT_EQ(counts_of(plan_assignment({}, weights).standby),
            (std::map<NodeId, int>{{NodeId(1), 128}, {NodeId(3), 128}}));
  const Weights without_2{{NodeId(1), 0}, {NodeId(3), 1}};  // it is drained; then it would count
  EXPECT_EQ(counts_of(plan_assignment({}, weights, without_2).standby), (std::map<NodeId, int>{{NodeId(3), 256}}));
}

TEST(Assignment, weights_two_to_one_to_one_give_half_and_two_quarters) {
  const Assignment plan = plan_assignment({}, {{NodeId(1), 2}, {NodeId(2), 1}, {NodeId(3), 1}});
  EXPECT_EQ(counts_of(plan.owner), (std::map<NodeId, int>{{NodeId(1), 128}, {NodeId(2), 64}, {NodeId(3), 64}}));
}

// FNV-1a over owners and standbys of a chain of plans. If this changes, nodes of two releases would plan differently:
// such a change needs a new message version (docs/decisions/0003-plans-are-computed.md).
TEST(Assignment, its_output_is_the_same_in_every_release) {
  std::uint64_t fingerprint = 0xcbf29ce484222325ULL;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Prng random(seed);
    const Weights weights = random_weights(random, 1 + static_cast<std::uint32_t>(random.below(16)));
    const Assignment plan = plan_assignment(random_history(random, weights), weights);
    for (std::size_t i = 0; i < kBuckets; ++i) {
      for (const NodeId node : {plan.owner[i], plan.standby[i]}) {
        fingerprint = (fingerprint ^ node.value()) * 0x100000001b3ULL;
      }
    }
  }
  EXPECT_EQ(fingerprint, 9282313379508272434ULL);
}

}  // namespace
}  // namespace relais::ha
