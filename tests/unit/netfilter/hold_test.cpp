// The pure parts of the SYN hold: what waits, and what a queued packet says.
#include "netfilter/hold/held_openers.h"
#include "netfilter/hold/hold_queue.h"
#include "netfilter/hold/opener_packet.h"
#include "tests/bpf/packets.h"

#include <gtest/gtest.h>

namespace relais::netfilter {
namespace {

using namespace std::chrono_literals;
using test::operator+;

constexpr Instant kStart{100s};

HeldOpener held(std::uint32_t packet, std::uint64_t flow, Duration after, std::uint8_t bucket = 0) {
  return {.packet = PacketNumber(packet),
          .opener = {.id = OpenerId(flow * 10 + packet), .vip = VipId(0), .bucket = BucketId(bucket)},
          .flow = FlowHash(flow),
          .came = kStart + after};
}

std::vector<std::uint32_t> packets(const std::vector<HeldOpener>& openers) {
  std::vector<std::uint32_t> numbers;
  for (const HeldOpener& opener : openers) numbers.push_back(opener.packet.value());
  return numbers;
}

TEST(HeldOpeners, one_per_flow_waits_and_the_newest_does) {
  HeldOpeners openers;
  EXPECT_FALSE(openers.add(held(1, 7, 0ms)));
  EXPECT_FALSE(openers.add(held(2, 8, 1ms)));
  const auto replaced = openers.add(held(3, 7, 2ms));
  ASSERT_TRUE(replaced);
  EXPECT_EQ(replaced->packet, PacketNumber(1));
  EXPECT_EQ(openers.size(), 2U);
  EXPECT_EQ(packets(openers.take_older(kStart + 1s)), (std::vector<std::uint32_t>{2, 3}));
}

TEST(HeldOpeners, what_has_waited_longest_goes_first) {
  HeldOpeners openers;
  for (std::uint32_t i = 0; i < 5; ++i) openers.add(held(i, i, i * 10ms));
  EXPECT_EQ(packets(openers.take_older(kStart + 20ms)), (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(openers.size(), 3U);
}

TEST(HeldOpeners, those_of_the_named_buckets_are_taken_and_no_others) {
  HeldOpeners openers;
  openers.add(held(1, 1, 0ms, 5));
  openers.add(held(2, 2, 0ms, 6));
  openers.add(held(3, 3, 0ms, 5));
  std::vector<std::bitset<kBuckets>> buckets(1);
  buckets[0].set(5);
  EXPECT_EQ(packets(openers.take(buckets)), (std::vector<std::uint32_t>{1, 3}));
  EXPECT_EQ(openers.size(), 1U);
  EXPECT_TRUE(openers.take({}).empty()) << "no such VIP";
}

OpenerPacket expected(const char* client, const char* vip) {
  return {.client = IpAddress::parse(client).value(),
          .vip = IpAddress::parse(vip).value(),
          .client_port = 40000,
          .vip_port = 25,
          .first_number = 0xfedcba98};
}

test::Bytes syn(const OpenerPacket& opener, std::uint8_t flags = test::kSyn) {
  return test::build({.from = opener.client, .to = opener.vip}, test::Tcp{.from = opener.client_port,
                                                                          .to = opener.vip_port,
                                                                          .sequence = opener.first_number,
                                                                          .acknowledgement = 0,
                                                                          .flags = flags,
                                                                          .payload = {}});
}

TEST(OpenerPacket, is_read_from_ipv4_and_ipv6) {
  for (const OpenerPacket& opener :
       {expected("203.0.113.7", "198.51.100.100"), expected("2001:db8:ffff::7", "2001:db8:1::100")}) {
    EXPECT_EQ(decode_opener(syn(opener)), opener);
    EXPECT_EQ(decode_opener(syn(opener, test::kSyn | 0xc0)), opener) << "ECN";
    EXPECT_FALSE(decode_opener(syn(opener, test::kSyn | test::kAck)));
    EXPECT_FALSE(decode_opener(syn(opener, test::kAck)));
  }
}

TEST(OpenerPacket, is_found_behind_extension_headers) {
  const OpenerPacket opener = expected("2001:db8:ffff::7", "2001:db8:1::100");
  const test::Bytes plain = syn(opener);
  const test::Bytes tcp(plain.begin() + 40, plain.end());
  const test::Bytes packet = test::build(test::Ip{.from = opener.client,
                                                  .to = opener.vip,
                                                  .protocol = 0,
                                                  .payload = test::extension(60, 1) + test::extension(6, 2) + tcp});
  EXPECT_EQ(decode_opener(packet), opener);
}

TEST(OpenerPacket, cut_off_anywhere_it_is_no_opener) {
  for (const OpenerPacket& opener :
       {expected("203.0.113.7", "198.51.100.100"), expected("2001:db8:ffff::7", "2001:db8:1::100")}) {
    const test::Bytes whole = syn(opener);
    const std::size_t needed = whole.size() - 6;  // up to TCP's flags
    for (std::size_t size = 0; size < needed; ++size) EXPECT_FALSE(decode_opener(std::span(whole).first(size))) << size;
    EXPECT_TRUE(decode_opener(std::span(whole).first(needed)));
  }
}

TEST(QueueDrops, are_those_of_the_queue_with_this_number) {
  constexpr const char* kText = "29001  12345     0 2   128     7     2     100  1\n29002   1 0 2 128 0 0 5 1\n";
  EXPECT_EQ(parse_queue_drops(kText, 29001), 9U);
  EXPECT_EQ(parse_queue_drops(kText, 29002), 0U);
  EXPECT_EQ(parse_queue_drops(kText, 3), 0U);
  EXPECT_EQ(parse_queue_drops("garbage\n29001 1", 29001), 0U);
}

}  // namespace
}  // namespace relais::netfilter
