// corosync.conf for typical clusters, as text.
#include "ha/corosync/render.h"

#include "ha/corosync/arbiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relais::corosync {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

RingSetup cluster_of(std::uint32_t nodes, std::size_t links) {
  RingSetup setup{.cluster_name = "mail",
                  .nodes = {},
                  .token = 200ms,
                  .two_node = TwoNodeRule::none,
                  .key_file = "/etc/corosync/authkey"};
  for (std::uint32_t id = 1; id <= nodes; ++id) {
    RingNode node{.id = NodeId(id), .name = "n" + std::to_string(id), .links = {}};
    const auto low = static_cast<std::uint8_t>(10 + id);
    node.links.push_back(IpAddress::v4({192, 0, 2, low}));
    if (links == 2) node.links.push_back(IpAddress::v4({192, 0, 2, static_cast<std::uint8_t>(128 + low)}));
    setup.nodes.push_back(std::move(node));
  }
  return setup;
}

TEST(Render, a_cluster_with_two_links_uses_both_all_the_time) {
  EXPECT_EQ(render_corosync_conf(cluster_of(2, 2)),
            R"(# Written by relaisd from the cluster's configuration; changes are lost.
totem {
  version: 2
  cluster_name: mail
  transport: knet
  link_mode: active
  token: 200
  token_coefficient: 0
  token_retransmits_before_loss_const: 4
  consensus: 240
  seqno_unchanged_const: 3
  crypto_cipher: aes256
  crypto_hash: sha256
  keyfile: /etc/corosync/authkey
  interface {
    linknumber: 0
    knet_ping_interval: 200
    knet_ping_timeout: 2000
    knet_pong_count: 1
  }
  interface {
    linknumber: 1
    knet_ping_interval: 200
    knet_ping_timeout: 2000
    knet_pong_count: 1
  }
}
nodelist {
  node {
    nodeid: 1
    name: n1
    ring0_addr: 192.0.2.11
    ring1_addr: 192.0.2.139
  }
  node {
    nodeid: 2
    name: n2
    ring0_addr: 192.0.2.12
    ring1_addr: 192.0.2.140
  }
}
quorum {
  provider: corosync_votequorum
}
logging {
  to_stderr: yes
  to_logfile: no
  to_syslog: no
  timestamp: hires
}
system {
  sched_rr: yes
}
)");
}

TEST(Render, one_link_has_no_link_mode) {
  const std::string text = render_corosync_conf(cluster_of(3, 1));
  EXPECT_THAT(text, Not(HasSubstr("link_mode")));
  EXPECT_THAT(text, Not(HasSubstr("linknumber: 1")));
}

TEST(Render, of_two_nodes_the_lowest_stays_quorate_if_asked_for) {
  RingSetup setup = cluster_of(2, 1);
  setup.two_node = TwoNodeRule::lowest;
  EXPECT_THAT(render_corosync_conf(setup), HasSubstr("  auto_tie_breaker: 1\n  auto_tie_breaker_node: lowest\n"));
}

TEST(Render, an_arbiter_has_a_vote_and_names_its_host_and_whether_it_is_encrypted) {
  RingSetup setup = cluster_of(2, 1);
  setup.two_node = TwoNodeRule::arbiter;
  setup.arbiter = {.host = "arbiter.example.net", .port = 5403, .tls = ArbiterTls::required, .heartbeat = 1000ms};
  EXPECT_THAT(
      render_corosync_conf(setup),
      HasSubstr("  device {\n    model: net\n    votes: 1\n    timeout: 1000\n    sync_timeout: 5000\n    net {\n"
                "      host: arbiter.example.net\n      port: 5403\n      tls: required\n"
                "      algorithm: ffsplit\n      tie_breaker: lowest\n    }\n  }\n"));
  EXPECT_EQ(votes_of(2, TwoNodeRule::arbiter).expected, 3U);
  EXPECT_EQ(votes_of(2, TwoNodeRule::arbiter).quorum, 2U);
}

TEST(Render, a_vote_lives_half_a_second_at_least_however_short_the_arbiters_heartbeat_is) {
  RingSetup setup = cluster_of(2, 1);
  setup.two_node = TwoNodeRule::arbiter;
  setup.arbiter = {.host = "192.0.2.9", .port = 5403, .tls = ArbiterTls::off, .heartbeat = 200ms};
  EXPECT_THAT(render_corosync_conf(setup), HasSubstr("    timeout: 500\n    sync_timeout: 1800\n"));
  EXPECT_THAT(render_corosync_conf(setup), HasSubstr("      tls: off\n"));
}

TEST(Render, both_of_two_nodes_stay_quorate_if_asked_for) {
  RingSetup setup = cluster_of(2, 1);
  setup.two_node = TwoNodeRule::both;
  EXPECT_THAT(render_corosync_conf(setup), HasSubstr("  two_node: 1\n"));
  EXPECT_EQ(votes_of(2, TwoNodeRule::both).quorum, 1U);
}

TEST(Arbiter, is_connected_if_the_clients_own_status_says_so) {
  EXPECT_EQ(state_in("OK\nQdevice information\nState:\t\t\tConnected\nTLS: no\n"), ArbiterState::connected);
  EXPECT_EQ(state_in("OK\nState:\t\t\tConnect failed\n"), ArbiterState::apart);
  EXPECT_EQ(state_in("OK\nState:\t\t\tDisconnected\n"), ArbiterState::apart);
  EXPECT_EQ(state_in("OK\n"), ArbiterState::apart);
  EXPECT_EQ(state_in(""), ArbiterState::apart);
}

TEST(Render, the_two_node_rule_means_nothing_for_three) {
  RingSetup setup = cluster_of(3, 1);
  setup.two_node = TwoNodeRule::lowest;
  EXPECT_THAT(render_corosync_conf(setup), Not(HasSubstr("auto_tie_breaker")));
}

TEST(Render, names_cannot_end_a_section) {
  RingSetup setup = cluster_of(1, 1);
  setup.cluster_name = "a b}\nquorum {";
  EXPECT_THAT(render_corosync_conf(setup), HasSubstr("  cluster_name: a_b__quorum__\n"));
}

TEST(Render, ipv6_links_are_plain_addresses) {
  RingSetup setup = cluster_of(1, 1);
  setup.nodes[0].links[0] = *IpAddress::parse("2001:db8::11");
  EXPECT_THAT(render_corosync_conf(setup), HasSubstr("    ring0_addr: 2001:db8::11\n"));
}

TEST(TokenRetransmits, leave_at_least_30_ms_for_each_retransmission) {
  EXPECT_EQ(token_retransmits(50ms), 1U);
  EXPECT_EQ(token_retransmits(100ms), 3U);
  EXPECT_EQ(token_retransmits(200ms), 4U);
  EXPECT_EQ(token_retransmits(1000ms), 4U);
  for (std::int64_t ms = 50; ms <= 3000; ++ms) {
    const double retransmit_ms = static_cast<double>(ms) / (token_retransmits(std::chrono::milliseconds(ms)) + 0.2);
    EXPECT_GE(retransmit_ms, 29.999) << ms;
  }
}

TEST(Majority, is_more_than_half) {
  const auto quorum = [](std::size_t nodes) { return votes_of(nodes, TwoNodeRule::none).quorum; };
  EXPECT_EQ(quorum(1), 1U);
  EXPECT_EQ(quorum(2), 2U);
  EXPECT_EQ(quorum(3), 2U);
  EXPECT_EQ(quorum(4), 3U);
  EXPECT_EQ(quorum(16), 9U);
}

}  // namespace
}  // namespace relais::corosync
