// MAC and IP addresses: every text that parses prints back to itself, every other text is refused with the way out.
#include "base/address.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace relais {
namespace {

TEST(MacAddressTest, a_mac_address_parses_and_prints_in_small_letters) {
  const Result<MacAddress> mac = MacAddress::parse("03:00:5E:11:aB:ff");
  ASSERT_TRUE(mac.has_value());
  EXPECT_EQ(mac->bytes(), (std::array<std::uint8_t, 6>{0x03, 0x00, 0x5e, 0x11, 0xab, 0xff}));
  EXPECT_EQ(mac->to_string(), "03:00:5e:11:ab:ff");
}

TEST(MacAddressTest, the_group_bit_alone_makes_a_mac_address_multicast) {
  EXPECT_TRUE(MacAddress::parse("03:00:5e:11:11:11")->is_multicast());
  EXPECT_TRUE(MacAddress::parse("01:00:5e:00:00:01")->is_multicast());
  EXPECT_TRUE(MacAddress::parse("ff:ff:ff:ff:ff:ff")->is_multicast());
  EXPECT_FALSE(MacAddress::parse("02:00:5e:11:11:11")->is_multicast());
  EXPECT_FALSE(MacAddress{}.is_multicast());
}

class BadMacAddress : public testing::TestWithParam<const char*> {};

TEST_P(BadMacAddress, is_refused_and_the_error_shows_the_form) {
  const Result<MacAddress> mac = MacAddress::parse(GetParam());
  ASSERT_TRUE(mac.has_error());
  EXPECT_NE(mac.error().what.find(GetParam()), std::string::npos);
  EXPECT_NE(mac.error().way_out.find("03:00:5e:11:11:11"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Texts, BadMacAddress,
                         testing::Values("", "03", "03:00:5e:11:11", "03:00:5e:11:11:1",
                                         "03:00:5e:11:11:11:", "03-00-5e-11-11-11", "0300.5e11.1111",
                                         "03:00:5e:11:11:1g", "03:00:5e:11:11: 1", "+3:00:5e:11:11:11",
                                         "03:00:5e:11:11:11 ", " 03:00:5e:11:11:11", "03:00:5e:11:11:11:11"));

struct AddressRow {
  const char* text;
  const char* canonical;
  IpFamily family;
};

class GoodIpAddress : public testing::TestWithParam<AddressRow> {};

TEST_P(GoodIpAddress, prints_in_its_canonical_form_and_parses_back_to_the_same_value) {
  const AddressRow& row = GetParam();
  const Result<IpAddress> address = IpAddress::parse(row.text);
  ASSERT_TRUE(address.has_value()) << row.text;
  EXPECT_EQ(address->family(), row.family);
  EXPECT_EQ(address->bytes().size(), row.family == IpFamily::v4 ? 4U : 16U);
  EXPECT_EQ(address->to_string(), row.canonical);
  EXPECT_EQ(*IpAddress::parse(address->to_string()), *address);
}

INSTANTIATE_TEST_SUITE_P(Texts, GoodIpAddress,
                         testing::Values(AddressRow{"198.51.100.100", "198.51.100.100", IpFamily::v4},
                                         AddressRow{"0.0.0.0", "0.0.0.0", IpFamily::v4},
                                         AddressRow{"255.255.255.255", "255.255.255.255", IpFamily::v4},
                                         AddressRow{"2001:db8:1::100", "2001:db8:1::100", IpFamily::v6},
                                         AddressRow{"2001:0DB8:0001:0000:0000:0000:0000:0100", "2001:db8:1::100",
                                                    IpFamily::v6},
                                         AddressRow{"::", "::", IpFamily::v6}, AddressRow{"::1", "::1", IpFamily::v6},
                                         AddressRow{"::ffff:192.0.2.1", "::ffff:192.0.2.1", IpFamily::v6}));

class BadIpAddress : public testing::TestWithParam<const char*> {};

TEST_P(BadIpAddress, is_refused_and_the_error_shows_both_forms) {
  const Result<IpAddress> address = IpAddress::parse(GetParam());
  ASSERT_TRUE(address.has_error());
  EXPECT_NE(address.error().what.find(GetParam()), std::string::npos);
  EXPECT_NE(address.error().way_out.find("198.51.100.100"), std::string::npos);
  EXPECT_NE(address.error().way_out.find("2001:db8:1::100"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Texts, BadIpAddress,
                         testing::Values("", "198.51.100", "198.51.100.256", "198.51.100.100/32", "0198.51.100.1",
                                         "198.51.100.100 ", "2001:db8:::1", "2001:db8::1%eth0", "2001:db8::/64",
                                         "fe80::12345", "localhost", "1"));

TEST(IpAddressTest, a_text_with_a_zero_byte_inside_is_refused) {
  EXPECT_TRUE(IpAddress::parse(std::string_view("198.51.100.1\0.example", 21)).has_error());
}

TEST(IpAddressTest, an_ipv4_address_and_the_same_bytes_as_ipv6_differ) {
  std::array<std::uint8_t, 16> bytes{198, 51, 100, 1};
  EXPECT_NE(IpAddress::v4({198, 51, 100, 1}), IpAddress::v6(bytes));
}

TEST(IpAddressTest, addresses_order_by_family_and_then_by_number) {
  const std::set<IpAddress> sorted{*IpAddress::parse("2001:db8::1"), *IpAddress::parse("198.51.100.9"),
                                   *IpAddress::parse("198.51.100.10")};
  std::string text;
  for (const IpAddress& address : sorted) text += address.to_string() + " ";
  EXPECT_EQ(text, "198.51.100.9 198.51.100.10 2001:db8::1 ");
}

TEST(IpAddressTest, kinds_of_addresses_are_told_apart_in_both_families) {
  EXPECT_TRUE(IpAddress::parse("224.0.0.1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("239.255.255.255")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("223.255.255.255")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("240.0.0.1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1")->is_multicast());
  EXPECT_FALSE(IpAddress::parse("fe80::1")->is_multicast());

  EXPECT_TRUE(IpAddress::parse("127.1.2.3")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("128.0.0.1")->is_loopback());
  EXPECT_FALSE(IpAddress::parse("::2")->is_loopback());

  EXPECT_TRUE(IpAddress::parse("0.0.0.0")->is_unspecified());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_FALSE(IpAddress::parse("0.0.0.1")->is_unspecified());
  EXPECT_FALSE(IpAddress::parse("::1")->is_unspecified());
}

}  // namespace
}  // namespace relais
