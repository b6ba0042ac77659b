// Clients to buckets: stable for ever (a changed value would split a cluster during an upgrade), and even.
#include "base/address.h"
#include "base/bucket_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace relais {
namespace {

constexpr SipKey kKey{.k0 = 0x0706050403020100, .k1 = 0x0f0e0d0c0b0a0908};

TEST(BucketTest, the_bucket_is_the_low_byte_of_the_hash_of_the_address_in_network_order) {
  EXPECT_EQ(bucket_of(kKey, *IpAddress::parse("203.0.113.7")), BucketId(0xd7));    // hash 765bb80fd682b3d7
  EXPECT_EQ(bucket_of(kKey, *IpAddress::parse("2001:db8:2::7")), BucketId(0x4e));  // hash fddbc0e44c650b4e
}

TEST(BucketTest, another_cluster_key_gives_other_buckets) {
  int same = 0;
  for (std::uint8_t host = 0; host < 255; ++host) {
    const IpAddress client = IpAddress::v4({203, 0, 113, host});
    if (bucket_of(kKey, client) == bucket_of(SipKey{.k0 = 1, .k1 = 2}, client)) ++same;
  }
  EXPECT_LT(same, 10);  // one in 256 by chance
}

TEST(BucketTest, neighbouring_clients_spread_evenly_over_all_buckets) {
  std::array<int, kBuckets> clients{};
  for (std::uint8_t net = 0; net < 255; ++net) {
    for (std::uint8_t host = 0; host < 255; ++host) {
      ++clients.at(bucket_of(kKey, IpAddress::v4({10, 1, net, host})).value());
    }
  }
  const auto [fewest, most] = std::ranges::minmax_element(clients);
  EXPECT_GT(*fewest, 190);  // 254 expected, standard deviation 16: four of them
  EXPECT_LT(*most, 318);
}

TEST(BucketStateTest, every_state_has_the_word_of_the_design) {
  EXPECT_EQ(to_string(BucketState::foreign), "foreign");
  EXPECT_EQ(to_string(BucketState::leftover), "leftover");
  EXPECT_EQ(to_string(BucketState::shadow), "shadow");
  EXPECT_EQ(to_string(BucketState::adopt), "adopt");
  EXPECT_EQ(to_string(BucketState::serve), "serve");
  EXPECT_EQ(BucketState{}, BucketState::foreign) << "a map that nobody has filled must answer nobody";
}

}  // namespace
}  // namespace relais
