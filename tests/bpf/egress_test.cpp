// What leaves with a VIP as its sender: ARP and NDP carry the cluster MAC with a right checksum, the rest needs the
// lease.
#include "tests/bpf/fixture.h"

#include "base/prng.h"

namespace relais::test {
namespace {

constexpr int kTcUnspecified = -1;
constexpr int kTcShot = 2;
const MacAddress kBroadcast = MacAddress::parse("ff:ff:ff:ff:ff:ff").value();
const IpAddress kNode4 = IpAddress::parse("198.51.100.11").value();
const IpAddress kNode6 = IpAddress::parse("2001:db8:1::11").value();

constexpr std::array<std::uint16_t, 2> kOperations = {1, 2};  // request, reply
enum : std::uint8_t { kSolicitation = 135, kAdvertisement = 136, kOfSource = 1, kOfTarget = 2 };

Bytes link_option(std::uint8_t type, const MacAddress& mac) { return Bytes{type, 1} + bytes_of(mac); }

Bytes neighbour(std::uint8_t type, const IpAddress& from, const IpAddress& target, const Bytes& options) {
  return build({.from = from, .to = kClient6},
               Icmp{.type = type, .code = 0, .rest = Bytes(4) + bytes_of(target) + options});
}

class EgressTest : public BpfTest {
 protected:
  void expect_frame(const Bytes& frame, const Bytes& expected, relais_verdict verdict) {
    const Outcome outcome = run(tc_egress(), frame);
    EXPECT_EQ(outcome.returned, verdict == RELAIS_EGRESS_DROP_LEASE ? kTcShot : kTcUnspecified);
    EXPECT_EQ(verdict_name(outcome.verdict), verdict_name(verdict));
    EXPECT_EQ(outcome.packet, expected);
  }
  void expect_untouched(const Bytes& frame) { expect_frame(frame, frame, RELAIS_NO_VERDICT); }
};

Bytes arp_frame(std::uint16_t operation, const IpAddress& sender, const MacAddress& mac) {
  const Arp packet{
      .operation = operation, .sender_mac = mac, .sender = sender, .target_mac = kBroadcast, .target = kClient4};
  return build(Ethernet{.to = kBroadcast, .from = kOwnMac, .type = 0x0806, .payload = build(packet)});
}

Bytes frame_of(const Bytes& packet) { return build(Ethernet{.to = kBroadcast, .from = kOwnMac, .payload = packet}); }

TEST_F(EgressTest, arp_from_a_vip_tells_the_cluster_mac_requests_as_well_as_replies) {
  for (const std::uint16_t operation : kOperations) {
    expect_frame(arp_frame(operation, kVip4, kOwnMac), arp_frame(operation, kVip4, kClusterMac),
                 RELAIS_EGRESS_REWRITTEN);
  }
}

TEST_F(EgressTest, arp_from_the_nodes_own_address_is_left_alone) {
  for (const std::uint16_t operation : kOperations) expect_untouched(arp_frame(operation, kNode4, kOwnMac));
}

TEST_F(EgressTest, arp_of_another_kind_is_left_alone) {
  for (const std::size_t offset : {14U, 16U, 18U, 19U}) {  // hardware, protocol, and their lengths
    Bytes frame = arp_frame(2, kVip4, kOwnMac);
    frame[offset] = static_cast<std::uint8_t>(frame[offset] + 1);
    expect_untouched(frame);
  }
}

TEST_F(EgressTest, an_advertisement_for_a_vip_tells_the_cluster_mac) {
  const auto frame = [](const MacAddress& mac) {
    return frame_of(neighbour(kAdvertisement, kNode6, kVip6, link_option(kOfTarget, mac)));
  };
  expect_frame(frame(kOwnMac), frame(kClusterMac), RELAIS_EGRESS_REWRITTEN);
}

TEST_F(EgressTest, a_solicitation_from_a_vip_tells_the_cluster_mac) {
  const auto frame = [](const MacAddress& mac) {
    return frame_of(neighbour(kSolicitation, kVip6, kClient6, link_option(kOfSource, mac)));
  };
  expect_frame(frame(kOwnMac), frame(kClusterMac), RELAIS_EGRESS_REWRITTEN);
}

TEST_F(EgressTest, the_option_is_found_behind_others) {
  const Bytes nonce = Bytes{14, 1, 1, 2, 3, 4, 5, 6};
  const Bytes long_option = Bytes{9, 2} + Bytes(14);
  const auto frame = [&](const MacAddress& mac) {
    return frame_of(neighbour(kSolicitation, kVip6, kClient6, nonce + long_option + link_option(kOfSource, mac)));
  };
  expect_frame(frame(kOwnMac), frame(kClusterMac), RELAIS_EGRESS_REWRITTEN);
}

TEST_F(EgressTest, neighbour_messages_of_others_or_without_the_option_are_left_alone) {
  const Bytes of_target = link_option(kOfTarget, kOwnMac);
  const Bytes of_source = link_option(kOfSource, kOwnMac);
  expect_untouched(frame_of(neighbour(kAdvertisement, kVip6, kNode6, of_target)));  // for the node's own address
  expect_untouched(frame_of(neighbour(kSolicitation, kNode6, kVip6, of_source)));   // asks for the VIP
  expect_untouched(frame_of(neighbour(kAdvertisement, kNode6, kVip6, {})));
  expect_untouched(frame_of(neighbour(kAdvertisement, kNode6, kVip6, of_source)));  // not the option that counts
  expect_untouched(frame_of(neighbour(kAdvertisement, kNode6, kVip6, Bytes{kOfTarget, 0} + bytes_of(kOwnMac))));
  expect_untouched(
      frame_of(neighbour(kAdvertisement, kNode6, kVip6, Bytes{kOfTarget, 2} + bytes_of(kOwnMac) + Bytes(8))));
  expect_untouched(frame_of(neighbour(kAdvertisement, kNode6, kVip6, Bytes{kOfTarget, 1, 2})));  // truncated
}

TEST_F(EgressTest, the_checksum_is_right_for_any_mac_and_target) {
  Prng prng(5);
  for (int round = 0; round < 300; ++round) {
    std::array<std::uint8_t, 6> mac{};
    for (auto& byte : mac) byte = static_cast<std::uint8_t>(prng.next());
    const Bytes frame = frame_of(neighbour(kAdvertisement, kNode6, kVip6, link_option(kOfTarget, MacAddress(mac))));
    const Outcome outcome = run(tc_egress(), frame);
    const Bytes message(outcome.packet.begin() + 54, outcome.packet.end());
    EXPECT_EQ(transport_checksum({.from = kNode6, .to = kClient6}, kIcmp6, message), 0);
  }
}

TEST_F(EgressTest, packets_of_a_vip_leave_only_under_a_valid_lease) {
  const std::vector<Bytes> frames = {
      frame_of(build({.from = kVip4, .to = kClient4},
                     Tcp{.from = 80, .to = 40000, .sequence = 1, .acknowledgement = 2, .flags = kAck, .payload = {}})),
      frame_of(build_udp({.from = kVip4, .to = kClient4}, 53, 40000)),
      frame_of(build_udp({.from = kVip6, .to = kClient6}, 53, 40000)),
      frame_of(build({.from = kVip6, .to = kClient6}, Icmp{.type = 129, .code = 0, .rest = Bytes(4)})),
  };
  for (const Bytes& frame : frames) {
    set_lease(Lease::valid);
    expect_untouched(frame);
    for (const Lease lease : {Lease::over, Lease::never}) {
      set_lease(lease);
      expect_frame(frame, frame, RELAIS_EGRESS_DROP_LEASE);
    }
  }
}

TEST_F(EgressTest, the_nodes_own_packets_and_neighbour_discovery_need_no_lease) {
  set_lease(Lease::never);
  expect_untouched(frame_of(build_udp({.from = kNode4, .to = kClient4}, 53, 40000)));
  expect_untouched(frame_of(build_udp({.from = kNode6, .to = kClient6}, 53, 40000)));
  const Bytes router_solicitation =
      build({.from = kVip6, .to = kClient6}, Icmp{.type = 133, .code = 0, .rest = Bytes(4)});
  expect_untouched(frame_of(router_solicitation));
  const Bytes rewritten = frame_of(neighbour(kAdvertisement, kVip6, kVip6, link_option(kOfTarget, kClusterMac)));
  expect_frame(frame_of(neighbour(kAdvertisement, kVip6, kVip6, link_option(kOfTarget, kOwnMac))), rewritten,
               RELAIS_EGRESS_REWRITTEN);
}

TEST_F(EgressTest, truncated_frames_of_any_length_are_left_alone) {
  for (const Bytes& frame : {arp_frame(2, kVip4, kOwnMac), frame_of(neighbour(kAdvertisement, kNode6, kVip6, {}))}) {
    for (std::size_t length = 14; length < frame.size(); ++length) {
      const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
      const auto outcome = try_run(tc_egress(), cut);
      if (!outcome) continue;  // the kernel refuses to test with less than an IP header
      EXPECT_EQ(outcome->returned, kTcUnspecified) << length;
      EXPECT_EQ(outcome->packet, cut) << length;
    }
  }
}

}  // namespace
}  // namespace relais::test
