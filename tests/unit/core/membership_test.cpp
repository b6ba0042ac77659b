// Who is a member, and of what: founding, joining, partitions. Each test is one rule of docs/invariants.md or one step
// of the protocol, on a ring that behaves.
#include "tests/unit/core/story.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace relais::ha {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;

TEST(Founding, three_nodes_share_the_buckets) {
  const Bench bench = formed();
  expect_sound(bench, {1, 2, 3});
  EXPECT_EQ(bench.count(1, BucketState::serve), 86U);
  EXPECT_EQ(bench.count(2, BucketState::serve), 85U);
}

TEST(Founding, a_node_alone_without_quorum_answers_nobody) {
  Bench bench({});
  bench.start_all();
  bench.inquorate_view(set_of({1}));
  bench.run(10s);
  EXPECT_FALSE(bench.is_member(1));
  EXPECT_FALSE(bench.has_lease(1));
}

TEST(Founding, waits_for_every_lease_that_may_still_run) {
  Bench bench({});
  bench.start_all();
  bench.view(set_of({1, 2}));
  bench.run(100ms);  // hellos
  ASSERT_TRUE(bench.is_member(1));
  EXPECT_EQ(bench.count(1, BucketState::serve), 0U) << "node 3 may have a lease from before";
  bench.run(bench.timing().silence + 20ms);
  expect_sound(bench, {1, 2});
}

TEST(Founding, waits_for_the_hello_of_everybody_in_view_but_not_for_ever) {
  Bench bench({});
  bench.start(1);
  bench.start(2);
  bench.view(set_of({1, 2, 3}));  // no daemon of node 3 ever speaks
  bench.run(2900ms);
  EXPECT_FALSE(bench.is_member(1));
  bench.run(2s);
  expect_sound(bench, {1, 2});
}

TEST(Founding, keeps_who_is_drained_from_the_last_known_state) {
  Bench bench = formed();
  bench.give(1, Ordered{SetDrained{.node = NodeId(2), .drained = true}});
  bench.run(5s);
  bench.start_all();
  bench.view(set_of({1, 2, 3}));
  bench.run(2s);
  EXPECT_TRUE(bench.cluster(3).nodes.at(NodeId(2)).drained);
  EXPECT_EQ(bench.count(2, BucketState::serve), 0U);
}

TEST(Founding, without_any_weight_all_share_alike) {
  Bench::Setup setup{.nodes = 2};
  setup.weights[1] = 0;
  setup.weights[2] = 0;
  const Bench bench = formed(setup);
  EXPECT_EQ(bench.count(1, BucketState::serve), 128U);
  EXPECT_EQ(bench.count(2, BucketState::serve), 128U);
}

TEST(Founding, is_void_where_a_member_has_spoken) {
  Bench bench = formed();
  bench.kill(3);
  bench.view(set_of({1, 2}), Bench::Ring::same, LeaveReason::daemon_down);
  bench.start(3);
  bench.view(set_of({1, 2, 3}), Bench::Ring::same);
  bench.run(50ms);  // heartbeats
  bench.send_as(3, Snapshot{.for_node = kNoNode, .forming = set_of({3}), .cluster = bench.cluster(1)});
  bench.run(2s);
  expect_sound(bench, {1, 2, 3});
}

// Node 2 counts this one out, though both were members together: two halves went on.
bool yields_to_who_left_it_out(Bench& bench) {
  bench.told();
  const Heartbeat heartbeat{.sequence = bench.cluster(1).nodes.at(NodeId(2)).heartbeat + 1, .members = set_of({2, 3})};
  bench.give(1, Delivered{.from = NodeId(2), .message = {.view = bench.state(1).view.view, .body = heartbeat}});
  const auto told = bench.told();
  return std::ranges::find(told, "n1 report left-out n2") != told.end() && !bench.is_member(1) && !bench.has_lease(1);
}

TEST(LeftOut, a_member_that_another_does_not_count_asks_for_the_state) {
  Bench bench = formed();
  bench.view(set_of({1, 2, 3}));
  bench.run(100ms);
  EXPECT_TRUE(yields_to_who_left_it_out(bench));
}

// However late it comes: this node may have been frozen.
TEST(LeftOut, a_heartbeat_that_was_sent_before_the_acceptance_says_nothing) {
  Bench bench = formed();
  bench.kill(1);
  bench.view(set_of({2, 3}));
  bench.run(1s);
  bench.start(1);
  bench.view(set_of({1, 2, 3}));
  bench.run(3s);
  ASSERT_TRUE(bench.is_member(1));
  EXPECT_FALSE(yields_to_who_left_it_out(bench));
  EXPECT_TRUE(bench.is_member(1));
}

TEST(Founding, members_that_were_silent_in_the_view_yield_to_it) {
  Bench bench = formed();
  bench.freeze(1);
  bench.freeze(2);
  bench.kill(3);
  bench.start(3);
  bench.view(set_of({1, 2, 3}));
  bench.run(5s);
  ASSERT_TRUE(bench.is_member(3)) << "nobody spoke: it has founded a cluster";
  bench.thaw(1);
  EXPECT_FALSE(bench.is_member(1));
  EXPECT_FALSE(bench.has_lease(1));
  bench.thaw(2);
  bench.run(3s);
  expect_sound(bench, {1, 2, 3});
}

TEST(Joining, a_node_gets_the_state_and_its_share_and_no_connection_moves) {
  Bench bench({});
  bench.start(1);
  bench.start(2);
  bench.view(set_of({1, 2}));
  bench.run(3s);
  const std::size_t bucket = bench.first(1, BucketState::serve);
  bench.set_flows(1, bucket, 1);
  bench.count_flows(1);
  bench.start(3);
  bench.view(set_of({1, 2, 3}));
  bench.run(1500ms);
  expect_sound(bench, {1, 2, 3});
  EXPECT_EQ(bench.cluster(3), bench.cluster(1));
  bench.run(5s);
  EXPECT_EQ(bench.count(3, BucketState::serve) + bench.count(3, BucketState::adopt), 85U);
}

TEST(Joining, a_node_with_connections_from_before_keeps_them) {
  Bench bench = formed();
  const std::size_t bucket = bench.first(3, BucketState::serve);
  bench.set_flows(3, bucket, 2);
  bench.count_flows(3);
  bench.kill(3);
  bench.view(set_of({1, 2}), Bench::Ring::same, LeaveReason::daemon_down);
  bench.run(1s);
  const NodeId owner = bench.cluster(1).vips[0][bucket].owner;
  EXPECT_EQ(bench.bucket(owner.value(), bucket), BucketState::adopt) << "the dead daemon's connections live: grace";
  bench.start(3);
  bench.view(set_of({1, 2, 3}), Bench::Ring::same);
  bench.run(1s);
  EXPECT_TRUE(bench.cluster(1).vips[0][bucket].leftovers.contains(NodeId(3)) ||
              bench.cluster(1).vips[0][bucket].owner == NodeId(3));
}

TEST(Joining, with_another_list_of_vips_is_refused) {
  Bench bench = formed();
  bench.kill(3);
  bench.view(set_of({1, 2}), Bench::Ring::same, LeaveReason::daemon_down);
  bench.start(3);
  bench.view(set_of({1, 2, 3}), Bench::Ring::same);
  bench.told();
  bench.send_as(3, Hello{.incarnation = 5, .attempt = 1, .config_hash = 8, .weights = {1, 1}, .leftovers = {{}, {}}});
  bench.run(20ms);
  const auto told = bench.told();
  EXPECT_THAT(told, Contains("n1 report join-refused n3"));
  EXPECT_THAT(told, Contains("n1 report config-differs n3"));
}

TEST(Joining, with_another_timing_is_refused_until_only_its_kind_is_left) {
  Bench bench = formed();
  for (const std::uint32_t node : {3U, 2U}) {
    bench.kill(node);
    bench.view(set_of({1, 2, 3}) - set_of({node}), Bench::Ring::same, LeaveReason::daemon_down);
    bench.start_with_common_hash(node, 99);
    bench.view(set_of({1, 2, 3}), Bench::Ring::same);
    bench.run(3s);
    EXPECT_FALSE(bench.is_member(node)) << "its lease has another length";
    EXPECT_TRUE(bench.is_member(1));
  }
  EXPECT_EQ(bench.count(1, BucketState::serve) + bench.count(1, BucketState::adopt), kBuckets);
  bench.kill(1);
  bench.view(set_of({2, 3}), Bench::Ring::same, LeaveReason::daemon_down);
  bench.run(6s);
  expect_sound(bench, {2, 3});
}

TEST(Founding, of_two_kinds_of_configuration_only_the_larger_one_founds) {
  for (const std::uint32_t odd : {1U, 2U, 3U}) {
    Bench bench({});
    for (const std::uint32_t node : {1U, 2U, 3U}) {
      if (node == odd) bench.start_with_common_hash(node, 99);
      if (node != odd) bench.start(node);
    }
    bench.view(set_of({1, 2, 3}));
    bench.run(8s);
    SCOPED_TRACE(odd);
    EXPECT_FALSE(bench.is_member(odd));
    EXPECT_FALSE(bench.has_lease(odd));
    const NodeSet others = set_of({1, 2, 3}) - set_of({odd});
    std::size_t served = 0;
    for (const NodeId node : others) {
      EXPECT_EQ(bench.cluster(node.value()).members, others);
      served += bench.count(node.value(), BucketState::serve);
    }
    EXPECT_EQ(served, kBuckets);
  }
}

TEST(Founding, after_a_change_of_the_list_of_vips_still_knows_who_is_drained) {
  Bench bench = formed();
  bench.give(1, Ordered{SetDrained{.node = NodeId(2), .drained = true}});
  bench.run(3s);
  Cluster saved = bench.cluster(1);
  saved.vips.resize(2);
  const State state = initial_state(bench.state(1).settings, saved, Instant(1s));
  EXPECT_TRUE(state.cluster.nodes.at(NodeId(2)).drained);
  EXPECT_EQ(state.cluster.vips.size(), 1U);
}

TEST(Joining, a_state_that_contradicts_itself_is_not_used) {
  Bench bench({.nodes = 3});
  bench.start(3);
  bench.view(set_of({1, 2, 3}));
  bench.run(600ms);
  Cluster cluster = formed().cluster(1);
  cluster.vips[0][5].move = Epoch(77);
  Snapshot snapshot{.for_node = NodeId(3),
                    .incarnation = bench.state(3).settings.incarnation,
                    .attempt = bench.state(3).hello_attempt,
                    .cluster = cluster};
  bench.give(3, Delivered{.from = NodeId(1), .message = {.view = bench.state(3).view.view, .body = snapshot}});
  EXPECT_FALSE(bench.is_member(3));
  EXPECT_THAT(bench.told(), Contains("n3 report bad-state n3"));
}

TEST(Joining, a_node_that_nobody_has_configured_joins_with_its_own_weights) {
  Bench bench = formed({.nodes = 2});
  bench.send_from_outside(NodeId(9),
                          Hello{.incarnation = 9, .attempt = 1, .config_hash = 8, .weights = {2}, .leftovers = {{}}});
  bench.run(20ms);
  ASSERT_TRUE(bench.cluster(2).members.contains(NodeId(9)));
  EXPECT_EQ(bench.cluster(2).nodes.at(NodeId(9)).weights, std::vector<std::uint16_t>{2});
}

TEST(Joining, an_answer_to_an_older_hello_does_not_count) {
  Bench bench({.nodes = 3});
  bench.start(3);
  bench.view(set_of({1, 2, 3}));
  bench.run(600ms);
  const std::uint32_t attempt = bench.state(3).hello_attempt;
  ASSERT_GT(attempt, 0U);
  Bench other = formed();
  Cluster cluster = other.cluster(1);
  cluster.members.erase(NodeId(3));
  Snapshot snapshot{.for_node = NodeId(3), .incarnation = bench.state(3).settings.incarnation, .attempt = attempt + 1};
  snapshot.cluster = cluster;
  bench.give(3, Delivered{.from = NodeId(1), .message = {.view = bench.state(3).view.view, .body = snapshot}});
  EXPECT_FALSE(bench.is_member(3));
  snapshot.attempt = attempt;
  bench.give(3, Delivered{.from = NodeId(1), .message = {.view = bench.state(3).view.view, .body = snapshot}});
  EXPECT_TRUE(bench.is_member(3));
}

TEST(Messages, of_an_older_view_are_dropped) {
  Bench bench = formed();
  const Message message{.view = bench.state(1).view.view, .body = Leaving{}};
  bench.view(set_of({1, 2, 3}));
  for (const std::uint32_t node : {1U, 2U, 3U}) bench.give(node, Delivered{.from = NodeId(2), .message = message});
  EXPECT_TRUE(bench.cluster(1).members.contains(NodeId(2)));
}

TEST(Partition, the_side_without_quorum_answers_nobody_and_comes_back) {
  Bench bench = formed();
  bench.halt();
  bench.run(bench.timing().detection);
  bench.inquorate_view(set_of({3}));
  bench.view(set_of({1, 2}));
  EXPECT_FALSE(bench.has_lease(3));
  bench.run(1s);
  expect_sound(bench, {1, 2});
  bench.view(set_of({1, 2, 3}));
  bench.run(2s);
  expect_sound(bench, {1, 2, 3});
  EXPECT_EQ(bench.cluster(3), bench.cluster(1));
}

TEST(Partition, a_node_that_saw_nothing_of_it_asks_for_the_state) {
  Bench bench = formed();
  bench.halt();
  bench.run(bench.timing().detection);
  bench.view(set_of({1, 2}));  // node 3, its Corosync frozen, is shown nothing
  bench.run(1s);
  bench.told();
  bench.view(set_of({1, 2, 3}));
  EXPECT_THAT(bench.told(), Contains("n3 report lineage-lost n3"));
  EXPECT_TRUE(bench.is_member(1));
  bench.run(2s);
  expect_sound(bench, {1, 2, 3});
}

TEST(Partition, a_node_that_comes_alone_into_a_new_ring_does_not_trust_what_it_had) {
  Bench bench = formed();
  bench.halt();
  bench.run(bench.timing().lease + 1s);
  // The others were quorate without it, and their daemons ended just now: their leases may run.
  bench.kill(1);
  bench.kill(2);
  bench.view(set_of({3}));
  EXPECT_FALSE(bench.is_member(3));
}

TEST(Partition, of_two_memberships_in_one_view_the_one_that_speaks_first_goes_on) {
  Bench bench = formed();
  Heartbeat other{.sequence = 1, .members = set_of({4, 5})};
  bench.view(set_of({1, 2, 3}));  // and their first heartbeats are delivered
  const Message late{.view = bench.state(1).view.view, .body = other};
  bench.give(1, Delivered{.from = NodeId(4), .message = late});
  EXPECT_TRUE(bench.is_member(1));
  bench.halt();
  const ViewId next(bench.state(1).view.view.value() + 1);
  ViewChanged view = bench.state(1).view;
  view.view = next;
  view.joined = NodeSet{};
  bench.give(1, view);
  bench.give(1, Delivered{.from = NodeId(4), .message = {.view = next, .body = other}});
  EXPECT_FALSE(bench.is_member(1));
}

TEST(Machine, next_wakeup_of_an_outsider_is_never) {
  Bench bench({});
  bench.start(1);
  EXPECT_EQ(next_wakeup(bench.state(1)), Instant::max());
}

TEST(Machine, the_same_events_give_the_same_states) {
  const Bench first = formed();
  const Bench second = formed();
  EXPECT_EQ(first.cluster(1), second.cluster(1));
  EXPECT_EQ(first.cluster(1), first.cluster(3));
}

}  // namespace
}  // namespace relais::ha
