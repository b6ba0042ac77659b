// The generator's output is part of the contract: a seed that failed years ago must replay to the same step.
#include "base/prng.h"

#include <gtest/gtest.h>

#include <array>

namespace relais {
namespace {

TEST(PrngTest, the_sequence_of_a_seed_is_the_published_one_of_splitmix64) {
  Prng prng(1234567);
  const std::array<std::uint64_t, 5> published{6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                                               4593380528125082431U, 16408922859458223821U};
  for (const std::uint64_t expected : published) EXPECT_EQ(prng.next(), expected);
}

TEST(PrngTest, two_generators_of_one_seed_agree_and_of_two_seeds_do_not) {
  Prng first(7);
  Prng same(7);
  Prng other(8);
  int equal_to_other = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t drawn = first.next();
    ASSERT_EQ(drawn, same.next());
    if (drawn == other.next()) ++equal_to_other;
  }
  EXPECT_EQ(equal_to_other, 0);
}

TEST(PrngTest, below_stays_below_and_reaches_every_value) {
  Prng prng(1);
  std::array<int, 7> counts{};
  for (int i = 0; i < 7000; ++i) ++counts.at(prng.below(counts.size()));
  for (const int count : counts) {
    EXPECT_GT(count, 850);
    EXPECT_LT(count, 1150);
  }
  EXPECT_EQ(prng.below(1), 0U);
}

TEST(PrngTest, between_includes_both_ends_and_negative_numbers) {
  Prng prng(3);
  std::array<bool, 5> seen{};
  for (int i = 0; i < 200; ++i) {
    const std::int64_t drawn = prng.between(-2, 2);
    ASSERT_GE(drawn, -2);
    ASSERT_LE(drawn, 2);
    seen.at(static_cast<std::size_t>(drawn + 2)) = true;
  }
  EXPECT_EQ(seen, (std::array<bool, 5>{true, true, true, true, true}));
  EXPECT_EQ(prng.between(9, 9), 9);
}

TEST(PrngTest, chance_keeps_to_its_per_mille) {
  Prng prng(5);
  int hits = 0;
  for (int i = 0; i < 10000; ++i) {
    if (prng.chance(100)) ++hits;
    ASSERT_FALSE(prng.chance(0));
    ASSERT_TRUE(prng.chance(1000));
  }
  EXPECT_GT(hits, 850);
  EXPECT_LT(hits, 1150);
}

}  // namespace
}  // namespace relais
