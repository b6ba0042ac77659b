// What relaisd leaves to its successor comes over whole, or is refused.
#include "daemon/node/handoff.h"

#include "base/prng.h"
#include "ha/wire/codec.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace relais::node {
namespace {

HandoffFile sample() {
  HandoffFile handoff{.self = NodeId(3),
                      .config_hash = 0x1122334455667788,
                      .incarnation = 0x99,
                      .lease_until = Instant(std::chrono::seconds(1234)),
                      .version = "0.1.0",
                      .cluster = {}};
  handoff.cluster.epoch = Epoch(17);
  handoff.cluster.nodes[NodeId(3)].weights = {1};
  handoff.cluster.vips.resize(1);
  return handoff;
}

TEST(Handoff, comes_over_whole) {
  const Result<HandoffFile> decoded = decode_handoff(encode_handoff(sample()));
  ASSERT_TRUE(decoded.has_value()) << decoded.error().to_string();
  EXPECT_EQ(*decoded, sample());
}

TEST(Handoff, that_is_cut_off_anywhere_is_refused) {
  const wire::Bytes whole = encode_handoff(sample());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_TRUE(decode_handoff(wire::ByteView(whole).first(size)).has_error()) << size;
  }
}

TEST(Handoff, in_which_any_byte_differs_is_refused) {
  const wire::Bytes whole = encode_handoff(sample());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    wire::Bytes changed = whole;
    changed[at] ^= 0x5a;
    EXPECT_TRUE(decode_handoff(changed).has_error()) << at;
  }
}

// Damage below a valid checksum: whatever another release may write.
TEST(Handoff, of_another_making_is_decoded_or_refused_but_never_harmful) {
  Prng random(20260101);
  const wire::Bytes whole = encode_handoff(sample());
  const wire::ByteView content = wire::ByteView(whole).first(whole.size() - 8);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    wire::Bytes changed(content.begin(), content.end());
    for (std::uint64_t i = 1 + random.below(4); i > 0; --i) {
      changed[random.below(changed.size())] = static_cast<std::uint8_t>(random.next());
    }
    if (random.chance(200)) changed.resize(random.below(changed.size()));
    refused += decode_handoff(wire::with_checksum(changed)).has_error() ? 1 : 0;
  }
  EXPECT_GT(refused, 1000);
}

TEST(Handoff, is_there_once_and_only_for_who_was_left_it) {
  EXPECT_FALSE(take_handoff().has_value());
  Result<UniqueFd> left = leave_handoff(sample());
  ASSERT_TRUE(left.has_value());
  const int descriptor = left->release();  // as over exec
  const auto taken = take_handoff();
  ASSERT_TRUE(taken && taken->has_value());
  EXPECT_EQ(**taken, sample());
  EXPECT_NE(::fcntl(descriptor, F_GETFD), 0) << "closed";
  EXPECT_FALSE(take_handoff().has_value());
}

TEST(Handoff, that_the_environment_only_claims_is_refused) {
  for (const char* text : {"", "x", "0", "2", "-1", "4096", "99999999999999999999", "5 "}) {
    ::setenv(kHandoffVariable, text, 1);
    const auto taken = take_handoff();
    ASSERT_TRUE(taken.has_value()) << text;
    EXPECT_TRUE(taken->has_error()) << text;
  }
}

}  // namespace
}  // namespace relais::node
