// Decodes inet_diag_msg by copying: netlink payloads are 4-byte aligned only, and recorded bytes not even that.
#include "netfilter/net/socket_diag.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace relais::netfilter {
namespace {

constexpr std::uint32_t bit(TcpState state) { return std::uint32_t{1} << static_cast<unsigned>(state); }

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // RFC 4291, 2.5.5.2

// `words`: 4 words in network order, of which IPv4 uses the first.
IpAddress address_of(SocketFamily family, const __be32 (&words)[4]) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), words, bytes.size());
  std::array<std::uint8_t, 4> ipv4{};
  if (family == SocketFamily::v4) {
    std::copy_n(bytes.begin(), 4, ipv4.begin());
    return IpAddress::v4(ipv4);
  }
  if (std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin())) {
    std::copy_n(bytes.begin() + kMappedPrefix.size(), 4, ipv4.begin());
    return IpAddress::v4(ipv4);
  }
  return IpAddress::v6(bytes);
}

std::uint8_t family_number(SocketFamily family) { return family == SocketFamily::v4 ? AF_INET : AF_INET6; }

}  // namespace

std::uint32_t connection_states() {
  return bit(TcpState::established) | bit(TcpState::syn_sent) | bit(TcpState::syn_received) |
         bit(TcpState::fin_wait_1) | bit(TcpState::fin_wait_2) | bit(TcpState::close_wait) | bit(TcpState::last_ack) |
         bit(TcpState::closing) | bit(TcpState::new_syn_received);
}

inet_diag_req_v2 dump_request(SocketFamily family) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family_number(family);
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = connection_states();
  return request;
}

inet_diag_req_v2 destroy_request(const Flow& flow) {
  inet_diag_req_v2 request{};
  request.sdiag_family = family_number(flow.family);
  request.sdiag_protocol = IPPROTO_TCP;
  request.id = flow.id;
  return request;
}

std::optional<Flow> decode_flow(std::span<const std::uint8_t> payload) {
  inet_diag_msg message{};
  if (payload.size() < sizeof(message)) return std::nullopt;
  std::memcpy(&message, payload.data(), sizeof(message));
  if (message.idiag_family != AF_INET && message.idiag_family != AF_INET6) return std::nullopt;
  const auto family = message.idiag_family == AF_INET ? SocketFamily::v4 : SocketFamily::v6;
  return Flow{.vip = address_of(family, message.id.idiag_src),
              .vip_port = ntohs(message.id.idiag_sport),
              .client = address_of(family, message.id.idiag_dst),
              .client_port = ntohs(message.id.idiag_dport),
              .state = static_cast<TcpState>(message.idiag_state),
              .id = message.id,
              .family = family};
}

}  // namespace relais::netfilter
