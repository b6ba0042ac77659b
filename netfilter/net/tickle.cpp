// Raw sockets of protocol IPPROTO_RAW: they send packets as they are and never receive any, unlike those of TCP, which
// get a copy of every segment of the machine.
#include "netfilter/net/tickle.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

namespace relais::netfilter {
namespace {

using Packet = std::vector<std::uint8_t>;

constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kHopLimit = 64;
constexpr std::uint16_t kTcpHeaderBytes = 20;
constexpr std::uint8_t kAck = 0x10;
// A burst fits any transmit queue; with the pause behind it that is at most 64,000 a second.
constexpr std::size_t kBurst = 64;
constexpr std::chrono::milliseconds kPause{1};

void put16(Packet& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put_zeros(Packet& out, std::size_t count) { out.insert(out.end(), count, 0); }

void put_address(Packet& out, const IpAddress& address) {
  out.insert(out.end(), address.bytes().begin(), address.bytes().end());
}

// RFC 1071; `bytes` has an even length.
std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += (std::uint32_t{bytes[i]} << 8) + bytes[i + 1];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

// Sequence and acknowledgement 0: out of the window of practically every connection, and in none does it harm.
Packet segment_of(const TickleTarget& target) {
  Packet segment;
  put16(segment, target.vip_port);
  put16(segment, target.client_port);
  put_zeros(segment, 8);
  segment.push_back(kTcpHeaderBytes / 4 << 4);
  segment.push_back(kAck);
  put16(segment, 1024);  // window
  put_zeros(segment, 4);
  Packet covered = segment;  // with the pseudo header, whose order does not matter to the sum
  put_address(covered, target.vip);
  put_address(covered, target.client);
  put16(covered, kTcp);
  put16(covered, kTcpHeaderBytes);
  const std::uint16_t sum = checksum(covered);
  segment[16] = static_cast<std::uint8_t>(sum >> 8);
  segment[17] = static_cast<std::uint8_t>(sum);
  return segment;
}

Packet header_v4(const TickleTarget& target) {
  Packet header{0x45, 0};
  put16(header, 20 + kTcpHeaderBytes);
  put_zeros(header, 2);   // identification
  put16(header, 0x4000);  // do not fragment
  header.push_back(kHopLimit);
  header.push_back(kTcp);
  put_zeros(header, 2);
  put_address(header, target.vip);
  put_address(header, target.client);
  const std::uint16_t sum = checksum(header);
  header[10] = static_cast<std::uint8_t>(sum >> 8);
  header[11] = static_cast<std::uint8_t>(sum);
  return header;
}

Packet header_v6(const TickleTarget& target) {
  Packet header{0x60, 0, 0, 0};
  put16(header, kTcpHeaderBytes);
  header.push_back(kTcp);
  header.push_back(kHopLimit);
  put_address(header, target.vip);
  put_address(header, target.client);
  return header;
}

// A raw socket takes the destination twice: in the packet, and here for the route.
bool send_to(int socket, const Packet& packet, const IpAddress& client) {
  sockaddr_storage to{};
  if (client.family() == IpFamily::v4) {
    sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
    std::memcpy(&address.sin_addr, client.bytes().data(), sizeof address.sin_addr);
    std::memcpy(&to, &address, sizeof address);
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    std::memcpy(&address.sin6_addr, client.bytes().data(), sizeof address.sin6_addr);
    std::memcpy(&to, &address, sizeof address);
  }
  const socklen_t length = client.family() == IpFamily::v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  const auto* address = reinterpret_cast<const sockaddr*>(&to);
  return ::sendto(socket, packet.data(), packet.size(), 0, address, length) == static_cast<ssize_t>(packet.size());
}

Result<UniqueFd> open_raw(int family) {
  UniqueFd socket(::socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!socket) return system_error("cannot open a raw socket", errno, "run as root");
  const timeval patience{.tv_sec = 0, .tv_usec = 100'000};  // for a full send buffer; a route that drops blocks nobody
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
    return system_error("cannot bound the time that a raw socket may block");
  return socket;
}

}  // namespace

std::vector<std::uint8_t> tickle_packet(const TickleTarget& target) {
  Packet packet = target.vip.family() == IpFamily::v4 ? header_v4(target) : header_v6(target);
  const Packet segment = segment_of(target);
  packet.insert(packet.end(), segment.begin(), segment.end());
  return packet;
}

Result<TickleSender> TickleSender::open() {
  Result<UniqueFd> ipv4 = open_raw(AF_INET);
  if (ipv4.has_error()) return ipv4.error();
  Result<UniqueFd> ipv6 = open_raw(AF_INET6);
  if (ipv6.has_error() && ipv6.error().code != EAFNOSUPPORT) return ipv6.error();
  return TickleSender(std::move(*ipv4), ipv6.has_value() ? std::move(*ipv6) : UniqueFd());
}

std::size_t TickleSender::send(std::span<const TickleTarget> targets) {
  std::size_t sent = 0;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const TickleTarget& target = targets[i];
    const UniqueFd& socket = target.client.family() == IpFamily::v4 ? ipv4_ : ipv6_;
    if (send_to(socket.get(), tickle_packet(target), target.client)) ++sent;
    if (i % kBurst == kBurst - 1) std::this_thread::sleep_for(kPause);
  }
  return sent;
}

}  // namespace relais::netfilter
