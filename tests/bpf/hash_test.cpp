// The hash of the BPF programs, held to the same vectors as the C++ one.
#include "base/address.h"
#include "base/prng.h"
#include "tests/bpf/hash_probe.h"
#include "tests/unit/netfilter/siphash_vectors.h"

#include "hash_probe.skel.h"

#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>

namespace relais::test {
namespace {

struct Deleter {
  void operator()(hash_probe* skeleton) const { hash_probe__destroy(skeleton); }
};

class HashTest : public testing::Test {
 protected:
  void SetUp() override {
    skeleton_.reset(hash_probe__open_and_load());
    ASSERT_TRUE(skeleton_);
  }

  std::uint64_t hash(const SipKey& key, std::span<const std::uint8_t> address) {
    hash_question question{};
    question.key0 = key.k0;
    question.key1 = key.k1;
    question.bytes = static_cast<std::uint32_t>(address.size());
    std::memcpy(question.address, address.data(), address.size());
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &question, .data_out = &question,
                .data_size_in = sizeof(question), .data_size_out = sizeof(question), .repeat = 1);
    EXPECT_EQ(bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.hash_probe), &options), 0);
    EXPECT_EQ(options.retval, 2U);  // XDP_PASS
    return question.hash;
  }

 private:
  std::unique_ptr<hash_probe, Deleter> skeleton_;
};

TEST_F(HashTest, every_published_address_hashes_to_its_value) {
  const SipKey key{.k0 = kSipVectorKey0, .k1 = kSipVectorKey1};
  for (const AddressVector& vector : kAddressVectors) {
    EXPECT_EQ(hash(key, IpAddress::parse(vector.address).value().bytes()), vector.hash) << vector.address;
  }
}

TEST_F(HashTest, the_published_vectors_of_4_and_16_bytes_match) {
  const SipKey key{.k0 = kSipVectorKey0, .k1 = kSipVectorKey1};
  std::array<std::uint8_t, 16> input{};
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(hash(key, {input.data(), 4}), kSip13Vectors[4]);
  EXPECT_EQ(hash(key, input), kSip13Vectors[16]);
}

TEST_F(HashTest, random_addresses_under_random_keys_hash_as_in_cpp) {
  Prng prng(7);
  for (int round = 0; round < 1000; ++round) {
    const SipKey key{.k0 = prng.next(), .k1 = prng.next()};
    std::array<std::uint8_t, 16> address{};
    for (auto& byte : address) byte = static_cast<std::uint8_t>(prng.next());
    const std::span<const std::uint8_t> ipv4(address.data(), 4);
    ASSERT_EQ(hash(key, address), siphash13(key, address));
    ASSERT_EQ(hash(key, ipv4), siphash13(key, ipv4));
  }
}

}  // namespace
}  // namespace relais::test
