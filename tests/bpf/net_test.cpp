// The libnl side on real interfaces: links, addresses, multicast filters; connections listed, counted and reset.
#include "netfilter/net/link.h"

#include "base/clock.h"
#include "netfilter/net/flows.h"
#include "netfilter/net/multicast.h"
#include "netfilter/net/vip_address.h"
#include "tests/bpf/fixture.h"
#include "tests/bpf/network.h"
#include "tests/bpf/raw_client.h"

#include <algorithm>

namespace relais::test {
namespace {

using namespace std::chrono_literals;
using netfilter::AttachChoice;
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

TEST_P(FlowInspectorTest, only_connections_of_the_given_buckets_and_vip_are_reset) {
  for (const IpFamily family : {IpFamily::v4, IpFamily::v6}) {
    Connection victim = connected(family, 1);
    Connection other = connected(family, 2);
    ASSERT_NE(bucket_of(kKey, Segment::client_address(family, 1)), bucket_of(kKey, Segment::client_address(family, 2)));
    std::bitset<kBuckets> buckets;
    buckets.set(bucket_of(kKey, Segment::client_address(family, 1)).value());
    const auto destroyed = inspector_->destroy(family == IpFamily::v4 ? kVip4 : kVip6, buckets, kKey);
    ASSERT_TRUE(destroyed) << destroyed.error().to_string();
    EXPECT_EQ(*destroyed, 1U);
    EXPECT_TRUE(victim.was_reset());
    EXPECT_TRUE(other.echoes());
  }
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
