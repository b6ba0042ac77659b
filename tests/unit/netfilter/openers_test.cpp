// What an old owner tells the new one of connection openers.
#include "netfilter/plan/openers.h"

#include <gtest/gtest.h>

namespace relais::netfilter {
namespace {

using namespace std::chrono_literals;

constexpr Instant kNow{1000s};
constexpr Duration kWindow = 1s;

Opener opener(std::uint64_t id, std::uint8_t bucket = 3, OpenerPhase phase = OpenerPhase::answered) {
  return {.id = OpenerId(id), .vip = VipId(0), .bucket = BucketId(bucket), .phase = phase};
}

OpenerRecord record(std::uint64_t id, OpenerFate fate, Duration ago) {
  return {.opener = opener(id), .flow = FlowHash(id + 1000), .fate = fate, .since = kNow - ago};
}

class ListOpeners : public testing::Test {
 protected:
  ListOpeners() : buckets_(1) { buckets_[0].set(3); }

  OpenerList list(const std::vector<OpenerRecord>& records, std::set<FlowHash> opening = {},
                  std::size_t maximum = 100) {
    return list_openers(records, {.buckets = buckets_,
                                  .opening = std::move(opening),
                                  .now = kNow,
                                  .forgotten = kNow - 1min,
                                  .window = kWindow,
                                  .maximum = maximum});
  }

  std::vector<std::bitset<kBuckets>> buckets_;
};

TEST_F(ListOpeners, what_was_accepted_within_the_window_is_listed_as_answered) {
  const OpenerList found = list({record(1, OpenerFate::accepted, 900ms), record(2, OpenerFate::accepted, 1100ms)});
  EXPECT_EQ(found.openers, std::vector{opener(1)});
  EXPECT_TRUE(found.kept.empty());
  EXPECT_TRUE(found.complete);
}

TEST_F(ListOpeners, what_is_still_opening_is_kept_however_old) {
  const OpenerList found = list({record(1, OpenerFate::accepted, 40s)}, {FlowHash(1001)});
  const std::vector expected{opener(1, 3, OpenerPhase::opening)};
  EXPECT_EQ(found.openers, expected);
  EXPECT_EQ(found.kept, expected);
}

TEST_F(ListOpeners, of_an_owner_that_was_cut_off_what_was_opening_then_is_given_up_and_not_listed) {
  const std::vector records{record(1, OpenerFate::accepted, 40ms), record(2, OpenerFate::accepted, 40ms),
                            record(3, OpenerFate::accepted, 20ms)};
  const OpenerList found = list_openers(records, {.buckets = buckets_,
                                                  .opening = {FlowHash(1001), FlowHash(1003)},
                                                  .cut_off_until = kNow - 30ms,
                                                  .now = kNow,
                                                  .forgotten = kNow - 1min,
                                                  .window = kWindow,
                                                  .maximum = 100});
  const std::vector goes_on_with{opener(3, 3, OpenerPhase::opening)};
  EXPECT_EQ(found.openers, (std::vector{goes_on_with.front(), opener(2)}));
  EXPECT_EQ(found.given_up, (std::vector{opener(1, 3, OpenerPhase::opening)}));
  EXPECT_EQ(found.kept, goes_on_with);
}

TEST_F(ListOpeners, what_was_given_up_is_not_listed_the_second_time_either) {
  EXPECT_TRUE(list({record(1, OpenerFate::elsewhere, 1s)}, {FlowHash(1001)}).openers.empty());
}

TEST_F(ListOpeners, what_stays_with_a_third_node_is_passed_on_but_not_kept) {
  const OpenerList found = list({record(1, OpenerFate::elsewhere, 9s), record(2, OpenerFate::elsewhere, 11s)});
  EXPECT_EQ(found.openers, (std::vector{opener(1, 3, OpenerPhase::opening)}));
  EXPECT_TRUE(found.kept.empty());
}

TEST_F(ListOpeners, what_others_answer_or_hold_is_not_this_nodes_to_name) {
  EXPECT_TRUE(list({record(1, OpenerFate::held, 1ms), record(2, OpenerFate::went_on, 1ms)}).openers.empty());
}

TEST_F(ListOpeners, other_buckets_and_what_is_forgotten_do_not_count) {
  OpenerRecord elsewhere = record(1, OpenerFate::accepted, 1ms);
  elsewhere.opener.bucket = BucketId(4);
  OpenerRecord other_vip = record(2, OpenerFate::accepted, 1ms);
  other_vip.opener.vip = VipId(1);
  EXPECT_TRUE(list({elsewhere, other_vip, record(3, OpenerFate::accepted, 2min)}, {FlowHash(1003)}).openers.empty());
}

TEST_F(ListOpeners, a_list_that_is_too_long_says_so_and_keeps_those_that_are_opening_first) {
  std::vector<OpenerRecord> records;
  for (std::uint64_t id = 1; id <= 10; ++id) records.push_back(record(id, OpenerFate::accepted, 1ms));
  const OpenerList found = list(records, {FlowHash(1010)}, 4);
  EXPECT_FALSE(found.complete);
  ASSERT_EQ(found.openers.size(), 4U);
  EXPECT_EQ(found.openers.front(), opener(10, 3, OpenerPhase::opening));
  EXPECT_TRUE(list(records, {}, 10).complete);
}

TEST(OpenerId, differs_by_every_part_of_the_opener) {
  const SipKey key{.k0 = 1, .k1 = 2};
  const FlowEnds ends{
      .client = IpAddress::parse("203.0.113.7").value(), .vip = VipId(1), .client_port = 40000, .vip_port = 25};
  FlowEnds other_client = ends;
  other_client.client = IpAddress::parse("203.0.113.8").value();
  FlowEnds other_vip = ends;
  other_vip.vip = VipId(2);
  FlowEnds swapped = ends;
  swapped.client_port = 25;
  swapped.vip_port = 40000;
  const std::set<FlowHash> flows{flow_hash(key, ends), flow_hash(key, other_client), flow_hash(key, other_vip),
                                 flow_hash(key, swapped), flow_hash({.k0 = 1, .k1 = 3}, ends)};
  EXPECT_EQ(flows.size(), 5U);
  EXPECT_NE(opener_id(flow_hash(key, ends), 1), opener_id(flow_hash(key, ends), 2));
}

}  // namespace
}  // namespace relais::netfilter
