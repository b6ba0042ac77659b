// What the halves of a cluster do that is split in two, by rule: docs/decisions/0004-two-nodes.md.
#include "tests/unit/core/story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relais::ha {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;

constexpr Duration kArbiterLag = 700ms;

Bench two_nodes(SplitRule split) {
  return formed({.nodes = 2, .split = split, .arbiter_lag = split == SplitRule::arbiter ? kArbiterLag : Duration{}});
}

// The ring stands still, until Corosync shows node 1 alone and quorate.
void part(Bench& bench) {
  bench.halt();
  bench.run(bench.timing().detection);
  bench.told();
  bench.quorate_view(set_of({1}));
}

Bench alone_by_arbiter() {
  Bench bench = two_nodes(SplitRule::arbiter);
  bench.freeze(2);
  part(bench);
  bench.run(3s);
  expect_sound(bench, {1});
  bench.told();
  return bench;
}

TEST(HalfByArbiter, founds_the_cluster_anew_because_the_other_half_may_have_had_the_vote) {
  Bench bench = two_nodes(SplitRule::arbiter);
  part(bench);
  EXPECT_THAT(bench.told(), Contains("n1 report lineage-lost n1"));
  EXPECT_FALSE(bench.is_member(1));
  EXPECT_FALSE(bench.has_lease(1));
}

TEST(HalfByArbiter, waits_a_lease_and_the_time_for_which_the_other_may_believe_in_its_vote) {
  Bench bench = two_nodes(SplitRule::arbiter);
  bench.freeze(2);
  part(bench);
  bench.run(bench.timing().lease + kArbiterLag);
  EXPECT_TRUE(bench.is_member(1));
  EXPECT_EQ(bench.count(1, BucketState::serve), 0U);
  bench.run(bench.timing().guard + 1s);
  EXPECT_EQ(bench.count(1, BucketState::serve), kBuckets);
  expect_sound(bench, {1});
}

TEST(HalfByArbiter, that_stood_still_starts_over_whatever_comes_back_to_it) {
  Bench bench = alone_by_arbiter();
  bench.halt();
  bench.run(bench.timing().lease + 10ms);
  EXPECT_THAT(bench.told(), Contains("n1 report lease-ran-out n1"));
  EXPECT_FALSE(bench.is_member(1));
}

TEST(HalfByArbiter, that_has_stood_still_since_its_founding_starts_over) {
  Bench bench = two_nodes(SplitRule::arbiter);
  bench.freeze(2);
  part(bench);
  bench.halt_after(2);  // its hello and its founding
  for (Duration waited{}; waited < 1s && !bench.is_member(1); waited += 5ms) bench.run(5ms);
  ASSERT_TRUE(bench.is_member(1));
  ASSERT_FALSE(bench.has_lease(1));
  bench.told();
  bench.run(bench.timing().lease);
  EXPECT_THAT(bench.told(), Contains("n1 report lease-ran-out n1"));
  EXPECT_FALSE(bench.is_member(1));
}

TEST(HalfByArbiter, whose_ring_forms_anew_starts_over_because_the_other_may_have_had_the_vote_meanwhile) {
  Bench bench = alone_by_arbiter();
  bench.quorate_view(set_of({1}));
  EXPECT_THAT(bench.told(), Contains("n1 report lineage-lost n1"));
  EXPECT_FALSE(bench.has_lease(1));
}

TEST(HalfByArbiter, goes_on_without_a_pause_when_the_other_comes_back) {
  Bench bench = alone_by_arbiter();
  bench.start(2);
  bench.view(set_of({1, 2}));
  EXPECT_TRUE(bench.is_member(1));
  EXPECT_TRUE(bench.has_lease(1));
  EXPECT_EQ(bench.count(1, BucketState::serve), kBuckets);
  bench.run(5s);
  expect_sound(bench, {1, 2});
}

TEST(HalfByArbiter, with_a_lease_that_ended_is_not_believed_when_the_other_comes_back) {
  Bench bench = alone_by_arbiter();
  bench.freeze(1);
  bench.run(bench.timing().lease + 10ms);
  bench.start(2);
  bench.view(set_of({1, 2}));
  bench.thaw(1);
  EXPECT_FALSE(bench.is_member(1));
}

TEST(Both, go_on_alone_and_one_yields_when_they_meet) {
  Bench bench = two_nodes(SplitRule::both);
  part(bench);
  EXPECT_TRUE(bench.is_member(1));
  bench.run(1s);
  expect_sound(bench, {1});
  bench.quorate_view(set_of({2}));
  bench.run(1s);
  expect_sound(bench, {2});
  bench.told();
  bench.view(set_of({1, 2}));
  bench.run(3s);
  expect_sound(bench, {1, 2});
  EXPECT_EQ(bench.cluster(1), bench.cluster(2));
  const auto told = bench.told();
  EXPECT_EQ(std::ranges::count_if(told, [](const std::string& line) { return line.find("yielded") != line.npos; }), 1);
}

}  // namespace
}  // namespace relais::ha
