// What the control API says of a node's state.
#include "daemon/node/view.h"

#include "ha/core/step.h"

#include <gtest/gtest.h>

namespace relais::node {
namespace {

using namespace std::chrono_literals;

constexpr Instant kNow{10s};

config::Cluster two_nodes() {
  config::Cluster config;
  config.name = "mail";
  config.nodes = {{.id = NodeId(1), .name = "n1"}, {.id = NodeId(2), .name = "n2"}};
  config.vips = {
      {.name = "mail4", .address = *IpAddress::parse("198.51.100.100"), .weights = {{NodeId(1), 1}, {NodeId(2), 1}}},
      {.name = "mail6", .address = *IpAddress::parse("2001:db8::100"), .weights = {{NodeId(1), 1}, {NodeId(2), 1}}}};
  return config;
}

ha::State member_state() {
  const config::Cluster config = two_nodes();
  ha::State state = ha::initial_state(
      {.self = NodeId(1), .timing = config::timing_of(config), .weights = config::weights_of(config), .vips = 2}, {},
      kNow);
  state.role = ha::Role::member;
  state.lease_until = kNow + 200ms;
  state.view.quorate = true;
  state.cluster.members.insert(NodeId(1));
  state.cluster.members.insert(NodeId(2));
  for (const NodeId node : state.cluster.members) state.cluster.nodes[node].weights = {1, 1};
  state.cluster.vips.resize(2);
  for (ha::BucketTable& table : state.cluster.vips) {
    for (ha::Bucket& bucket : table) bucket = {.owner = NodeId(1), .standby = NodeId(2), .move = {}, .leftovers = {}};
  }
  return state;
}

TEST(View, shares_count_buckets_and_leftovers) {
  ha::State state = member_state();
  state.cluster.vips[0][3].owner = NodeId(2);
  state.cluster.vips[0][3].leftovers.insert(NodeId(1));
  const control::Status status = make_status(state, two_nodes(), {}, kNow);
  ASSERT_EQ(status.vips.size(), 2U);
  EXPECT_EQ(status.vips[0].shares[0].buckets, 255);
  EXPECT_EQ(status.vips[0].shares[0].leftover_buckets, 1);
  EXPECT_EQ(status.vips[0].shares[1].buckets, 1);
  EXPECT_EQ(status.vips[0].buckets[3].leftovers, std::vector<std::uint32_t>{1});
}

TEST(View, the_own_front_is_shown_as_it_is_seen_and_others_as_they_said) {
  ha::State state = member_state();
  state.front = ha::Front::no_carrier;
  state.cluster.nodes[NodeId(1)].front = ha::Front::well;
  state.cluster.nodes[NodeId(2)].front = ha::Front::no_gateway;
  state.cluster.nodes[NodeId(2)].front_lost = true;
  const control::Status status = make_status(state, two_nodes(), {}, kNow);
  EXPECT_EQ(status.nodes[0].front, "no carrier");
  EXPECT_FALSE(status.nodes[0].front_lost);
  EXPECT_EQ(status.nodes[1].front, "no gateway");
  EXPECT_TRUE(status.nodes[1].front_lost);
}

TEST(View, a_lease_that_is_over_has_nothing_left) {
  ha::State state = member_state();
  state.lease_until = kNow - 1ms;
  EXPECT_EQ(make_status(state, two_nodes(), {}, kNow).lease_left_ms, 0);
  state.lease_until = kNow + 250ms;
  EXPECT_EQ(make_status(state, two_nodes(), {}, kNow).lease_left_ms, 250);
}

TEST(View, a_node_outside_says_why) {
  ha::State state = member_state();
  state.role = ha::Role::outside;
  state.view = {.members = NodeSet(0b10), .joined = {}, .left = {}, .quorate = false, .quorum = 2, .expected = 2};
  const control::Status status = make_status(state, two_nodes(), {}, kNow);
  EXPECT_EQ(status.role, "outside");
  EXPECT_NE(status.why.find("2 of 2 votes needed"), std::string::npos) << status.why;
}

TEST(View, an_arbiters_vote_is_counted_where_a_half_is_quorate_by_it) {
  ha::State state = member_state();
  config::Cluster config = two_nodes();
  config.two_node = config::TwoNode::arbiter;
  config.arbiter = config::Arbiter{.host = "arbiter.example.net", .port = 5403, .certificates = {}, .heartbeat = 1s};
  EXPECT_EQ(make_status(state, config, {}, kNow).expected_votes, 3U) << "before there is a ring";
  state.view = {.members = NodeSet(0b10), .joined = {}, .left = {}, .quorate = true, .quorum = 2, .expected = 3};
  const control::Status alone = make_status(state, config, {.arbiter = "connected"}, kNow);
  EXPECT_EQ(alone.votes, 2U);
  EXPECT_EQ(alone.two_node, "arbiter");
  EXPECT_EQ(alone.arbiter, "connected");
  state.view.quorate = false;
  EXPECT_EQ(make_status(state, config, {.arbiter = "connected"}, kNow).votes, 1U) << "the other half has the vote";
}

TEST(View, under_both_a_node_that_waits_for_the_other_says_how_to_end_the_waiting) {
  ha::State state = member_state();
  state.role = ha::Role::outside;
  state.view = {.members = NodeSet(0b10), .joined = {}, .left = {}, .quorate = false, .quorum = 1, .expected = 2};
  config::Cluster config = two_nodes();
  config.two_node = config::TwoNode::both;
  const control::Status status = make_status(state, config, {}, kNow);
  EXPECT_NE(status.why.find("quorum.cancel_wait_for_all"), std::string::npos) << status.why;
}

TEST(View, who_names_owner_and_standby_for_the_clients_family_only) {
  const control::Who who = make_who(member_state(), two_nodes(), {}, *IpAddress::parse("203.0.113.7"), kNow);
  ASSERT_EQ(who.vips.size(), 1U);
  EXPECT_EQ(who.vips[0].vip, "mail4");
  EXPECT_EQ(who.vips[0].owner_name, "n1");
  EXPECT_EQ(who.vips[0].standby_name, "n2");
  EXPECT_EQ(who.bucket, bucket_of({}, *IpAddress::parse("203.0.113.7")).value());
}

TEST(View, who_is_certain_only_while_the_node_has_a_lease) {
  ha::State state = member_state();
  const IpAddress client = *IpAddress::parse("203.0.113.7");
  state.lease_until = kNow + 1ms;
  EXPECT_TRUE(make_who(state, two_nodes(), {}, client, kNow).current);
  state.lease_until = kNow;
  const control::Who who = make_who(state, two_nodes(), {}, client, kNow);
  EXPECT_FALSE(who.current);
  EXPECT_NE(who.vips[0].why.find("n1 has no lease now"), std::string::npos) << who.vips[0].why;
}

TEST(View, who_says_that_a_bucket_is_being_handed_over) {
  ha::State state = member_state();
  const IpAddress client = *IpAddress::parse("203.0.113.7");
  state.cluster.moves[Epoch(9)] = {.from = NodeId(1), .to = NodeId(2), .cause = ha::Cause::drain};
  state.cluster.vips[0][bucket_of({}, client).value()].move = Epoch(9);
  const control::Who who = make_who(state, two_nodes(), {}, client, kNow);
  EXPECT_TRUE(who.vips[0].moving);
  EXPECT_NE(who.vips[0].why.find("handing it to n2 (drain)"), std::string::npos) << who.vips[0].why;
}

TEST(View, a_receipt_is_in_milliseconds) {
  const control::ReceiptRecord record =
      make_receipt({.epoch = Epoch(5), .cause = ha::Cause::node_died, .detect_us = 441500, .takeover_us = 89250}, 1000);
  EXPECT_DOUBLE_EQ(record.detect_ms, 441.5);
  EXPECT_DOUBLE_EQ(record.takeover_ms, 89.25);
  EXPECT_EQ(record.cause, "node died");
}

}  // namespace
}  // namespace relais::node
