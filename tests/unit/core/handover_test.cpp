// Planned moves: drain, resume, weights, an orderly stop; and the orders for them.
#include "ha/core/assign.h"
#include "tests/unit/core/story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace relais::ha {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::IsSupersetOf;
using ::testing::Not;

TEST(Handover, the_old_owner_stops_before_it_says_so_and_the_new_one_follows) {
  Bench bench = formed();
  for (const std::uint32_t node : {1U, 2U, 3U}) bench.take_actions(node);
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  const Actions old_owner = bench.take_actions(3);
  ASSERT_LT(first_message<Released>(old_owner), old_owner.size());
  EXPECT_LT(first_action<ApplyStates>(old_owner), first_message<Released>(old_owner)) << "I3";
  const Actions new_owner = bench.take_actions(2);
  ASSERT_LT(first_message<Holding>(new_owner), new_owner.size());
  EXPECT_LT(first_action<ApplyStates>(new_owner), first_message<Holding>(new_owner)) << "it holds openers first";
  EXPECT_LT(first_action<DecideHeld>(new_owner), first_message<Holding>(new_owner)) << "but none from before";
  const auto adopts = std::ranges::find_if(new_owner, [](const Action& action) {
    const auto* apply = std::get_if<ApplyStates>(&action);
    return apply != nullptr && std::ranges::count(apply->states, BucketState::adopt) > 0;
  });
  EXPECT_LT(first_action<LeaveOpeners>(new_owner), static_cast<std::size_t>(adopts - new_owner.begin()))
      << "what the old owner has accepted is noted before it adopts";
  EXPECT_EQ(bench.count(3, BucketState::leftover), 85U);
  EXPECT_EQ(bench.count(2, BucketState::adopt), 43U);
}

// The standby, too, must know which openers stay with the old owner: it may be the next one to own the bucket.
TEST(Handover, every_member_leaves_the_old_owners_openers_to_it) {
  Bench bench = formed();
  const Opener opener{.id = OpenerId(7), .vip = VipId(0), .bucket = BucketId(3), .phase = OpenerPhase::opening};
  bench.answer_openers(3, {opener}, Bench::Listing::complete);
  for (const std::uint32_t node : {1U, 2U, 3U}) bench.take_actions(node);
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  for (const std::uint32_t node : {1U, 2U}) {
    const Actions actions = bench.take_actions(node);
    ASSERT_LT(first_action<LeaveOpeners>(actions), actions.size()) << "node " << node;
    EXPECT_EQ(std::get<LeaveOpeners>(actions[first_action<LeaveOpeners>(actions)]).openers, std::vector{opener});
  }
  const Actions old_owner = bench.take_actions(3);
  EXPECT_EQ(first_action<LeaveOpeners>(old_owner), old_owner.size());
}

// Buckets in which the node is to give its openers up though nobody has asked for a list.
std::size_t given_up(const Actions& actions) {
  std::size_t buckets = 0;
  for (const Action& action : actions) {
    const auto* list = std::get_if<ListOpeners>(&action);
    if (list != nullptr && list->move == Epoch{} && list->cut_off_until == Instant::max())
      buckets += list->buckets[0].count();
  }
  return buckets;
}

TEST(Handover, openers_that_an_heir_was_not_there_to_hear_of_are_given_up) {
  Bench bench = formed();
  bench.view(set_of({1, 3}));
  bench.run(1s);
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  bench.view(set_of({1, 2, 3}));
  bench.run(2s);
  const std::size_t of_node_1 = bench.count(1, BucketState::adopt);
  ASSERT_GT(of_node_1, 0U);
  bench.take_actions(3);
  bench.view(set_of({2, 3}));
  EXPECT_EQ(given_up(bench.take_actions(3)), of_node_1);
}

TEST(Handover, openers_that_the_heir_knows_of_are_not_given_up) {
  Bench bench = formed();
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  bench.run(2s);
  bench.take_actions(3);
  bench.view(set_of({2, 3}));
  EXPECT_EQ(given_up(bench.take_actions(3)), 0U);
}

TEST(Handover, nothing_held_is_let_in_if_the_old_owner_cannot_say_what_it_has_answered) {
  Bench bench = formed();
  bench.answer_openers(3, {}, Bench::Listing::incomplete);
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  const auto told = bench.told();
  EXPECT_THAT(told, Not(Contains("n1 let in what is held for 42 buckets")));
  EXPECT_THAT(told, Contains("n1 drop what is held for 42 buckets"));
}

// Without a lease it could hold nothing, nor answer.
TEST(Handover, a_new_owner_says_that_it_is_ready_only_under_a_lease) {
  Bench bench = formed();
  bench.kill(3);
  bench.view(set_of({1, 2}));
  bench.run(2s);
  bench.start(3);
  bench.told();
  bench.view(set_of({1, 2, 3}));
  bench.run(2s);
  const auto told = bench.told();
  const auto lease = std::ranges::find(told, "n3 has a lease");
  const auto ready =
      std::ranges::find_if(told, [](const std::string& what) { return what.starts_with("n3 send holding"); });
  ASSERT_NE(ready, told.end());
  EXPECT_LT(lease - told.begin(), ready - told.begin());
}

TEST(Handover, who_joins_just_after_a_claim_waits_until_what_was_held_is_let_in) {
  Bench bench = formed();
  bench.halt();
  bench.kill(3);
  bench.start(3);
  bench.run(bench.timing().lease + 10ms);
  bench.take_actions(3);
  bench.view(set_of({1, 2, 3}));
  const Duration claimed_at = bench.now();
  ASSERT_EQ(bench.count(1, BucketState::adopt), 42U) << "claimed at once: its lease is over long since";
  while (bench.now() < claimed_at + 2s && first_message<Holding>(bench.actions(3)) == bench.actions(3).size())
    bench.run(1ms);
  EXPECT_GE(bench.now(), claimed_at + bench.timing().hold_settle);
  EXPECT_LT(bench.now(), claimed_at + 2s);
}

TEST(Handover, what_was_held_for_a_dead_front_is_let_in_before_the_buckets_move_on) {
  Bench bench = formed();
  bench.take_actions(1);
  bench.set_front(3, Front::no_carrier);
  ASSERT_EQ(bench.count(3, BucketState::leftover), 85U);
  const Duration handed_over_at = bench.now();
  bench.take_actions(1);
  bench.give(2, Ordered{SetDrained{.node = NodeId(2), .drained = true}});
  while (bench.now() < handed_over_at + 2s && first_message<Holding>(bench.actions(1)) == bench.actions(1).size())
    bench.run(1ms);
  EXPECT_GE(bench.now(), handed_over_at + bench.timing().hold_settle);
  EXPECT_LT(bench.now(), handed_over_at + 2s);
}

TEST(Handover, a_node_that_is_a_member_no_more_forgets_which_openers_it_has_accepted) {
  Bench bench = formed();
  bench.take_actions(3);
  bench.inquorate_view(set_of({3}));
  const Actions actions = bench.take_actions(3);
  EXPECT_LT(first_action<ForgetOpeners>(actions), actions.size());
}

TEST(Handover, the_new_owner_serves_when_the_last_leftover_is_gone) {
  Bench bench = formed();
  const std::size_t bucket = bench.first(3, BucketState::serve);
  bench.set_flows(3, bucket, 1);
  bench.count_flows(3);
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  bench.run(10s);
  EXPECT_EQ(bench.count(3, BucketState::leftover), 1U);
  const std::uint32_t owner = bench.cluster(1).vips[0][bucket].owner.value();
  EXPECT_EQ(bench.bucket(owner, bucket), BucketState::adopt);
  bench.set_flows(3, bucket, 0);
  bench.run(2s);
  EXPECT_EQ(bench.count(3, BucketState::foreign), kBuckets);
  EXPECT_EQ(bench.bucket(owner, bucket), BucketState::serve);
}

std::vector<DestroyFlows> destroyed(const Actions& actions) {
  std::vector<DestroyFlows> found;
  for (const Action& action : actions) {
    if (const auto* destroy = std::get_if<DestroyFlows>(&action)) found.push_back(*destroy);
  }
  return found;
}

TEST(Handover, what_its_client_has_not_completed_is_ended_once_soon_after) {
  Bench bench = formed();
  const std::size_t bucket = bench.first(3, BucketState::serve);
  bench.set_flows(3, bucket, 1);
  bench.count_flows(3);
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  bench.take_actions(3);
  bench.run(10s);
  EXPECT_EQ(destroyed(bench.take_actions(3)), std::vector<DestroyFlows>{}) << "a client may still complete it";
  bench.run(5s);
  BucketSet moved;
  moved.set(bucket);
  EXPECT_EQ(destroyed(bench.take_actions(3)),
            (std::vector{DestroyFlows{.vip = VipId(0), .buckets = moved, .kind = FlowKind::half_open}}));
}

TEST(Handover, leftovers_past_the_drain_limit_are_reset) {
  Bench bench = formed({.drain_limit = 20s});
  const std::size_t bucket = bench.first(3, BucketState::serve);
  bench.set_flows(3, bucket, 1);
  bench.count_flows(3);
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  bench.take_actions(3);
  bench.run(15s);
  bench.take_actions(3);
  bench.run(4500ms);
  EXPECT_EQ(destroyed(bench.take_actions(3)), std::vector<DestroyFlows>{});
  bench.run(1500ms);
  BucketSet moved;
  moved.set(bucket);
  const std::vector<DestroyFlows> after = destroyed(bench.take_actions(3));
  ASSERT_FALSE(after.empty());
  EXPECT_EQ(after.front(), (DestroyFlows{.vip = VipId(0), .buckets = moved}));
}

TEST(Handover, goes_on_in_the_next_view) {
  Bench bench = formed();
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  bench.run(5s);
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = false}});
  bench.halt();
  bench.view(set_of({1, 2, 3}));  // what was said in the old ring is said again in the new one
  bench.run(1s);
  EXPECT_TRUE(bench.cluster(1).moves.empty());
  expect_sound(bench, {1, 2, 3});
}

TEST(Handover, all_drained_serve_all_the_same) {
  Bench bench = formed();
  for (const std::uint32_t node : {1U, 2U, 3U}) {
    bench.give(1, Ordered{SetDrained{.node = NodeId(node), .drained = true}});
    bench.run(100ms);
  }
  bench.run(1s);
  expect_sound(bench, {1, 2, 3});
}

TEST(Handover, weights_are_followed) {
  Bench bench = formed();
  bench.give(2, Ordered{SetWeight{.node = NodeId(1), .vip = VipId(0), .weight = 2}});
  bench.run(8s);
  EXPECT_EQ(bench.count(1, BucketState::serve), 128U);
  EXPECT_EQ(bench.count(2, BucketState::serve), 64U);
}

TEST(Handover, the_last_node_in_service_is_one_whose_buckets_no_other_could_take) {
  Bench bench = formed({.nodes = 2});
  EXPECT_FALSE(is_last_in_service(bench.cluster(1), NodeId(1)));
  bench.give(1, Ordered{SetWeight{.node = NodeId(2), .vip = VipId(0), .weight = 0}});
  EXPECT_TRUE(is_last_in_service(bench.cluster(1), NodeId(1))) << "node 2 has no weight";
  EXPECT_FALSE(is_last_in_service(bench.cluster(1), NodeId(2)));
  bench.give(1, Ordered{SetWeight{.node = NodeId(2), .vip = VipId(0), .weight = 1}});
  bench.give(1, Ordered{SetDrained{.node = NodeId(2), .drained = true}});
  EXPECT_TRUE(is_last_in_service(bench.cluster(1), NodeId(1))) << "node 2 is drained";
  bench.kill(2);
  bench.view(set_of({1}), Bench::Ring::same);
  EXPECT_TRUE(is_last_in_service(bench.cluster(1), NodeId(1))) << "node 2 is gone";
}

TEST(Orders, are_refused_by_who_is_no_member) {
  Bench bench({});
  bench.start_all();
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  EXPECT_THAT(bench.told(), Contains("n1 report order-refused n1"));
}

TEST(Orders, given_in_a_ring_that_ends_count_in_the_next) {
  Bench bench = formed();
  bench.halt();
  bench.give(1, Ordered{SetDrained{.node = NodeId(3), .drained = true}});
  bench.view(set_of({1, 2, 3}));
  EXPECT_TRUE(bench.cluster(2).nodes.at(NodeId(3)).drained);
}

TEST(Stop, hands_over_first_and_ends_when_nothing_is_left) {
  Bench bench = formed();
  bench.give(3, StopRequested{});
  bench.run(4s);
  EXPECT_EQ(bench.count(3, BucketState::serve), 0U);
  bench.run(3s);
  const auto told = bench.told();
  EXPECT_THAT(told, Contains("n3 send leaving"));
  EXPECT_THAT(told, Contains("n3 stop now"));
  expect_sound(bench, {1, 2});
}

TEST(Stop, is_told_again_where_a_change_of_the_ring_swallowed_it) {
  Bench bench = formed();
  bench.halt();
  bench.give(3, StopRequested{});
  bench.view(set_of({1, 2, 3}), Bench::Ring::same);
  EXPECT_TRUE(bench.cluster(1).nodes.at(NodeId(3)).retiring);
  EXPECT_EQ(bench.count(3, BucketState::serve), 0U);
  bench.run(6s);
  EXPECT_FALSE(bench.cluster(1).nodes.at(NodeId(3)).retiring) << "it has left";
}

TEST(Stop, leaves_nothing_to_a_node_that_stops_at_the_same_time) {
  Bench bench = formed();
  bench.give(2, StopRequested{});
  bench.give(3, StopRequested{});
  EXPECT_EQ(bench.count(1, BucketState::serve) + bench.count(1, BucketState::adopt), kBuckets);
  EXPECT_TRUE(is_last_in_service(bench.cluster(1), NodeId(1)));
}

TEST(Stop, hands_over_to_nodes_without_weight_too) {
  Bench bench = formed();
  for (const std::uint32_t node : {1U, 2U}) {
    bench.give(1, Ordered{SetWeight{.node = NodeId(node), .vip = VipId(0), .weight = 0}});
  }
  const auto owned = [&] { return bench.count(3, BucketState::serve) + bench.count(3, BucketState::adopt); };
  ASSERT_EQ(owned(), kBuckets);
  bench.give(3, StopRequested{});
  EXPECT_EQ(owned(), 0U);
  EXPECT_TRUE(bench.is_member(3));
}

TEST(Stop, is_over_when_the_next_life_begins) {
  Cluster saved = formed().cluster(1);
  saved.nodes.at(NodeId(1)).retiring = true;
  EXPECT_FALSE(initial_state(formed().state(1).settings, saved, Instant{}).cluster.nodes.at(NodeId(1)).retiring);
}

TEST(Stop, asked_for_twice_does_not_wait_for_connections) {
  Bench bench = formed();
  bench.set_flows(3, bench.first(3, BucketState::serve), 1);
  bench.count_flows(3);
  bench.give(3, StopRequested{});
  bench.run(1s);
  EXPECT_THAT(bench.told(), Not(Contains("n3 send leaving")));
  bench.give(3, StopRequested{});
  EXPECT_THAT(bench.told(), IsSupersetOf({"n3 no lease", "n3 send leaving", "n3 stop now"}));
  expect_sound(bench, {1, 2});
}

TEST(Stop, of_a_node_that_is_no_member_needs_nobody) {
  Bench bench({});
  bench.start_all();
  bench.give(1, StopRequested{});
  EXPECT_THAT(bench.told(), Contains("n1 stop now"));
}

TEST(Stop, the_lease_ends_before_the_others_are_told) {
  Bench bench = formed({.nodes = 2});
  bench.set_flows(2, bench.first(2, BucketState::serve), 1);
  bench.count_flows(2);
  bench.give(2, StopRequested{});
  bench.take_actions(2);
  bench.run(6s);  // its connection does not end
  const Actions actions = bench.take_actions(2);
  ASSERT_LT(first_message<Leaving>(actions), actions.size());
  std::size_t revoked = actions.size();
  for (std::size_t i = 0; i < actions.size() && revoked == actions.size(); ++i) {
    const auto* lease = std::get_if<SetLease>(&actions[i]);
    if (lease != nullptr && lease->until == Instant{}) revoked = i;
  }
  EXPECT_LT(revoked, first_message<Leaving>(actions)) << "I3";
}

TEST(Stop, is_not_called_back_by_a_suspicion) {
  Bench bench = formed();
  bench.give(3, StopRequested{});
  bench.run(4500ms);
  bench.halt();
  bench.run(2s);
  EXPECT_THAT(bench.told(), Contains("n3 stop now"));
}

}  // namespace
}  // namespace relais::ha
