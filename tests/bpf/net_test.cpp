// The libnl side on real interfaces: links, addresses, multicast filters; connections listed, counted and reset.
#include "netfilter/net/link.h"

#include "base/clock.h"
#include "netfilter/net/flows.h"
#include "netfilter/net/gateway.h"
#include "netfilter/net/link_watch.h"
#include "netfilter/net/multicast.h"
#include "netfilter/net/tickle.h"
#include "netfilter/net/vip_address.h"
#include "tests/bpf/fixture.h"
#include "tests/bpf/network.h"
#include "tests/bpf/raw_client.h"

#include <poll.h>

#include <algorithm>

namespace relais::test {
namespace {

using namespace std::chrono_literals;
using netfilter::AttachChoice;
using netfilter::Flow;
using netfilter::FlowInspector;

const std::vector<IpAddress> kVips = {kVip4, kVip6};

std::uint32_t sum(const std::array<std::uint32_t, kBuckets>& counts) {
  std::uint32_t total = 0;
  for (const std::uint32_t count : counts) total += count;
  return total;
}

TEST(LinkTest, an_interface_is_found_with_its_state_and_a_missing_one_is_an_error) {
  const NetworkNamespace space;
  space.shell("ip link add rlsnf-x type veth peer name rlsnf-y && ip link set rlsnf-x address 02:00:00:00:00:42 up");
  const Within within(space);
  const auto link = netfilter::find_link("rlsnf-x");
  ASSERT_TRUE(link) << link.error().to_string();
  EXPECT_EQ(link->mac, MacAddress::parse("02:00:00:00:00:42").value());
  EXPECT_EQ(link->state, netfilter::LinkState::no_carrier);
  EXPECT_EQ(netfilter::find_link("rlsnf-y")->state, netfilter::LinkState::down);
  EXPECT_EQ(link->mtu, 1500U);
  const auto missing = netfilter::find_link("rlsnf-z");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().what.find("rlsnf-z"), std::string::npos);
}

// Waits for news of the descriptor, at most a second.
bool has_news(int fd) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&wanted, 1, 1000) == 1;
}

TEST(LinkWatchTest, tells_at_once_what_becomes_of_the_interface) {
  const NetworkNamespace space;
  space.shell("ip link add rlsnf-x type veth peer name rlsnf-y && ip link set rlsnf-x up && ip link set rlsnf-y up");
  space.wait_until("ip link show rlsnf-x | grep -q LOWER_UP");
  const Within within(space);
  auto watch = netfilter::LinkWatch::open("rlsnf-x");
  ASSERT_TRUE(watch) << watch.error().to_string();
  EXPECT_EQ(watch->link().state, netfilter::LinkState::up);
  const auto after = [&](const char* command, netfilter::LinkState expected) {
    space.shell(command);
    const auto begin = boot_now();
    while (watch->read().state != expected && boot_now() - begin < 2s) has_news(watch->fd());
    EXPECT_EQ(watch->link().state, expected) << command;
    return boot_now() - begin;
  };
  EXPECT_LT(after("ip link set rlsnf-y down", netfilter::LinkState::no_carrier), 200ms);
  after("ip link set rlsnf-y up", netfilter::LinkState::up);
  EXPECT_LT(after("ip link set rlsnf-x down", netfilter::LinkState::down), 200ms);
  after("ip link set rlsnf-x up", netfilter::LinkState::up);
  EXPECT_LT(after("ip link del rlsnf-x", netfilter::LinkState::down), 200ms);
  EXPECT_FALSE(netfilter::LinkWatch::open("rlsnf-x"));
}

TEST(GatewayRouteTest, the_next_hops_of_the_default_routes_through_the_interface_are_found) {
  const NetworkNamespace space;
  space.shell(
      "ip link add rlsnf-x type veth peer name rlsnf-y && ip link set rlsnf-x up && ip link set rlsnf-y up"
      " && ip addr add 198.51.100.11/24 dev rlsnf-x && ip addr add 192.0.2.1/24 dev rlsnf-y"
      " && ip addr add 2001:db8:1::b/64 dev rlsnf-x nodad");
  const Within within(space);
  const IfIndex interface = netfilter::find_link("rlsnf-x")->index;
  const auto gateways = [&](IpFamily family) { return netfilter::default_gateways(interface, family).value(); };
  const auto addresses = [](std::initializer_list<const char*> texts) {
    std::vector<IpAddress> result;
    for (const char* text : texts) result.push_back(IpAddress::parse(text).value());
    return result;
  };
  EXPECT_TRUE(gateways(IpFamily::v4).empty());
  space.shell(
      "ip route add default via 192.0.2.9 dev rlsnf-y metric 5 && ip route add default via 198.51.100.1 dev rlsnf-x"
      " && ip route add 203.0.113.0/24 via 198.51.100.7 && ip -6 route add default via 2001:db8:1::1 dev rlsnf-x");
  EXPECT_EQ(gateways(IpFamily::v4), addresses({"198.51.100.1"}));
  EXPECT_EQ(gateways(IpFamily::v6), addresses({"2001:db8:1::1"}));
  space.shell(
      "ip route replace default nexthop via 198.51.100.1 dev rlsnf-x nexthop via 192.0.2.9 dev rlsnf-y"
      " nexthop via 198.51.100.2 dev rlsnf-x");
  EXPECT_EQ(gateways(IpFamily::v4), addresses({"198.51.100.1", "198.51.100.2"}));
}

class GatewayProbeTest : public testing::TestWithParam<IpFamily> {
 protected:
  GatewayProbeTest() {
    near_.shell("ip link add rlsnf-x type veth peer name rlsnf-y netns " + far_.path());
    near_.shell("ip link set rlsnf-x up && ip addr add 198.51.100.11/24 dev rlsnf-x");
    near_.shell("ip addr add 2001:db8:1::b/64 dev rlsnf-x nodad");
    far_.shell("ip link set rlsnf-y up && ip addr add 198.51.100.1/24 dev rlsnf-y");
    far_.shell("ip addr add 2001:db8:1::1/64 dev rlsnf-y nodad");
    near_.wait_until("ip link show rlsnf-x | grep -q LOWER_UP");
    near_.wait_until("ping -c1 -W1 198.51.100.1 > /dev/null && ping -c1 -W1 2001:db8:1::1 > /dev/null");
  }
  // Whether the question is answered within a second.
  static bool is_answered(netfilter::GatewayProbe& probe) {
    probe.ask();
    const auto begin = boot_now();
    while (boot_now() - begin < 1s) {
      if (has_news(probe.fd()) && probe.has_answered()) return true;
    }
    return false;
  }
  NetworkNamespace near_;
  NetworkNamespace far_;
};

INSTANTIATE_TEST_SUITE_P(Family, GatewayProbeTest, testing::Values(IpFamily::v4, IpFamily::v6),
                         [](const auto& family) { return family.param == IpFamily::v4 ? "ipv4" : "ipv6"; });

TEST_P(GatewayProbeTest, a_gateway_answers_until_it_is_gone_and_again_when_another_machine_has_its_address) {
  const Within within(near_);
  const netfilter::Link link = netfilter::find_link("rlsnf-x").value();
  const bool is_v4 = GetParam() == IpFamily::v4;
  auto probe =
      netfilter::GatewayProbe::open({.interface = link.index,
                                     .mac = link.mac,
                                     .own = IpAddress::parse(is_v4 ? "198.51.100.11" : "2001:db8:1::b").value(),
                                     .gateway = IpAddress::parse(is_v4 ? "198.51.100.1" : "2001:db8:1::1").value()});
  ASSERT_TRUE(probe) << probe.error().to_string();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(is_answered(*probe));
  far_.shell("ip addr del 198.51.100.1/24 dev rlsnf-y && ip addr del 2001:db8:1::1/64 dev rlsnf-y");
  EXPECT_FALSE(is_answered(*probe));
  far_.shell("ip link set rlsnf-y down && ip link set rlsnf-y address 02:00:00:00:00:77 up");
  far_.shell("ip addr add 198.51.100.1/24 dev rlsnf-y && ip addr add 2001:db8:1::1/64 dev rlsnf-y nodad");
  near_.shell("ip neigh flush dev rlsnf-x");
  near_.wait_until("ip link show rlsnf-x | grep -q LOWER_UP");
  EXPECT_TRUE(is_answered(*probe) || is_answered(*probe));
}

// The client's node is gone without a word; the one that serves now tells it.
TEST(TickleTest, a_client_that_only_listens_is_reset_and_one_that_is_known_here_is_not) {
  Segment segment;
  segment.open(segment.a, AttachChoice::automatic);
  segment.open(segment.b, AttachChoice::automatic);
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    Segment::set_all(segment.b, BucketState::foreign);
    Segment::set_all(segment.a, BucketState::serve);
    const IpAddress from = Segment::client_address(family, 3);
    const IpAddress& vip = family == IpFamily::v4 ? kVip4 : kVip6;
    Connection connection(segment.client, from, vip);
    ASSERT_EQ(connection.answered_by(3s), 'a');
    std::vector<netfilter::TickleTarget> targets;
    {
      const Within within(segment.a.space);
      const auto flows = FlowInspector::open()->list(kVips);
      ASSERT_TRUE(flows);
      for (const netfilter::Flow& flow : *flows) {
        if (flow.client == from)
          targets.push_back({.vip = vip, .vip_port = flow.vip_port, .client = from, .client_port = flow.client_port});
      }
      ASSERT_EQ(targets.size(), 1U);
      EXPECT_EQ(netfilter::TickleSender::open()->send(targets), 1U);
    }
    EXPECT_TRUE(connection.echoes()) << "its own node tickles it: nothing happens";
    Segment::set_all(segment.a, BucketState::foreign);
    Segment::set_all(segment.b, BucketState::serve);
    const Within within(segment.b.space);
    EXPECT_EQ(netfilter::TickleSender::open()->send(targets), 1U);
    EXPECT_TRUE(connection.was_reset());
  }
}

TEST(VipAddressTest, adding_and_removing_twice_is_fine_and_a_failed_detection_is_put_right) {
  const NetworkNamespace space;
  space.shell("ip link add rlsnf-x type veth peer name rlsnf-y && ip link set rlsnf-x up && ip link set rlsnf-y up");
  const Within within(space);
  const IfIndex interface = netfilter::find_link("rlsnf-x")->index;
  space.shell("ip addr add 2001:db8:1::100/128 dev rlsnf-x");  // with detection: tentative for a second
  for (const IpAddress& vip : kVips) {
    for (int i = 0; i < 2; ++i) {
      const auto added = netfilter::add_vip_address(interface, vip);
      EXPECT_TRUE(added) << added.error().to_string();
    }
    const auto addresses = netfilter::list_addresses(interface);
    ASSERT_TRUE(addresses);
    EXPECT_EQ(std::ranges::count(*addresses, vip), 1);
  }
  space.shell("! ip -6 addr show dev rlsnf-x to 2001:db8:1::100 | grep -q tentative");
  space.shell("ip -6 addr show dev rlsnf-x to 2001:db8:1::100 | grep -q deprecated");
  for (const IpAddress& vip : kVips) {
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(netfilter::remove_vip_address(interface, vip));
    EXPECT_EQ(std::ranges::count(*netfilter::list_addresses(interface), vip), 0);
  }
}

TEST(MulticastFilterTest, the_entry_is_made_once_and_removed_once) {
  const NetworkNamespace space;
  space.shell("ip link add rlsnf-x type veth peer name rlsnf-y");
  const Within within(space);
  const IfIndex interface = netfilter::find_link("rlsnf-x")->index;
  const auto is_there = [&] {
    return std::ranges::count(netfilter::list_multicast_macs(interface).value(), kClusterMac);
  };
  EXPECT_EQ(is_there(), 0);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(netfilter::add_multicast_mac("rlsnf-x", kClusterMac));
  EXPECT_EQ(is_there(), 1);
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(netfilter::remove_multicast_mac("rlsnf-x", kClusterMac));
  EXPECT_EQ(is_there(), 0);
  EXPECT_FALSE(netfilter::add_multicast_mac("rlsnf-nothing", kClusterMac));
}

// `a` has a listener per family, `b` one dual-stack listener, whose IPv4 connections are IPv6 sockets.
class FlowInspectorTest : public testing::TestWithParam<char> {
 protected:
  TestNode& node() { return GetParam() == 'a' ? segment_.a : segment_.b; }
  void SetUp() override {
    segment_.open(node(), AttachChoice::automatic);
    Segment::set_all(node(), BucketState::serve);
    const Within within(node().space);
    auto inspector = FlowInspector::open();
    ASSERT_TRUE(inspector);
    inspector_.emplace(std::move(*inspector));
  }
  Connection connected(IpFamily family, std::size_t client) {
    const IpAddress from = Segment::client_address(family, client);
    Connection connection(segment_.client, from, family == IpFamily::v4 ? kVip4 : kVip6);
    EXPECT_EQ(connection.answered_by(3s), GetParam());
    return connection;
  }
  Segment segment_;
  std::optional<FlowInspector> inspector_;
};

INSTANTIATE_TEST_SUITE_P(Listener, FlowInspectorTest, testing::Values('a', 'b'),
                         [](const auto& node) { return node.param == 'a' ? "separate" : "dual_stack"; });

TEST_P(FlowInspectorTest, connections_are_counted_by_vip_and_bucket) {
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < 5; ++i) connections.push_back(connected(IpFamily::v4, 1));
  for (std::size_t i = 0; i < 3; ++i) connections.push_back(connected(IpFamily::v6, 2));
  const auto counts = inspector_->count(kVips, kKey);
  ASSERT_TRUE(counts) << counts.error().to_string();
  EXPECT_EQ((*counts)[0][bucket_of(kKey, Segment::client_address(IpFamily::v4, 1)).value()], 5U);
  EXPECT_EQ((*counts)[1][bucket_of(kKey, Segment::client_address(IpFamily::v6, 2)).value()], 3U);
  EXPECT_EQ(sum((*counts)[0]) + sum((*counts)[1]), 8U);
}

TEST_P(FlowInspectorTest, only_the_given_connections_are_reset) {
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    Connection victim = connected(family, 1);
    Connection other = connected(family, 2);
    auto flows = inspector_->list(kVips);
    ASSERT_TRUE(flows) << flows.error().to_string();
    std::erase_if(*flows, [&](const Flow& flow) { return flow.client != Segment::client_address(family, 1); });
    const auto destroyed = inspector_->destroy(*flows);
    ASSERT_TRUE(destroyed) << destroyed.error().to_string();
    EXPECT_EQ(*destroyed, 1U);
    EXPECT_TRUE(victim.was_reset());
    EXPECT_TRUE(other.echoes());
    EXPECT_EQ(inspector_->destroy(*flows).value(), 0U) << "it is gone";
  }
}

TEST_P(FlowInspectorTest, of_half_open_connections_nothing_is_left_and_others_stay) {
  Connection open = connected(IpFamily::v4, 1);
  segment_.client.shell("iptables -A OUTPUT -p tcp --tcp-flags SYN,ACK ACK -j DROP");
  const Connection half_open(segment_.client, Segment::client_address(IpFamily::v4, 1), kVip4);
  const auto flows = [&] { return inspector_->list(kVips).value(); };
  for (int i = 0; i < 200 && flows().size() < 2; ++i) std::this_thread::sleep_for(5ms);
  std::vector<Flow> doomed = flows();
  std::erase_if(doomed, [](const Flow& flow) { return !netfilter::is_half_open(flow); });
  ASSERT_EQ(doomed.size(), 1U);
  EXPECT_EQ(inspector_->destroy(doomed).value(), 1U);
  EXPECT_EQ(flows().size(), 1U);
  segment_.client.shell("iptables -F OUTPUT");
  EXPECT_TRUE(open.echoes());
}

TEST_P(FlowInspectorTest, a_closed_connection_is_no_longer_counted) {
  { const Connection connection = connected(IpFamily::v4, 1); }
  std::this_thread::sleep_for(100ms);
  const auto counts = inspector_->count(kVips, kKey);
  ASSERT_TRUE(counts);
  EXPECT_EQ(sum((*counts)[0]), 0U);
}

TEST_P(FlowInspectorTest, many_connections_fit_in_one_answer) {
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < 300; ++i)
    connections.push_back(connected(i % 2 == 0 ? IpFamily::v4 : IpFamily::v6, i % 40));
  const auto flows = inspector_->list(kVips);
  ASSERT_TRUE(flows);
  EXPECT_EQ(flows->size(), 300U);
}

// Request sockets, in this process's own namespace: the client's packets come from a TUN device.
TEST(RequestSocketTest, a_connection_that_is_still_opening_is_counted_for_its_client) {
  ClientNetwork network;
  auto inspector = FlowInspector::open();
  ASSERT_TRUE(inspector);
  std::uint16_t port = 42000;
  for (const IpAddress& local : {kVip4, kVip6, IpAddress::parse("::").value()}) {
    const Listener listener(local);
    for (const IpAddress& client : {kClient4, kClient6}) {
      const IpAddress& vip = client.family() == IpFamily::v4 ? kVip4 : kVip6;
      if (local == kVip4 && client == kClient6) continue;
      if (local == kVip6 && client == kClient4) continue;
      RawClient raw(network, {.from = client, .to = vip}, port++, listener.port());
      ASSERT_TRUE(raw.open_half());
      const auto counts = inspector->count(kVips, kKey);
      ASSERT_TRUE(counts);
      const std::size_t number = client.family() == IpFamily::v4 ? 0 : 1;
      EXPECT_GE((*counts)[number][bucket_of(kKey, client).value()], 1U)
          << "listener on " << local.to_string() << ", client " << client.to_string();
      network.send(raw.segment(kRst));
    }
  }
}

}  // namespace
}  // namespace relais::test
