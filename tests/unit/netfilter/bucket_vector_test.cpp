// The bucket of a client: C++ side of the vectors that the BPF programs are held to as well (tests/bpf/hash_test.cpp).
#include "base/address.h"
#include "tests/unit/netfilter/siphash_vectors.h"

#include <gtest/gtest.h>

namespace relais {
namespace {

TEST(BucketVectorTest, every_address_hashes_to_its_published_value_and_bucket) {
  const SipKey key{.k0 = test::kSipVectorKey0, .k1 = test::kSipVectorKey1};
  for (const test::AddressVector& vector : test::kAddressVectors) {
    const IpAddress address = IpAddress::parse(vector.address).value();
    EXPECT_EQ(siphash13(key, address.bytes()), vector.hash) << vector.address;
    EXPECT_EQ(bucket_of(key, address), BucketId(vector.bucket)) << vector.address;
  }
}

}  // namespace
}  // namespace relais
