// The canonical form: it says the same as the value, and nothing else changes it.
#include "daemon/config/print.h"

#include "daemon/config/parse.h"
#include "tests/unit/config/files.h"
#include "tests/unit/config/random_cluster.h"

#include <gtest/gtest.h>

#include <set>

namespace relais::config {
namespace {

TEST(CanonicalForm, parses_back_to_the_same_value_for_500_random_clusters) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Prng prng(seed);
    const Cluster cluster = random_cluster(prng);
    const std::string text = print(cluster);
    const Checked<Cluster> again = parse(text);
    ASSERT_TRUE(again.has_value()) << "seed " << seed << "\n" << describe("printed", again.error()) << text;
    ASSERT_EQ(*again, cluster) << "seed " << seed << "\n" << text;
    ASSERT_EQ(print(*again), text) << "seed " << seed;
  }
}

TEST(CanonicalForm, differs_between_random_clusters_and_so_does_its_hash) {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Prng prng(seed);
    hashes.insert(hash_of(random_cluster(prng)));
  }
  EXPECT_EQ(hashes.size(), 500U);
}

TEST(CanonicalForm, does_not_depend_on_comments_on_order_or_on_where_a_default_is_written) {
  const std::string tail = R"([[vip]]
name = "mail4"
address = "198.51.100.100"
mac = "03:00:5e:11:11:11"
)";
  const std::string one = R"([cluster]
name = "mail"
key_file = "/k"
[defaults]
interface = "eth0"
[[node]]
id = 1
name = "n1"
address = "198.51.100.11"
links = ["192.0.2.11"]
[[node]]
id = 2
name = "n2"
address = "198.51.100.12"
links = ["192.0.2.12"]
)" + tail;
  const std::string other = R"(cluster = { key_file = '/k', name = "mail" }  # the same
[timing]
preset = "normal"
[[node]]
links = ["192.0.2.12"]
address = "198.51.100.12"
interface = "eth0"
name = "n2"
id = 2
[[node]]
links = ["192.0.2.11"]
address = "198.51.100.11"
interface = "eth0"
name = "n1"
id = 1
)" + tail;
  EXPECT_EQ(print(parse(one).value()), print(parse(other).value()));
  EXPECT_EQ(hash_of(parse(one).value()), hash_of(parse(other).value()));
}

TEST(CanonicalForm, spells_out_every_default) {
  const std::string text = print(load(example_path()).value());
  EXPECT_NE(text.find("interface = \"eth0\"\nxdp = \"auto\"\ngateway = \"auto\"\n"), std::string::npos) << text;
  EXPECT_NE(text.find("[vip.weights]\nn1 = 2\nn2 = 1\nn3 = 1\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("[defaults]"), std::string::npos) << text;
}

TEST(CanonicalForm, has_a_hash_that_is_the_same_on_every_machine_and_release) {
  EXPECT_EQ(hash_text(hash_of(load(example_path()).value())), "fce1914558bbe6d8");
}

TEST(CanonicalForm, shows_its_hash_as_sixteen_digits) { EXPECT_EQ(hash_text(0x1f), "000000000000001f"); }

}  // namespace
}  // namespace relais::config
