// Decoding of sock_diag answers, on bytes recorded from Linux 6.18, and counting of what was decoded.
#include "netfilter/net/socket_diag.h"

#include "netfilter/net/flows.h"

#include <gtest/gtest.h>

#include <charconv>
#include <string>
#include <vector>

namespace relais::netfilter {
namespace {

// The tails (cookie, timers, attributes) are shortened to what struct inet_diag_msg holds.
constexpr std::string_view kV4 =
    "02010000e02b8c83c6336464000000000000000000000000cb00710700000000000000000000000000000000020000000000000000000000"
    "000000000000000000000000ab2a0100";
constexpr std::string_view kV4OfDualStackListener =
    "0a010000ee07a18700000000000000000000ffffc633646400000000000000000000ffffcb00710800000000040000000000000000000000"
    "000000000000000000000000ae2a0100";
constexpr std::string_view kV6 =
    "0a01000097ef870520010db800010000000000000000010020010db8ffff0000000000000000000700000000050000000000000000000000"
    "000000000000000000000000b12a0100";

const IpAddress kVip4 = IpAddress::parse("198.51.100.100").value();
const IpAddress kVip6 = IpAddress::parse("2001:db8:1::100").value();
const IpAddress kClient4 = IpAddress::parse("203.0.113.7").value();
const IpAddress kClient6 = IpAddress::parse("2001:db8:ffff::7").value();

std::vector<std::uint8_t> bytes_of(std::string_view hex) {
  std::vector<std::uint8_t> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) std::from_chars(&hex[2 * i], &hex[2 * i] + 2, bytes[i], 16);
  return bytes;
}

TEST(SocketDiagTest, an_ipv4_connection_is_decoded) {
  const auto flow = decode_flow(bytes_of(kV4));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->vip, kVip4);
  EXPECT_EQ(flow->vip_port, 0xe02b);
  EXPECT_EQ(flow->client, kClient4);
  EXPECT_EQ(flow->client_port, 0x8c83);
  EXPECT_EQ(flow->state, TcpState::established);
  EXPECT_EQ(flow->family, SocketFamily::v4);
}

TEST(SocketDiagTest, an_ipv4_connection_of_a_dual_stack_listener_is_ipv4_but_stays_an_ipv6_socket) {
  const auto flow = decode_flow(bytes_of(kV4OfDualStackListener));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->vip, kVip4);
  EXPECT_EQ(flow->client, IpAddress::parse("203.0.113.8").value());
  EXPECT_EQ(flow->family, SocketFamily::v6);
  EXPECT_EQ(destroy_request(*flow).sdiag_family, 10);
}

TEST(SocketDiagTest, an_ipv6_connection_is_decoded) {
  const auto flow = decode_flow(bytes_of(kV6));
  ASSERT_TRUE(flow);
  EXPECT_EQ(flow->vip, kVip6);
  EXPECT_EQ(flow->client, kClient6);
  EXPECT_EQ(flow->client_port, 0x8705);
}

TEST(SocketDiagTest, a_truncated_answer_of_any_length_is_refused) {
  const auto whole = bytes_of(kV6);
  ASSERT_EQ(whole.size(), sizeof(inet_diag_msg));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(decode_flow({whole.data(), length})) << length;
  }
}

TEST(SocketDiagTest, an_unknown_family_is_refused) {
  auto bytes = bytes_of(kV4);
  bytes[0] = 1;
  EXPECT_FALSE(decode_flow(bytes));
}

TEST(SocketDiagTest, only_connections_are_asked_for) {
  const std::uint32_t states = dump_request(SocketFamily::v4).idiag_states;
  for (const TcpState state : {TcpState::listen, TcpState::time_wait, TcpState::close}) {
    EXPECT_EQ(states & (1U << static_cast<unsigned>(state)), 0U);
  }
  for (const TcpState state :
       {TcpState::established, TcpState::syn_received, TcpState::new_syn_received, TcpState::last_ack}) {
    EXPECT_NE(states & (1U << static_cast<unsigned>(state)), 0U);
  }
}

TEST(SocketDiagTest, a_connection_is_destroyed_by_the_identity_that_the_kernel_gave) {
  const auto flow = decode_flow(bytes_of(kV4));
  ASSERT_TRUE(flow);
  const inet_diag_req_v2 request = destroy_request(*flow);
  EXPECT_EQ(request.id.idiag_cookie[0], 2U);
  EXPECT_EQ(request.sdiag_protocol, 6);
}

TEST(FlowsTest, connections_are_counted_by_vip_and_bucket_and_others_are_not) {
  const SipKey key{.k0 = 1, .k1 = 2};
  const std::vector<Flow> flows = {*decode_flow(bytes_of(kV4)), *decode_flow(bytes_of(kV4)),
                                   *decode_flow(bytes_of(kV6))};
  const std::vector<IpAddress> vips = {IpAddress::parse("198.51.100.101").value(), kVip4};
  const FlowCounts counts = count_flows(flows, vips, key);
  ASSERT_EQ(counts.size(), 2U);
  EXPECT_EQ(counts[1][bucket_of(key, kClient4).value()], 2U);
  std::uint32_t sum = 0;
  for (const auto& vip : counts) {
    for (const std::uint32_t count : vip) sum += count;
  }
  EXPECT_EQ(sum, 2U);
}

}  // namespace
}  // namespace relais::netfilter
