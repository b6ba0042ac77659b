// The packets of a SYN flood: what a receiver reads in them.
#include "lab/probe/flood_packet.h"
#include "lab/probe/flood.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace relais::probe {
namespace {

Opener opener(const char* source, const char* target) {
  return {.source = *IpAddress::parse(source),
          .target = *IpAddress::parse(target),
          .source_port = 0x1234,
          .target_port = 7000,
          .sequence = 0xdeadbeef};
}

std::uint32_t word16(std::span<const std::uint8_t> bytes, std::size_t at) {
  return (std::uint32_t{bytes[at]} << 8) | bytes[at + 1];
}

// The Internet checksum over `bytes`, beginning with `start`: 0 if what they carry is right.
std::uint16_t checksum(std::span<const std::uint8_t> bytes, std::uint32_t start = 0) {
  std::uint32_t sum = start;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) sum += word16(bytes, i);
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void expect_syn(std::span<const std::uint8_t> segment) {
  EXPECT_EQ(word16(segment, 0), 0x1234U);
  EXPECT_EQ(word16(segment, 2), 7000U);
  EXPECT_EQ(word16(segment, 4), 0xdeadU);
  EXPECT_EQ(word16(segment, 6), 0xbeefU);
  EXPECT_EQ(segment[12] >> 4, static_cast<int>(segment.size() / 4));
  EXPECT_EQ(segment[13], 0x02);
}

TEST(FloodPacket, an_ipv4_opener_is_a_syn_with_right_checksums) {
  const OpenerPacket packet(opener("203.0.113.250", "198.51.100.100"));
  const auto bytes = packet.bytes();
  ASSERT_EQ(bytes.size(), 52U);
  EXPECT_EQ(bytes[0], 0x45);
  EXPECT_EQ(word16(bytes, 2), bytes.size());
  EXPECT_EQ(bytes[9], 6);
  EXPECT_EQ(checksum(bytes.first(20)), 0);
  const auto segment = bytes.subspan(20);
  const auto addresses = static_cast<std::uint16_t>(~checksum(bytes.subspan(12, 8)));
  EXPECT_EQ(checksum(segment, addresses + 6U + static_cast<std::uint32_t>(segment.size())), 0);
  expect_syn(segment);
}

TEST(FloodPacket, an_ipv6_opener_is_a_syn_with_a_right_checksum) {
  const OpenerPacket packet(opener("2001:db8:2::f000", "2001:db8:1::100"));
  const auto bytes = packet.bytes();
  ASSERT_EQ(bytes.size(), 72U);
  EXPECT_EQ(bytes[0] >> 4, 6);
  EXPECT_EQ(word16(bytes, 4), bytes.size() - 40);
  EXPECT_EQ(bytes[6], 6);
  const auto segment = bytes.subspan(40);
  const auto addresses = static_cast<std::uint16_t>(~checksum(bytes.subspan(8, 32)));
  EXPECT_EQ(checksum(segment, addresses + 6U + static_cast<std::uint32_t>(segment.size())), 0);
  expect_syn(segment);
}

TEST(FloodPacket, addresses_are_where_a_receiver_looks_for_them) {
  const auto expect = opener("203.0.113.250", "198.51.100.100");
  const OpenerPacket packet(expect);
  EXPECT_TRUE(std::ranges::equal(packet.bytes().subspan(12, 4), expect.source.bytes()));
  EXPECT_TRUE(std::ranges::equal(packet.bytes().subspan(16, 4), expect.target.bytes()));
}

TEST(FloodReport, the_rate_is_what_was_sent_per_second) {
  const FloodReport report{.sent = 5000, .refused = 7, .duration = std::chrono::seconds(2)};
  EXPECT_EQ(to_table(report), "sent 5000 SYNs in 2.0 s, 2500/s; 7 refused by this machine\n");
  EXPECT_NE(to_json(report).find("\"rate\": 2500.0"), std::string::npos);
}

TEST(FloodReport, a_flood_that_was_stopped_at_once_has_no_rate) {
  EXPECT_EQ(to_table(FloodReport{}), "sent 0 SYNs in 0.0 s, 0/s; 0 refused by this machine\n");
}

}  // namespace
}  // namespace relais::probe
