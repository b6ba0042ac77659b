// ARP over a packet socket, ICMPv6 echo over a raw socket, routes over rtnetlink.
#include "netfilter/net/gateway.h"

#include "netfilter/net/netlink_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace relais::netfilter {
namespace {

constexpr std::array<std::uint8_t, 6> kBroadcast = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr std::array<std::uint8_t, 8> kArpRequest = {0, 1, 8, 0, 6, 4, 0, 1};  // Ethernet, IPv4, lengths, operation
constexpr std::array<std::uint8_t, 8> kArpReply = {0, 1, 8, 0, 6, 4, 0, 2};
constexpr std::size_t kSenderMac = 8;
constexpr std::size_t kSenderAddress = 14;
constexpr std::size_t kTargetAddress = 24;

std::optional<IpAddress> address_in(const nlattr* attribute) {
  if (attribute == nullptr) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  const auto length = static_cast<std::size_t>(nla_len(attribute));
  if (length != 4 && length != 16) return std::nullopt;
  std::memcpy(bytes.data(), nla_data(attribute), length);
  return length == 4 ? IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]}) : IpAddress::v6(bytes);
}

// Next hops of a route with several.
void collect_hops(const nlattr* multipath, IfIndex interface, std::vector<IpAddress>& gateways) {
  const auto* hop = static_cast<const rtnexthop*>(nla_data(multipath));
  auto left = nla_len(multipath);
  while (left >= static_cast<int>(sizeof *hop) && hop->rtnh_len >= sizeof *hop && hop->rtnh_len <= left) {
    const auto* first = reinterpret_cast<const nlattr*>(RTNH_DATA(hop));
    const int length = hop->rtnh_len - static_cast<int>(sizeof *hop);
    const auto gateway = address_in(nla_find(first, length, RTA_GATEWAY));
    if (gateway && hop->rtnh_ifindex == static_cast<int>(interface.value())) gateways.push_back(*gateway);
    left -= static_cast<int>(NLMSG_ALIGN(hop->rtnh_len));
    hop = reinterpret_cast<const rtnexthop*>(reinterpret_cast<const char*>(hop) + NLMSG_ALIGN(hop->rtnh_len));
  }
}

void collect_gateways(const nlmsghdr& message, IfIndex interface, std::vector<IpAddress>& gateways) {
  if (message.nlmsg_type != RTM_NEWROUTE) return;
  rtmsg route{};
  std::memcpy(&route, nlmsg_data(&message), sizeof route);
  if (route.rtm_dst_len != 0 || route.rtm_type != RTN_UNICAST || route.rtm_table != RT_TABLE_MAIN) return;
  const nlattr* attributes = nlmsg_attrdata(&message, sizeof route);
  const int length = nlmsg_attrlen(&message, sizeof route);
  if (const nlattr* multipath = nla_find(attributes, length, RTA_MULTIPATH))
    return collect_hops(multipath, interface, gateways);
  const nlattr* out = nla_find(attributes, length, RTA_OIF);
  const auto gateway = address_in(nla_find(attributes, length, RTA_GATEWAY));
  if (gateway && out != nullptr && nla_get_u32(out) == interface.value()) gateways.push_back(*gateway);
}

sockaddr_ll link_address(const GatewayQuestion& question, const std::array<std::uint8_t, 6>& mac) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ARP);
  address.sll_ifindex = static_cast<int>(question.interface.value());
  address.sll_halen = 6;
  std::ranges::copy(mac, address.sll_addr);
  return address;
}

sockaddr_in6 ipv6_address(const IpAddress& address, IfIndex interface) {
  sockaddr_in6 result{};
  result.sin6_family = AF_INET6;
  std::memcpy(&result.sin6_addr, address.bytes().data(), sizeof result.sin6_addr);
  if (address.bytes()[0] == 0xfe) result.sin6_scope_id = interface.value();  // link-local, as routers announce
  return result;
}

Result<UniqueFd> open_arp(const GatewayQuestion& question) {
  UniqueFd socket(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error("cannot open a packet socket", errno, "run as root");
  // Replies only: other hosts' questions need not wake this process.
  std::array<sock_filter, 4> replies{{BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
                                      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1), BPF_STMT(BPF_RET | BPF_K, 64),
                                      BPF_STMT(BPF_RET | BPF_K, 0)}};
  const sock_fprog filter{.len = replies.size(), .filter = replies.data()};
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0)
    return system_error("cannot filter a packet socket");
  const sockaddr_ll address = link_address(question, {});
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_error("cannot bind a packet socket to the front interface");
  return socket;
}

Result<UniqueFd> open_echo(const GatewayQuestion& question) {
  UniqueFd socket(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6));
  if (!socket) return system_error("cannot open a raw socket", errno, "run as root");
  icmp6_filter filter{};
  ICMP6_FILTER_SETBLOCKALL(&filter);
  ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
  if (::setsockopt(socket.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) != 0)
    return system_error("cannot filter a raw socket");
  const auto interface = static_cast<int>(question.interface.value());
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTOIFINDEX, &interface, sizeof interface) != 0)
    return system_error("cannot bind a raw socket to the front interface");
  const sockaddr_in6 own = ipv6_address(question.own, question.interface);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
    return system_error("cannot ask the gateway from " + question.own.to_string(), errno,
                        "the node's address6 must be on its front interface");
  }
  return socket;
}

}  // namespace

Result<std::vector<IpAddress>> default_gateways(IfIndex interface, IpFamily family) {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::move(socket).error();
  const NlMessage message(nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST));
  if (!message) return system_error("cannot build a route request", ENOMEM);
  rtmsg request{};
  request.rtm_family = family == IpFamily::v4 ? AF_INET : AF_INET6;
  nlmsg_append(message.get(), &request, sizeof request, NLMSG_ALIGNTO);
  std::vector<IpAddress> gateways;
  const int error =
      socket->dump(message, [&](const nlmsghdr& header) { collect_gateways(header, interface, gateways); });
  if (error != 0) return system_error("cannot list routes", error);
  return gateways;
}

ArpPacket arp_request(const GatewayQuestion& question) {
  ArpPacket packet{};
  std::ranges::copy(kArpRequest, packet.begin());
  std::ranges::copy(question.mac.bytes(), packet.begin() + kSenderMac);
  std::ranges::copy(question.own.bytes(), packet.begin() + kSenderAddress);
  std::ranges::copy(question.gateway.bytes(), packet.begin() + kTargetAddress);
  return packet;
}

std::optional<MacAddress> arp_answer(const GatewayQuestion& question, std::span<const std::uint8_t> packet) {
  if (packet.size() < ArpPacket{}.size()) return std::nullopt;
  const bool is_ours = std::ranges::equal(packet.first(kArpReply.size()), kArpReply) &&
                       std::ranges::equal(packet.subspan(kSenderAddress, 4), question.gateway.bytes()) &&
                       std::ranges::equal(packet.subspan(kTargetAddress, 4), question.own.bytes());
  if (!is_ours) return std::nullopt;
  std::array<std::uint8_t, 6> mac{};
  std::ranges::copy(packet.subspan(kSenderMac, mac.size()), mac.begin());
  return MacAddress(mac);
}

Result<GatewayProbe> GatewayProbe::open(const GatewayQuestion& question) {
  Result<UniqueFd> socket = question.gateway.family() == IpFamily::v4 ? open_arp(question) : open_echo(question);
  if (socket.has_error()) return std::move(socket).error().with_context("gateway " + question.gateway.to_string());
  return GatewayProbe(std::move(*socket), question);
}

void GatewayProbe::ask() { question_.gateway.family() == IpFamily::v4 ? ask_arp() : ask_echo(); }

void GatewayProbe::ask_arp() {
  // Known until the next question: one that is not answered makes the next one a broadcast (another router may have
  // taken the address over).
  const sockaddr_ll to = link_address(question_, gateway_mac_ ? gateway_mac_->bytes() : kBroadcast);
  gateway_mac_.reset();
  const ArpPacket packet = arp_request(question_);
  static_cast<void>(
      ::sendto(socket_.get(), packet.data(), packet.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to));
}

void GatewayProbe::ask_echo() {
  icmp6_hdr packet{};  // the kernel fills the checksum in
  packet.icmp6_type = ICMP6_ECHO_REQUEST;
  packet.icmp6_id = htons(static_cast<std::uint16_t>(::getpid()));
  packet.icmp6_seq = htons(++sequence_);
  const sockaddr_in6 to = ipv6_address(question_.gateway, question_.interface);
  static_cast<void>(
      ::sendto(socket_.get(), &packet, sizeof packet, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to));
}

bool GatewayProbe::is_answer(std::span<const std::uint8_t> packet) {
  if (question_.gateway.family() == IpFamily::v4) {
    const auto mac = arp_answer(question_, packet);
    if (mac) gateway_mac_ = mac;
    return mac.has_value();
  }
  icmp6_hdr header{};
  if (packet.size() < sizeof header) return false;
  std::memcpy(&header, packet.data(), sizeof header);
  return header.icmp6_id == htons(static_cast<std::uint16_t>(::getpid())) && header.icmp6_seq == htons(sequence_);
}

bool GatewayProbe::has_answered() {
  bool answered = false;
  std::array<std::uint8_t, 128> buffer{};
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == ENETDOWN) continue;  // said once, when the interface went down
    if (got < 0) return answered;
    answered = is_answer(std::span(buffer).first(static_cast<std::size_t>(got))) || answered;
  }
}

}  // namespace relais::netfilter
