// The cluster's secret: what a key file may be, and that the keys derived from it stay the same over releases.
#include "base/cluster_key.h"

#include "tests/unit/temporary_directory.h"

#include <gtest/gtest.h>

#include <string>

namespace relais {
namespace {

const std::string kHex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

TEST(ClusterKey, keys_stay_the_same_over_releases) {
  const auto key = ClusterKey::parse(kHex);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->bucket_hash_key(), (SipKey{.k0 = 0xb59bdfd84c689ecf, .k1 = 0x6a937a70d12b2612}));
  const auto authkey = key->corosync_authkey();
  ASSERT_EQ(authkey.size(), 256U);
  EXPECT_EQ(std::vector<int>(authkey.begin(), authkey.begin() + 4), (std::vector<int>{0x07, 0x71, 0x48, 0xe3}));
}

TEST(ClusterKey, labels_give_unrelated_keys) {
  const auto key = ClusterKey::parse(kHex);
  ASSERT_TRUE(key);
  EXPECT_NE(key->derive("a", 32), key->derive("b", 32));
  EXPECT_EQ(key->derive("a", 32), key->derive("a", 32));
}

TEST(ClusterKey, letters_of_both_cases_and_white_space_are_the_same_key) {
  const auto lower = ClusterKey::parse(kHex);
  const auto upper = ClusterKey::parse("000102030405060708090A0B0C0D0E0F\n101112131415161718191A1B1C1D1E1F\n");
  ASSERT_TRUE(lower && upper);
  EXPECT_EQ(lower->bucket_hash_key(), upper->bucket_hash_key());
}

TEST(ClusterKey, bad_keys_are_refused_with_the_reason) {
  struct Row {
    std::string text;
    const char* error;
  };
  const Row rows[] = {
      {"", "the cluster key has 0 hex digits, fewer than 64"},
      {kHex.substr(2), "the cluster key has 62 hex digits, fewer than 64"},
      {kHex + "0", "the cluster key has an odd number of hex digits"},
      {kHex + "xy", "the cluster key holds something that is no hex digit"},
  };
  for (const Row& row : rows) {
    const auto key = ClusterKey::parse(row.text);
    ASSERT_FALSE(key) << row.error;
    EXPECT_EQ(key.error().what, row.error);
  }
}

TEST(ClusterKey, a_file_that_others_can_read_is_refused_with_the_command_that_repairs_it) {
  const TemporaryDirectory directory;
  directory.write("cluster.key", kHex);
  const auto path = directory / "cluster.key";
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  const auto open_to_others = ClusterKey::read(path);
  ASSERT_FALSE(open_to_others);
  EXPECT_EQ(open_to_others.error().way_out, "chmod 600 " + path.string());
  std::filesystem::permissions(path, std::filesystem::perms(0600));
  EXPECT_TRUE(ClusterKey::read(path));
}

TEST(ClusterKey, a_missing_file_says_how_to_make_one) {
  const auto key = ClusterKey::read("/nonexistent/cluster.key");
  ASSERT_FALSE(key);
  EXPECT_EQ(
      key.error().to_string(),
      "cannot open the cluster key /nonexistent/cluster.key: No such file or directory (make one with: (umask 077; "
      "openssl rand -hex 32 > /nonexistent/cluster.key), then copy it to every node)");
}

}  // namespace
}  // namespace relais
