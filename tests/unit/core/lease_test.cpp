// What follows when a node falls silent: leases, fences, takeovers, suspicion, grace.
#include "tests/unit/core/story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relais::ha {
namespace {

using namespace std::chrono_literals;

TEST(Crash, the_buckets_are_taken_over_only_after_the_fence) {
  Bench bench = formed();
  bench.halt();
  bench.kill(3);
  bench.run(bench.timing().detection);
  bench.view(set_of({1, 2}));
  EXPECT_EQ(bench.count(1, BucketState::serve), 86U) << "the dead node's lease may still run";
  const Instant fence = bench.state(1).fences.at(NodeId(3)).until;
  bench.run(fence - Instant(1000s) - bench.now() - 10ms);
  EXPECT_EQ(bench.count(1, BucketState::serve), 86U);
  bench.run(20ms);
  EXPECT_EQ(bench.count(1, BucketState::adopt), 42U);
  bench.run(bench.timing().brief_grace);
  expect_sound(bench, {1, 2});
}

TEST(Crash, survivors_serve_all_the_time) {
  Bench bench = formed();
  bench.halt();
  bench.kill(3);
  for (Duration waited{}; waited < bench.timing().detection; waited += 5ms) {
    bench.run(5ms);
    EXPECT_TRUE(bench.has_lease(1));
    EXPECT_TRUE(bench.has_lease(2));
  }
  bench.view(set_of({1, 2}));
  bench.run(30ms);
  EXPECT_TRUE(bench.has_lease(1));
  EXPECT_TRUE(bench.has_lease(2));
}

// Node 3 dies when so many messages of the drain of `drained` have been delivered.
Bench crash_in_handover(std::uint32_t drained, std::size_t delivered) {
  Bench bench = formed();
  bench.halt_after(delivered);
  bench.give(1, Ordered{SetDrained{.node = NodeId(drained), .drained = true}});
  bench.halt();
  bench.kill(3);
  bench.view(set_of({1, 2}));
  bench.run(4s);
  return bench;
}

TEST(Crash, in_a_handover_leaves_no_bucket_behind) {
  struct Row {
    const char* who;
    std::uint32_t drained;
    std::size_t served_by_1;
  };
  for (const Row& row : {Row{"the new owner", 1, 0}, Row{"the old owner", 3, 128}}) {
    for (std::size_t delivered = 1; delivered < 8; ++delivered) {
      SCOPED_TRACE(std::string(row.who) + " dies after message " + std::to_string(delivered));
      const Bench bench = crash_in_handover(row.drained, delivered);
      expect_sound(bench, {1, 2});
      EXPECT_EQ(bench.cluster(1), bench.cluster(2));
      EXPECT_TRUE(bench.cluster(1).moves.empty());
      EXPECT_EQ(bench.count(1, BucketState::serve), row.served_by_1);
    }
  }
}

TEST(Crash, what_nobody_has_acknowledged_does_not_put_a_takeover_off) {
  Bench bench = formed();
  bench.halt();
  bench.kill(3);
  bench.run(bench.timing().detection);
  // A last heartbeat that had reached only some comes to all with the new view.
  Heartbeat last{.sequence = bench.cluster(1).nodes.at(NodeId(3)).heartbeat + 1, .members = set_of({1, 2, 3})};
  const Message message{.view = bench.state(1).view.view, .body = last};
  for (const std::uint32_t node : {1U, 2U}) bench.give(node, Delivered{.from = NodeId(3), .message = message});
  bench.view(set_of({1, 2}));
  bench.run(150ms);
  expect_sound(bench, {1, 2});
}

TEST(Crash, what_is_claimed_without_a_lease_is_let_in_when_the_lease_is_back) {
  Bench bench = formed();
  bench.halt();
  bench.kill(3);
  bench.run(bench.timing().lease + 10ms);
  ASSERT_FALSE(bench.has_lease(1));
  bench.told();
  bench.view(set_of({1, 2}));
  bench.run(150ms);
  const auto told = bench.told();
  const auto position = [&](std::string_view what) { return std::ranges::find(told, what) - told.begin(); };
  const auto let_in = position("n1 let in unanswered what is held for 128 buckets");
  ASSERT_LT(let_in, std::ssize(told)) << "the dead owner may have answered what came last";
  EXPECT_LT(position("n1 has a lease"), let_in) << "before, nothing could be answered, and would be lost";
}

// Node 1 has heard the last heartbeat in time, node 2 only with the new view.
TEST(Crash, who_has_heard_of_it_late_claims_when_another_does) {
  Bench bench = formed();
  bench.halt();
  bench.kill(3);
  const Heartbeat last{.sequence = bench.cluster(1).nodes.at(NodeId(3)).heartbeat + 1, .members = set_of({1, 2, 3})};
  const ViewId view = bench.state(1).view.view;
  const Heartbeat answer{.sequence = bench.cluster(2).nodes.at(NodeId(1)).heartbeat + 1,
                         .members = set_of({1, 2, 3}),
                         .acks = {{.node = NodeId(3), .sequence = last.sequence}}};
  const auto hear = [&](std::uint32_t node) {
    bench.give(node, Delivered{.from = NodeId(3), .message = {.view = view, .body = last}});
    bench.give(node, Delivered{.from = NodeId(1), .message = {.view = view, .body = answer}});
  };
  hear(1);
  bench.run(bench.timing().detection);
  hear(2);
  bench.view(set_of({1, 2}));
  EXPECT_GT(bench.state(2).fences.at(NodeId(3)).until, bench.state(1).fences.at(NodeId(3)).until + 300ms);
  bench.run(150ms);
  EXPECT_EQ(bench.count(1, BucketState::adopt), 42U);
  EXPECT_EQ(bench.count(2, BucketState::adopt), 43U);
}

TEST(Lease, is_not_earned_by_self_delivery_alone) {
  Bench bench = formed();
  bench.freeze(2);
  bench.freeze(3);
  bench.run(bench.timing().lease + 5ms);  // its own heartbeats come back all the time
  EXPECT_FALSE(bench.has_lease(1));
  bench.run(100ms);
  EXPECT_EQ(bench.cluster(1).members, set_of({1})) << "the others are declared dead";
  EXPECT_TRUE(bench.has_lease(1));
}

TEST(Lease, needs_only_half_of_the_others) {
  Bench bench = formed();
  bench.freeze(3);
  bench.run(bench.timing().lease);
  EXPECT_TRUE(bench.has_lease(1));
  EXPECT_TRUE(bench.has_lease(2));
}

TEST(Lease, ends_with_quorum_and_with_the_ring) {
  Bench bench = formed();
  bench.inquorate_view(set_of({3}));
  EXPECT_FALSE(bench.has_lease(3));
  EXPECT_EQ(bench.count(3, BucketState::serve), 0U);
  bench.lose_ring(2);
  EXPECT_FALSE(bench.has_lease(2));
  EXPECT_EQ(bench.count(2, BucketState::serve), 0U);
}

TEST(Lease, ends_by_itself_when_nothing_is_delivered) {
  Bench bench = formed();
  bench.halt();
  bench.run(bench.timing().lease + 10ms);
  EXPECT_FALSE(bench.has_lease(1));
}

TEST(Grace, a_dead_daemons_connections_are_kept_for_a_while_and_then_given_up) {
  Bench bench = formed();
  bench.kill(3);
  bench.view(set_of({1, 2}), Bench::Ring::same, LeaveReason::daemon_down);
  bench.run(bench.timing().grace - 200ms);
  EXPECT_EQ(bench.count(1, BucketState::adopt), 42U);
  bench.run(400ms);
  EXPECT_EQ(bench.count(1, BucketState::serve), 128U);
}

bool tells_clients_of(const Actions& actions, NodeId dead) {
  return std::ranges::any_of(actions, [&](const Action& action) {
    const auto* tickle = std::get_if<Tickle>(&action);
    return tickle != nullptr && tickle->of == dead;
  });
}

TEST(Grace, of_a_node_that_is_gone_from_the_ring_is_brief) {
  Bench bench = formed();
  bench.kill(3);
  bench.view(set_of({1, 2}));
  bench.run(bench.timing().brief_grace - 10ms);
  EXPECT_FALSE(tells_clients_of(bench.take_actions(1), NodeId(3)));
  bench.run(bench.timing().lease);
  EXPECT_EQ(bench.count(1, BucketState::serve), 128U);
  EXPECT_TRUE(tells_clients_of(bench.take_actions(1), NodeId(3)));
}

// Corosync may form a ring without a healthy node, and take it in again some 30 ms later.
TEST(Grace, a_node_that_the_ring_left_out_for_a_moment_keeps_its_connections) {
  Bench bench = formed();
  const std::size_t bucket = bench.first(3, BucketState::serve);
  bench.halt();
  bench.run(bench.timing().lease + 50ms);
  bench.inquorate_view(set_of({3}));
  bench.view(set_of({1, 2}));
  bench.run(30ms);
  bench.set_flows(3, bucket, 1);
  bench.view(set_of({1, 2, 3}));
  bench.count_flows(3);
  bench.run(2s);
  ASSERT_TRUE(bench.is_member(3));
  for (const std::uint32_t node : {1U, 2U}) EXPECT_FALSE(tells_clients_of(bench.actions(node), NodeId(3)));
  expect_sound(bench, {1, 2, 3});
}

TEST(Grace, is_ended_by_a_node_that_became_a_member_since) {
  Bench bench = formed();
  bench.kill(3);
  bench.view(set_of({1, 2}), Bench::Ring::same, LeaveReason::daemon_down);
  bench.run(1s);
  bench.kill(1);
  bench.view(set_of({2}), Bench::Ring::same, LeaveReason::daemon_down);
  bench.start(1);
  bench.view(set_of({1, 2}), Bench::Ring::same);  // the lowest member again, which ends graces
  bench.run(1s);
  ASSERT_TRUE(bench.is_member(1));
  bench.run(bench.timing().grace + 500ms);
  EXPECT_FALSE(bench.cluster(2).nodes.at(NodeId(3)).grace);
  EXPECT_EQ(bench.count(1, BucketState::adopt), 0U);
}

bool asks_its_clients(const Actions& actions) {
  return std::ranges::any_of(actions, [](const Action& action) { return std::holds_alternative<AskClients>(action); });
}

// What clients sent meanwhile was dropped: that a connection is over, too.
TEST(LeaseBack, a_node_that_was_no_member_asks_its_clients_whether_they_have_their_connections) {
  for (const LeaveReason reason : {LeaveReason::node_down, LeaveReason::daemon_down}) {
    Bench bench = formed();
    bench.set_flows(3, bench.first(3, BucketState::serve), 1);
    bench.inquorate_view(set_of({3}));
    bench.view(set_of({1, 2}), Bench::Ring::fresh, reason);
    bench.run(1s);
    bench.take_actions(3);
    bench.view(set_of({1, 2, 3}));
    bench.run(2s);
    EXPECT_TRUE(asks_its_clients(bench.actions(3)));
  }
}

TEST(LeaseBack, a_member_whose_lease_ran_out_asks_its_clients) {
  Bench bench = formed();
  bench.take_actions(3);
  bench.halt();
  bench.run(bench.timing().lease + 10ms);
  bench.view(set_of({1, 2, 3}));
  bench.run(200ms);
  ASSERT_TRUE(bench.is_member(3));
  EXPECT_TRUE(asks_its_clients(bench.actions(3)));
}

TEST(LeaseBack, who_has_no_connections_has_nobody_to_ask) {
  Bench bench = formed();
  EXPECT_FALSE(asks_its_clients(bench.take_actions(3)));
}

TEST(DeclaredDead, a_frozen_daemon_loses_its_buckets_within_the_ring) {
  Bench bench = formed();
  bench.freeze(3);
  bench.run(bench.timing().silence + 60ms);
  EXPECT_FALSE(bench.cluster(1).members.contains(NodeId(3)));
  expect_sound(bench, {1, 2});
  EXPECT_FALSE(bench.has_lease(3));
}

TEST(DeclaredDead, the_lowest_node_that_wakes_up_again_does_not_stop_the_others) {
  Bench bench = formed();
  bench.freeze(1);
  bench.run(2s);
  bench.thaw(1);
  EXPECT_TRUE(bench.is_member(2));
  EXPECT_TRUE(bench.is_member(3));
  EXPECT_FALSE(bench.is_member(1));
  bench.run(2s);
  expect_sound(bench, {1, 2, 3});
}

TEST(DeclaredDead, who_has_spoken_since_lives_on) {
  Bench bench = formed();
  const std::uint64_t heard = bench.cluster(1).nodes.at(NodeId(3)).heartbeat;
  bench.run(100ms);
  bench.send_as(1, Suspect{.node = NodeId(3), .sequence = heard});
  bench.run(10ms);
  expect_sound(bench, {1, 2, 3});
}

}  // namespace
}  // namespace relais::ha
