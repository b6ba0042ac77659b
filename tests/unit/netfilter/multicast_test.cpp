// Reading of the kernel's table of multicast filters.
#include "netfilter/net/multicast.h"

#include <gtest/gtest.h>

namespace relais::netfilter {
namespace {

// As Linux 6.18 prints it.
constexpr std::string_view kTable =
    "2    eth0            1     0     333300000001\n"
    "2    eth0            1     1     03005e111111\n"
    "12   eth1            2     0     01005e000001\n";

TEST(MulticastTest, entries_of_one_interface_are_found) {
  const std::vector<MacAddress> expected = {MacAddress::parse("33:33:00:00:00:01").value(),
                                            MacAddress::parse("03:00:5e:11:11:11").value()};
  EXPECT_EQ(parse_multicast_table(kTable, IfIndex(2)), expected);
  EXPECT_EQ(parse_multicast_table(kTable, IfIndex(12)).size(), 1U);
}

TEST(MulticastTest, an_interface_without_entries_has_none) {
  EXPECT_TRUE(parse_multicast_table(kTable, IfIndex(1)).empty());
  EXPECT_TRUE(parse_multicast_table("", IfIndex(2)).empty());
}

TEST(MulticastTest, lines_that_cannot_be_read_are_skipped) {
  constexpr std::string_view broken =
      "2 eth0 1\n\ngarbage\n2 eth0 1 0 03005e11111\n2 eth0 1 0 03005e1111zz\n2 eth0 1 0 03005e111111\n";
  EXPECT_EQ(parse_multicast_table(broken, IfIndex(2)).size(), 1U);
}

}  // namespace
}  // namespace relais::netfilter
