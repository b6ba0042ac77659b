// A daemon that is replaced: when it may leave, what the others do meanwhile, how it is back, and what becomes of its
// share if it is not.
#include "tests/unit/core/story.h"

namespace relais::ha {
namespace {

using namespace std::chrono_literals;

std::size_t share_of(const Bench& bench, std::uint32_t node) {
  return static_cast<std::size_t>(std::ranges::count(bench.cluster(1).vips[0], NodeId(node), &Bucket::owner));
}

// Node 3 of three has left for its successor, and the others have seen it go.
Bench with_node_3_away() {
  Bench bench = formed();
  bench.give(3, UpgradeRequested{});
  bench.run(100ms);
  EXPECT_TRUE(bench.has_left(3));
  bench.view(set_of({1, 2}), Bench::Ring::same, LeaveReason::daemon_down);
  return bench;
}

void come_back(Bench& bench) {
  bench.start_successor(3);
  bench.view(set_of({1, 2, 3}), Bench::Ring::same);
  bench.run(500ms);
}

std::string reason(const Bench& bench, std::uint32_t node) {
  const Result<> may = may_upgrade(bench.state(node), Instant(1000s) + bench.now());
  return may.has_error() ? may.error().what : "";
}

TEST(Upgrade, moves_no_bucket_and_keeps_every_lease) {
  Bench bench = with_node_3_away();
  const Cluster before = bench.cluster(1);
  bench.run(3s);
  EXPECT_TRUE(bench.has_lease(1));
  EXPECT_TRUE(bench.has_lease(2));
  EXPECT_TRUE(bench.has_lease(3));
  come_back(bench);
  expect_sound(bench, {1, 2, 3});
  for (std::size_t i = 0; i < kBuckets; ++i) EXPECT_EQ(bench.cluster(1).vips[0][i], before.vips[0][i]);
  EXPECT_EQ(bench.cluster(1).nodes.at(NodeId(3)).presence, Presence::here);
  EXPECT_EQ(bench.cluster(1).nodes.at(NodeId(3)).long_lease_ms, 0U);
  EXPECT_TRUE(bench.state(1).long_lease_until.empty());
}

TEST(Upgrade, ends_with_a_lease_of_the_ordinary_length) {
  Bench bench = with_node_3_away();
  come_back(bench);
  const State& back = bench.state(3);
  EXPECT_FALSE(back.has_long_lease);
  EXPECT_LE(back.lease_until, Instant(1000s) + bench.now() + back.settings.timing.lease);
}

TEST(Upgrade, takes_the_long_lease_only_when_everybody_has_noted_it) {
  Bench bench = formed();
  bench.freeze(2);
  bench.give(3, UpgradeRequested{});
  bench.run(400ms);
  EXPECT_FALSE(bench.has_left(3)) << "node 2 has not said that it knows";
  EXPECT_FALSE(bench.state(3).has_long_lease);
}

TEST(Upgrade, gives_up_after_a_second_and_nothing_has_happened) {
  Bench bench{Bench::Setup{.token = 1000ms}};  // so that nobody is declared dead meanwhile
  bench.form();
  bench.freeze(2);
  bench.give(3, UpgradeRequested{});
  bench.run(1100ms);
  bench.thaw(2);
  bench.run(200ms);
  EXPECT_FALSE(bench.has_left(3));
  EXPECT_FALSE(bench.state(3).upgrade);
  expect_sound(bench, {1, 2, 3});
  EXPECT_TRUE(upgrading_members(bench.cluster(1)).empty());
  EXPECT_EQ(reason(bench, 3), "");
}

TEST(Upgrade, gives_way_to_a_stop) {
  Bench bench = formed();
  bench.give(3, UpgradeRequested{});
  bench.give(3, StopRequested{});
  bench.run(10s);
  EXPECT_FALSE(bench.has_left(3)) << "no successor was started";
  EXPECT_FALSE(bench.cluster(1).members.contains(NodeId(3))) << "it has left";
  EXPECT_EQ(share_of(bench, 3), 0U);
}

TEST(Upgrade, of_two_that_ask_at_once_the_first_goes) {
  Bench bench = formed();
  bench.halt();
  bench.give(2, UpgradeRequested{});
  bench.give(3, UpgradeRequested{});
  bench.view(set_of({1, 2, 3}), Bench::Ring::same);
  bench.run(100ms);
  EXPECT_FALSE(bench.has_left(2)) << "what they said was of another view";
  bench.give(2, UpgradeRequested{});
  bench.give(3, UpgradeRequested{});
  bench.run(100ms);
  EXPECT_TRUE(bench.has_left(2));
  EXPECT_FALSE(bench.has_left(3));
}

TEST(Upgrade, is_refused_with_the_reason_unless_all_is_calm) {
  Bench bench = formed();
  EXPECT_EQ(reason(bench, 3), "");
  bench.give(1, UpgradeRequested{});
  bench.run(20ms);
  EXPECT_EQ(reason(bench, 3), "an upgrade is under way");

  Bench two_left = formed();
  two_left.view(set_of({1, 2}));
  two_left.run(50ms);
  EXPECT_EQ(reason(two_left, 1), "buckets are moving");
  two_left.run(3s);
  EXPECT_EQ(reason(two_left, 1), "") << "two of three are enough";

  Bench outside = formed();
  outside.inquorate_view(set_of({1}));
  EXPECT_EQ(reason(outside, 1), "this node is not a member of the cluster now, so it has no share to keep");
}

TEST(Upgrade, of_one_of_two_leaves_the_other_its_lease) {
  Bench bench{Bench::Setup{.nodes = 2}};
  bench.form();
  bench.give(1, UpgradeRequested{});
  bench.run(100ms);
  ASSERT_TRUE(bench.has_left(1));
  bench.daemons(set_of({2}));
  bench.run(3s);
  EXPECT_TRUE(bench.has_lease(2));
  EXPECT_EQ(bench.count(2, BucketState::serve), kBuckets / 2) << "the other half is answered by node 1 itself";
  bench.start_successor(1);
  bench.daemons(set_of({1, 2}));
  bench.run(500ms);
  expect_sound(bench, {1, 2});
}

TEST(Upgrade, that_fails_at_the_exec_goes_on_with_an_ordinary_lease) {
  Bench bench = formed();
  State state = bench.state(3);
  const Instant now = Instant(1000s) + bench.now();
  state.upgrade = Upgrade{.announced_at = now - 20ms, .confirm_from = 1, .confirmed = set_of({1, 2})};
  Step left = step(std::move(state), Tick{}, now);
  ASSERT_TRUE(left.state.has_long_lease);
  ASSERT_TRUE(std::holds_alternative<StartSuccessor>(left.actions.back()));
  Step back = step(std::move(left.state), UpgradeFailed{"no such file"}, now);
  EXPECT_FALSE(back.state.has_long_lease);
  EXPECT_GT(back.state.lease_until, now);
  EXPECT_LE(back.state.lease_until, now + back.state.settings.timing.lease);
  EXPECT_LT(first_action<SetLease>(back.actions), first_message<UpgradeOver>(back.actions))
      << "the data plane first, then the others";
}

TEST(Upgrade, that_does_not_come_back_is_taken_over_after_the_announced_lease_and_not_before) {
  Bench bench = with_node_3_away();
  bench.run(bench.timing().upgrade - 200ms);
  EXPECT_EQ(share_of(bench, 3), 85U);
  bench.run(400ms);
  expect_sound(bench, {1, 2});
  EXPECT_TRUE(bench.cluster(1).nodes.at(NodeId(3)).grace);
}

TEST(Upgrade, that_comes_back_too_late_joins_as_after_a_restart) {
  Bench bench = with_node_3_away();
  bench.run(bench.timing().upgrade + 200ms);
  come_back(bench);
  bench.run(6s);
  expect_sound(bench, {1, 2, 3});
}

TEST(Upgrade, that_comes_back_as_an_ordinary_start_is_taken_over_at_once) {
  Bench bench = with_node_3_away();
  bench.run(500ms);
  bench.start(3);
  bench.view(set_of({1, 2, 3}), Bench::Ring::same);
  bench.run(600ms);  // it counts its connections first
  EXPECT_TRUE(upgrading_members(bench.cluster(1)).empty());
  bench.run(6s);
  expect_sound(bench, {1, 2, 3});
}

TEST(Upgrade, outlasts_a_new_ring_of_the_others) {
  Bench bench{Bench::Setup{.nodes = 4}};
  bench.form();
  bench.give(4, UpgradeRequested{});
  bench.run(100ms);
  bench.view(set_of({1, 2, 3}), Bench::Ring::same, LeaveReason::daemon_down);
  bench.run(300ms);
  bench.view(set_of({1, 2, 3}));
  bench.run(300ms);
  EXPECT_EQ(bench.cluster(1).nodes.at(NodeId(4)).presence, Presence::away) << "a new ring is no reason";
  bench.start_successor(4);
  bench.view(set_of({1, 2, 3, 4}), Bench::Ring::same);
  bench.run(500ms);
  expect_sound(bench, {1, 2, 3, 4});
}

TEST(Upgrade, lets_others_join_only_when_it_is_over) {
  Bench bench = with_node_3_away();
  bench.start(2);
  bench.view(set_of({1, 2}), Bench::Ring::same, LeaveReason::daemon_down);
  bench.run(200ms);
  EXPECT_FALSE(bench.is_member(2));
}

TEST(Upgrade, a_founder_that_may_have_forgotten_one_waits_its_full_length) {
  Bench bench = formed();
  bench.run(1s);
  bench.start(1);  // with a saved state: it has been a member
  bench.start(2);
  bench.view(set_of({1, 2}));
  bench.run(bench.timing().upgrade - 200ms);
  EXPECT_TRUE(bench.is_member(1));
  EXPECT_EQ(bench.count(1, BucketState::serve), 0U) << "node 3 may have announced a lease to those two";
  bench.run(400ms);
  expect_sound(bench, {1, 2});
}

}  // namespace
}  // namespace relais::ha
