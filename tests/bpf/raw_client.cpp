// A TUN device, raw segments, and the few steps of TCP that the tests need.
#include "tests/bpf/raw_client.h"

#include "tests/bpf/shell.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace relais::test {
namespace {

std::uint32_t word_at(const Bytes& bytes, std::size_t offset) {
  return std::uint32_t{bytes[offset]} << 24 | std::uint32_t{bytes[offset + 1]} << 16 |
         std::uint32_t{bytes[offset + 2]} << 8 | bytes[offset + 3];
}

// Where the TCP header of a packet to `client` begins; nullopt if it is something else.
std::optional<std::size_t> tcp_offset(const Bytes& packet, const IpAddress& client) {
  const bool is_v4 = client.family() == IpFamily::v4;
  const std::size_t header = is_v4 ? 20 : 40;
  if (packet.size() < header + 20 || packet[0] >> 4 != (is_v4 ? 4 : 6)) return std::nullopt;
  if (packet[is_v4 ? 9 : 6] != kTcp) return std::nullopt;
  const auto destination = packet.begin() + static_cast<std::ptrdiff_t>(header - client.bytes().size());
  if (!std::equal(client.bytes().begin(), client.bytes().end(), destination)) return std::nullopt;
  return header;
}

sockaddr_in6 ipv6_socket_address(const IpAddress& address) {
  sockaddr_in6 result{};
  result.sin6_family = AF_INET6;
  std::memcpy(&result.sin6_addr, address.bytes().data(), sizeof(result.sin6_addr));
  return result;
}

sockaddr_in ipv4_socket_address(const IpAddress& address) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  std::memcpy(&result.sin_addr, address.bytes().data(), sizeof(result.sin_addr));
  return result;
}

}  // namespace

ClientNetwork::ClientNetwork() : device_(::open("/dev/net/tun", O_RDWR | O_CLOEXEC)) {
  ifreq request{};
  std::strcpy(request.ifr_name, "rlsnf-tun");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  EXPECT_EQ(::ioctl(device_.get(), TUNSETIFF, &request), 0) << std::strerror(errno);
  shell("ip link set lo up && ip link set rlsnf-tun up");
  shell("ip addr replace 198.51.100.100/32 dev lo && ip -6 addr replace 2001:db8:1::100/128 dev lo nodad");
  shell("ip route replace 203.0.113.0/24 dev rlsnf-tun && ip -6 route replace 2001:db8:ffff::/48 dev rlsnf-tun");
  // A work queue of the kernel installs an IPv6 address's local route, and activates a device's queue: until then
  // segments are lost, and a raw client sends each but once.
  wait_until("ip -6 route get 2001:db8:1::100 | grep -q ^local && ! ip link show rlsnf-tun | grep -q 'qdisc noop '");
}

void ClientNetwork::send(const Bytes& packet) {
  EXPECT_EQ(::write(device_.get(), packet.data(), packet.size()), static_cast<ssize_t>(packet.size()))
      << std::strerror(errno);
}

std::optional<ClientNetwork::Answer> ClientNetwork::receive(const IpAddress& client) {
  constexpr int kOtherPackets = 50;  // router solicitations and the like
  for (int i = 0; i < kOtherPackets; ++i) {
    pollfd waiting{.fd = device_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 300) != 1) return std::nullopt;
    Bytes packet(2048);
    const ssize_t length = ::read(device_.get(), packet.data(), packet.size());
    packet.resize(length < 0 ? 0 : static_cast<std::size_t>(length));
    if (const auto tcp = tcp_offset(packet, client)) {
      return Answer{.sequence = word_at(packet, *tcp + 4),
                    .acknowledgement = word_at(packet, *tcp + 8),
                    .flags = packet[*tcp + 13]};
    }
  }
  return std::nullopt;
}

Listener::Listener(const IpAddress& address)
    : socket_(::socket(address.family() == IpFamily::v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in6 ipv6 = ipv6_socket_address(address.family() == IpFamily::v6 ? address : IpAddress{});
  sockaddr_in ipv4 = ipv4_socket_address(address);
  const bool is_v4 = address.family() == IpFamily::v4;
  auto* generic = is_v4 ? reinterpret_cast<sockaddr*>(&ipv4) : reinterpret_cast<sockaddr*>(&ipv6);
  socklen_t length = is_v4 ? sizeof(ipv4) : sizeof(ipv6);
  EXPECT_EQ(::bind(socket_.get(), generic, length), 0) << std::strerror(errno);
  EXPECT_EQ(::listen(socket_.get(), 64), 0);
  EXPECT_EQ(::getsockname(socket_.get(), generic, &length), 0);
  port_ = ntohs(is_v4 ? ipv4.sin_port : ipv6.sin6_port);
}

UniqueFd Listener::accept() {
  pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&waiting, 1, 500) != 1) return {};
  return UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

bool RawClient::open_half() {
  network_.send(segment(kSyn));
  constexpr int kLateSegments = 20;  // of former connections of this address, before the answer
  for (int i = 0; i < kLateSegments; ++i) {
    const auto answer = network_.receive(endpoints_.from);
    if (!answer) return false;
    const bool is_syn_ack = (answer->flags & (kSyn | kAck)) == (kSyn | kAck);
    if (!is_syn_ack || answer->acknowledgement != sequence_ + 1) continue;
    ++sequence_;
    peer_next_ = answer->sequence + 1;
    return true;
  }
  return false;
}

bool RawClient::close_after_peer() {
  const auto answer = network_.receive(endpoints_.from);
  if (!answer || (answer->flags & kFin) == 0) return false;
  ++peer_next_;
  network_.send(segment(kFin | kAck));
  ++sequence_;
  return network_.receive(endpoints_.from).has_value();  // the ACK of our FIN: the server is in TIME_WAIT
}

Bytes RawClient::segment(std::uint8_t flags, std::uint32_t acknowledgement_offset) const {
  const std::uint32_t acknowledgement = (flags & kAck) != 0 ? peer_next_ + acknowledgement_offset : 0;
  return build(endpoints_, Tcp{.from = own_port_,
                               .to = port_,
                               .sequence = sequence_,
                               .acknowledgement = acknowledgement,
                               .flags = flags,
                               .payload = {}});
}

Bytes RawClient::from_server(std::uint8_t flags) const {
  const std::uint32_t sequence = (flags & kSyn) != 0 ? peer_next_ - 1 : peer_next_;
  return build({.from = endpoints_.to, .to = endpoints_.from}, Tcp{.from = port_,
                                                                   .to = own_port_,
                                                                   .sequence = sequence,
                                                                   .acknowledgement = sequence_,
                                                                   .flags = flags,
                                                                   .payload = {}});
}

}  // namespace relais::test
