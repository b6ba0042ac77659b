// The packets of a SYN flood.
#include "lab/probe/flood_packet.h"

#include "base/invariant.h"

#include <algorithm>

namespace relais::probe {

namespace {

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kTcpHeader = 20;
constexpr std::array<std::uint8_t, 12> kOptions{2, 4, 0x05, 0xb4, 4, 2, 1, 1, 1, 3, 3, 7};
constexpr std::size_t kSegment = kTcpHeader + kOptions.size();
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kHopLimit = 64;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint16_t kWindow = 64240;

void put16(std::span<std::uint8_t> where, std::uint16_t value) {
  where[0] = static_cast<std::uint8_t>(value >> 8);
  where[1] = static_cast<std::uint8_t>(value);
}

void put32(std::span<std::uint8_t> where, std::uint32_t value) {
  put16(where, static_cast<std::uint16_t>(value >> 16));
  put16(where.subspan(2), static_cast<std::uint16_t>(value));
}

// The sum of 16-bit words; `bytes` has an even length.
std::uint32_t sum_of(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += (std::uint32_t{bytes[i]} << 8) | bytes[i + 1];
  return sum;
}

std::uint16_t folded(std::uint32_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void fill_ipv4(std::span<std::uint8_t> header, const Opener& opener) {
  header[0] = 0x45;
  put16(header.subspan(2), static_cast<std::uint16_t>(kIpv4Header + kSegment));
  header[8] = kHopLimit;
  header[9] = kTcp;
  std::ranges::copy(opener.source.bytes(), header.begin() + 12);
  std::ranges::copy(opener.target.bytes(), header.begin() + 16);
  put16(header.subspan(10), folded(sum_of(header)));
}

void fill_ipv6(std::span<std::uint8_t> header, const Opener& opener) {
  header[0] = 0x60;
  put16(header.subspan(4), kSegment);
  header[6] = kTcp;
  header[7] = kHopLimit;
  std::ranges::copy(opener.source.bytes(), header.begin() + 8);
  std::ranges::copy(opener.target.bytes(), header.begin() + 24);
}

void fill_tcp(std::span<std::uint8_t> segment, const Opener& opener) {
  put16(segment, opener.source_port);
  put16(segment.subspan(2), opener.target_port);
  put32(segment.subspan(4), opener.sequence);
  segment[12] = static_cast<std::uint8_t>(kSegment / 4 << 4);
  segment[13] = kSyn;
  put16(segment.subspan(14), kWindow);
  std::ranges::copy(kOptions, segment.begin() + kTcpHeader);
  const auto pseudo_header =
      sum_of(opener.source.bytes()) + sum_of(opener.target.bytes()) + kTcp + static_cast<std::uint32_t>(kSegment);
  put16(segment.subspan(16), folded(pseudo_header + sum_of(segment)));
}

}  // namespace

OpenerPacket::OpenerPacket(const Opener& opener) {
  INVARIANT(opener.source.family() == opener.target.family(), "a packet has one family");
  const bool is_v4 = opener.source.family() == IpFamily::v4;
  const std::size_t header = is_v4 ? kIpv4Header : kIpv6Header;
  size_ = header + kSegment;
  const std::span<std::uint8_t> whole(bytes_.data(), size_);
  if (is_v4) {
    fill_ipv4(whole.first(header), opener);
  } else {
    fill_ipv6(whole.first(header), opener);
  }
  fill_tcp(whole.subspan(header), opener);
}

}  // namespace relais::probe
