// What a restarted daemon makes of its predecessor's tables.
#include "netfilter/plan/tables.h"

#include <gtest/gtest.h>

namespace relais::netfilter {
namespace {

const IpAddress kFirst = IpAddress::parse("198.51.100.100").value();
const IpAddress kSecond = IpAddress::parse("2001:db8:1::100").value();
const IpAddress kThird = IpAddress::parse("198.51.100.101").value();

TEST(TablesTest, a_restarted_daemon_serves_nothing_but_keeps_its_connections) {
  BucketStates states{};
  states[1] = BucketState::leftover;
  states[2] = BucketState::shadow;
  states[3] = BucketState::adopt;
  states[4] = BucketState::serve;
  const BucketStates after = demoted(states);
  EXPECT_EQ(after[0], BucketState::foreign);
  for (const std::size_t bucket : {1U, 2U, 3U, 4U}) EXPECT_EQ(after[bucket], BucketState::leftover) << bucket;
}

TEST(TablesTest, tables_follow_their_addresses_when_the_order_of_vips_changes) {
  BucketStates of_first{};
  of_first[7] = BucketState::serve;
  BucketStates of_second{};
  of_second[9] = BucketState::leftover;
  const std::vector<VipTable> pinned = {{kFirst, of_first}, {kSecond, of_second}};
  const std::vector<IpAddress> wanted = {kSecond, kFirst};
  const auto tables = plan_restart(pinned, wanted);
  EXPECT_EQ(tables, (std::vector{demoted(of_second), demoted(of_first)}));
}

TEST(TablesTest, a_new_address_starts_foreign_and_a_removed_one_is_forgotten) {
  BucketStates of_first{};
  of_first[7] = BucketState::serve;
  const std::vector<VipTable> pinned = {{kFirst, of_first}};
  const std::vector<IpAddress> wanted = {kThird};
  EXPECT_EQ(plan_restart(pinned, wanted), std::vector{BucketStates{}});
}

}  // namespace
}  // namespace relais::netfilter
