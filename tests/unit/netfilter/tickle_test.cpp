// The bytes of a tickle, and of the question whether a gateway is there.
#include "netfilter/net/tickle.h"

#include "base/prng.h"
#include "netfilter/net/gateway.h"
#include "netfilter/net/link_watch.h"

#include <gtest/gtest.h>

#include <linux/if.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cstring>

namespace relais::netfilter {
namespace {

using Bytes = std::vector<std::uint8_t>;

IpAddress address(const char* text) { return IpAddress::parse(text).value(); }

// The one's complement sum of RFC 1071 over 16-bit words: all ones for bytes that contain their right checksum.
std::uint16_t folded_sum(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) sum += static_cast<std::uint32_t>(bytes[i] * 256 + bytes[i + 1]);
  while (sum > 0xffff) sum = (sum % 65536) + (sum / 65536);
  return static_cast<std::uint16_t>(sum);
}

// Pseudo header (RFC 9293 3.1, RFC 8200 8.1) and segment.
Bytes covered_by_tcp_checksum(const TickleTarget& target, const Bytes& packet) {
  Bytes covered;
  for (const std::uint8_t byte : target.vip.bytes()) covered.push_back(byte);
  for (const std::uint8_t byte : target.client.bytes()) covered.push_back(byte);
  for (const std::uint8_t byte : std::array<std::uint8_t, 4>{0, 6, 0, 20}) covered.push_back(byte);
  for (auto byte = packet.end() - 20; byte != packet.end(); ++byte) covered.push_back(*byte);
  return covered;
}

TEST(TicklePacket, is_a_bare_ack_from_the_vip) {
  const Bytes packet = tickle_packet(
      {.vip = address("198.51.100.100"), .vip_port = 993, .client = address("203.0.113.7"), .client_port = 40000});
  const Bytes expected = {0x45, 0,    0,    40,   0,   0, 0x40, 0, 64, 6, 0xd3, 0xf9,  // IPv4
                          198,  51,   100,  100,  203, 0, 113,  7,                     //
                          0x03, 0xe1, 0x9c, 0x40, 0,   0, 0,    0, 0,  0, 0,    0,     // ports, numbers
                          0x50, 0x10, 4,    0,    0,   0, 0,    0};
  ASSERT_EQ(packet.size(), expected.size());
  for (std::size_t i = 0; i < packet.size(); ++i) {
    const bool is_checksum = i == 10 || i == 11 || i == 36 || i == 37;
    EXPECT_TRUE(is_checksum || packet[i] == expected[i]) << "byte " << i;
  }
}

TEST(TicklePacket, has_right_checksums_for_any_connection) {
  Prng prng(9);
  for (int round = 0; round < 1000; ++round) {
    std::array<std::uint8_t, 16> a{};
    std::array<std::uint8_t, 16> b{};
    for (std::size_t i = 0; i < a.size(); ++i) {
      a[i] = static_cast<std::uint8_t>(prng.next());
      b[i] = static_cast<std::uint8_t>(prng.next());
    }
    const bool is_v4 = prng.chance(500);
    const TickleTarget target{.vip = is_v4 ? IpAddress::v4({a[0], a[1], a[2], a[3]}) : IpAddress::v6(a),
                              .vip_port = static_cast<std::uint16_t>(prng.next()),
                              .client = is_v4 ? IpAddress::v4({b[0], b[1], b[2], b[3]}) : IpAddress::v6(b),
                              .client_port = static_cast<std::uint16_t>(prng.next())};
    const Bytes packet = tickle_packet(target);
    ASSERT_EQ(packet.size(), is_v4 ? 40U : 60U);
    ASSERT_EQ(folded_sum(covered_by_tcp_checksum(target, packet)), 0xffff);
    ASSERT_TRUE(!is_v4 || folded_sum(Bytes(packet.begin(), packet.begin() + 20)) == 0xffff);
  }
}

GatewayQuestion question() {
  return {.interface = IfIndex(3),
          .mac = MacAddress::parse("02:00:5e:00:01:02").value(),
          .own = address("198.51.100.12"),
          .gateway = address("198.51.100.1")};
}

TEST(GatewayQuestion, asks_with_the_nodes_own_mac_and_address) {
  const ArpPacket packet = arp_request(question());
  const ArpPacket expected = {0,   1,  8,   0,  6, 4, 0, 1, 2, 0, 0x5e, 0,  1,   2,
                              198, 51, 100, 12, 0, 0, 0, 0, 0, 0, 198,  51, 100, 1};
  EXPECT_EQ(packet, expected);
}

TEST(GatewayQuestion, only_the_gateways_reply_to_this_node_is_an_answer) {
  const ArpPacket reply = {0,   1,  8,   0, 6, 4, 0,    2, 2, 0, 0x5e, 0,  0,   1,
                           198, 51, 100, 1, 2, 0, 0x5e, 0, 1, 2, 198,  51, 100, 12};
  EXPECT_EQ(arp_answer(question(), reply), MacAddress::parse("02:00:5e:00:00:01").value());
  for (const std::size_t wrong : {0U, 2U, 4U, 5U, 7U, 17U, 27U}) {
    ArpPacket other = reply;
    other[wrong] = static_cast<std::uint8_t>(other[wrong] + 1);
    EXPECT_FALSE(arp_answer(question(), other)) << "byte " << wrong;
  }
  for (std::size_t length = 0; length < reply.size(); ++length) {
    EXPECT_FALSE(arp_answer(question(), std::span(reply).first(length)));
  }
}

// The bytes of a kernel structure behind those that are there.
template <class T>
void append(Bytes& bytes, const T& value) {
  std::array<std::uint8_t, sizeof(T)> raw{};
  std::memcpy(raw.data(), &value, sizeof(T));
  for (const std::uint8_t byte : raw) bytes.push_back(byte);
}

Bytes link_message(std::uint16_t type, int index, unsigned flags, const Bytes& mac = {}) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_len = sizeof(nlmsghdr) + sizeof(ifinfomsg);
  if (!mac.empty()) header.nlmsg_len += static_cast<std::uint32_t>(sizeof(rtattr) + mac.size());
  ifinfomsg info{};
  info.ifi_index = index;
  info.ifi_flags = flags;
  Bytes bytes;
  append(bytes, header);
  append(bytes, info);
  if (mac.empty()) return bytes;
  rtattr attribute{};
  attribute.rta_type = IFLA_ADDRESS;
  attribute.rta_len = static_cast<unsigned short>(sizeof attribute + mac.size());
  append(bytes, attribute);
  for (const std::uint8_t byte : mac) bytes.push_back(byte);
  return bytes;
}

TEST(LinkMessage, says_how_the_watched_interface_is) {
  const Link known{.index = IfIndex(7), .name = "eth0", .mac = MacAddress({2, 0, 0, 0, 0, 1}), .state = LinkState::up};
  const auto state = [&](const Bytes& message) {
    const auto link = decode_link_message(message, known);
    return link ? std::optional(link->state) : std::nullopt;
  };
  EXPECT_EQ(state(link_message(RTM_NEWLINK, 7, IFF_UP | IFF_LOWER_UP)), LinkState::up);
  EXPECT_EQ(state(link_message(RTM_NEWLINK, 7, IFF_UP)), LinkState::no_carrier);
  EXPECT_EQ(state(link_message(RTM_NEWLINK, 7, 0)), LinkState::down);
  EXPECT_EQ(state(link_message(RTM_DELLINK, 7, IFF_UP | IFF_LOWER_UP)), LinkState::down);
  EXPECT_EQ(state(link_message(RTM_NEWLINK, 8, 0)), std::nullopt);
  EXPECT_EQ(state(link_message(RTM_NEWADDR, 7, 0)), std::nullopt);
  EXPECT_EQ(decode_link_message(link_message(RTM_NEWLINK, 7, IFF_UP), known)->mac, known.mac);
  const Bytes moved = link_message(RTM_NEWLINK, 7, IFF_UP, {2, 0, 0, 0, 0, 9});
  EXPECT_EQ(decode_link_message(moved, known)->mac, MacAddress({2, 0, 0, 0, 0, 9}));
  for (std::size_t length = 0; length < sizeof(nlmsghdr) + sizeof(ifinfomsg); ++length) {
    EXPECT_FALSE(decode_link_message(std::span(moved).first(length), known));
  }
}

}  // namespace
}  // namespace relais::netfilter
