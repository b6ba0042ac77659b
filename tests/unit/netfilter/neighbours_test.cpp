// The kernel's neighbours on the heartbeat links: which files are written, and what is said if they cannot be.
#include "netfilter/net/neighbours.h"

#include "tests/unit/temporary_directory.h"

#include <gtest/gtest.h>

#include <iterator>

namespace relais::netfilter {
namespace {

const IpAddress kLoopback = IpAddress::v4({127, 0, 0, 1});
const IpAddress kNobodys = IpAddress::v4({192, 0, 2, 77});

// What a kernel shows for the interface "lo".
class Neighbours : public ::testing::Test {
 protected:
  void make(const std::string& name) const {
    std::filesystem::create_directories((sysctls_ / name).parent_path());
    sysctls_.write(name, "1\n");
  }

  void make_all(const std::string& without = "") const {
    for (const char* name : {"ipv4/conf/lo/arp_evict_nocarrier", "ipv4/neigh/lo/retrans_time_ms",
                             "ipv4/neigh/lo/mcast_solicit", "ipv4/neigh/lo/ucast_solicit"}) {
      if (name != without) make(name);
    }
  }

  std::string content(const std::string& name) const {
    std::ifstream file(sysctls_ / name);
    std::string text(std::istreambuf_iterator<char>(file), {});
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }

  Result<> keep(std::vector<IpAddress> links) const { return keep_neighbours(links, sysctls_.path()); }

  TemporaryDirectory sysctls_;
};

TEST_F(Neighbours, stay_without_carrier_and_are_asked_for_ten_times_a_second_for_three_seconds) {
  make_all();
  ASSERT_TRUE(keep({kLoopback}));
  EXPECT_EQ(content("ipv4/conf/lo/arp_evict_nocarrier"), "0");
  EXPECT_EQ(content("ipv4/neigh/lo/retrans_time_ms"), "100");
  EXPECT_EQ(content("ipv4/neigh/lo/mcast_solicit"), "30");
  EXPECT_EQ(content("ipv4/neigh/lo/ucast_solicit"), "30");
}

TEST_F(Neighbours, of_a_link_that_is_set_already_are_left_alone) {
  make_all();
  ASSERT_TRUE(keep({kLoopback}));
  for (const char* name : {"ipv4/conf/lo/arp_evict_nocarrier", "ipv4/neigh/lo/retrans_time_ms"}) {
    sysctls_.write(name, content(name) + "\n\n");
    ASSERT_TRUE(keep({kLoopback}));
    std::ifstream file(sysctls_ / name);
    EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(file), {}).ends_with("\n\n")) << "was written";
  }
}

TEST_F(Neighbours, of_an_older_kernel_are_at_least_asked_for) {
  make_all("ipv4/conf/lo/arp_evict_nocarrier");
  EXPECT_TRUE(keep({kLoopback}));
  EXPECT_EQ(content("ipv4/neigh/lo/retrans_time_ms"), "100");
}

TEST_F(Neighbours, that_cannot_be_kept_are_an_error_with_the_place_and_hinder_no_other) {
  make_all("ipv4/neigh/lo/retrans_time_ms");
  const auto kept = keep({kLoopback});
  ASSERT_FALSE(kept);
  EXPECT_NE(kept.error().what.find("neigh/lo/retrans_time_ms"), std::string::npos) << kept.error().what;
  EXPECT_FALSE(kept.error().way_out.empty());
  EXPECT_EQ(content("ipv4/neigh/lo/ucast_solicit"), "30");
}

TEST_F(Neighbours, of_an_address_that_no_interface_has_are_an_error_and_hinder_no_other) {
  make_all();
  const auto kept = keep({kNobodys, kLoopback});
  ASSERT_FALSE(kept);
  EXPECT_NE(kept.error().what.find("192.0.2.77 is on no interface"), std::string::npos) << kept.error().what;
  EXPECT_EQ(content("ipv4/neigh/lo/ucast_solicit"), "30");
}

}  // namespace
}  // namespace relais::netfilter
