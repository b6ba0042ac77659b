// Reads by copying: a queue's payload has no alignment.
#include "netfilter/hold/opener_packet.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>

namespace relais::netfilter {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kTcpUpToFlags = 14;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;
constexpr int kMostExtensions = 4;

std::uint32_t number(Bytes bytes, std::size_t offset, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[offset + i];
  return value;
}

template <std::size_t Size>
std::array<std::uint8_t, Size> address(Bytes packet, std::size_t offset) {
  std::array<std::uint8_t, Size> bytes{};
  std::copy_n(packet.begin() + static_cast<std::ptrdiff_t>(offset), Size, bytes.begin());
  return bytes;
}

bool read_tcp(Bytes tcp, OpenerPacket& opener) {
  if (tcp.size() < kTcpUpToFlags || (tcp[13] & (kSyn | kAck)) != kSyn) return false;
  opener.client_port = static_cast<std::uint16_t>(number(tcp, 0, 2));
  opener.vip_port = static_cast<std::uint16_t>(number(tcp, 2, 2));
  opener.first_number = number(tcp, 4, 4);
  return true;
}

std::optional<OpenerPacket> decode_ipv4(Bytes packet) {
  const std::size_t header = (packet[0] & 0x0fU) * 4U;
  if (packet.size() < kIpv4Header || header < kIpv4Header || packet.size() < header || packet[9] != IPPROTO_TCP)
    return std::nullopt;
  OpenerPacket opener{.client = IpAddress::v4(address<4>(packet, 12)), .vip = IpAddress::v4(address<4>(packet, 16))};
  return read_tcp(packet.subspan(header), opener) ? std::optional(opener) : std::nullopt;
}

bool is_extension(std::uint8_t protocol) {
  return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_DSTOPTS;
}

std::optional<OpenerPacket> decode_ipv6(Bytes packet) {
  if (packet.size() < kIpv6Header) return std::nullopt;
  OpenerPacket opener{.client = IpAddress::v6(address<16>(packet, 8)), .vip = IpAddress::v6(address<16>(packet, 24))};
  std::uint8_t protocol = packet[6];
  Bytes rest = packet.subspan(kIpv6Header);
  for (int i = 0; i < kMostExtensions && is_extension(protocol); ++i) {
    if (rest.size() < 8) return std::nullopt;
    const std::size_t length = (rest[1] + 1U) * 8U;
    if (rest.size() < length) return std::nullopt;
    protocol = rest[0];
    rest = rest.subspan(length);
  }
  return protocol == IPPROTO_TCP && read_tcp(rest, opener) ? std::optional(opener) : std::nullopt;
}

}  // namespace

std::optional<OpenerPacket> decode_opener(std::span<const std::uint8_t> packet) {
  if (packet.empty()) return std::nullopt;
  if (packet[0] >> 4 == 4) return decode_ipv4(packet);
  if (packet[0] >> 4 == 6) return decode_ipv6(packet);
  return std::nullopt;
}

}  // namespace relais::netfilter
