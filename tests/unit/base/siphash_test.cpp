// The hash that decides who answers: equal to the published one, so that the data plane's copy can be held to the same.
#include "base/siphash.h"

#include "tests/unit/netfilter/siphash_vectors.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace relais {
namespace {

std::vector<std::uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

TEST(SipHashTest, every_published_vector_matches) {
  const SipKey key{.k0 = test::kSipVectorKey0, .k1 = test::kSipVectorKey1};
  std::vector<std::uint8_t> input;
  for (const std::uint64_t expected : test::kSip13Vectors) {
    EXPECT_EQ(siphash13(key, input), expected) << input.size() << " bytes";
    input.push_back(static_cast<std::uint8_t>(input.size()));
  }
}

TEST(SipHashTest, published_hashes_under_the_zero_key_match) {
  EXPECT_EQ(siphash13(SipKey{}, {}), 0xd1fba762150c532cULL);
}

TEST(SipHashTest, both_words_of_the_key_and_every_byte_of_the_input_count) {
  const std::vector<std::uint8_t> input = bytes_of("2001:db8:1::100!");  // 16 bytes, as an IPv6 address
  const std::uint64_t hash = siphash13(SipKey{.k0 = 1, .k1 = 2}, input);
  EXPECT_NE(siphash13(SipKey{.k0 = 2, .k1 = 2}, input), hash);
  EXPECT_NE(siphash13(SipKey{.k0 = 1, .k1 = 1}, input), hash);
  for (std::size_t i = 0; i < input.size(); ++i) {
    std::vector<std::uint8_t> changed = input;
    changed[i] ^= 1;
    EXPECT_NE(siphash13(SipKey{.k0 = 1, .k1 = 2}, changed), hash) << "byte " << i;
  }
}

}  // namespace
}  // namespace relais
