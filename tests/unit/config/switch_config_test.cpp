// What `relais switch-config` prints, as golden files: golden/switch-VENDOR.txt, and with placeholders
// golden/switch-VENDOR-placeholders.txt. RELAIS_REWRITE_GOLDEN=1 in the environment rewrites them.
#include "daemon/config/switch_config.h"

#include "daemon/config/parse.h"
#include "tests/unit/config/files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

namespace relais::config {
namespace {

Cluster example() { return load(example_path()).value(); }

PortMap ports_of(Vendor vendor) {
  switch (vendor) {
    case Vendor::cisco_ios: return {{"n1", "gi0/11"}, {"n2", "gi0/12"}, {"n3", "gi0/13"}};
    case Vendor::arista: return {{"n1", "Ethernet11"}, {"n2", "Ethernet12"}, {"n3", "Ethernet13"}};
    case Vendor::junos: return {{"n1", "ge-0/0/11"}, {"n2", "ge-0/0/12"}, {"n3", "ge-0/0/13"}};
    case Vendor::mikrotik: return {{"n1", "ether11"}, {"n2", "ether12"}, {"n3", "ether13"}};
    case Vendor::linux_bridge: return {{"n1", "port-n1"}, {"n2", "port-n2"}, {"n3", "port-n3"}};
  }
  return {};
}

void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(RELAIS_SOURCE_DIR) + "/tests/unit/config/golden/" + name + ".txt";
  if (std::getenv("RELAIS_REWRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  EXPECT_EQ(read_file(path), text) << path;
}

class SwitchConfig : public testing::TestWithParam<Vendor> {
 protected:
  std::string name() const { return "switch-" + std::string(to_string(GetParam())); }
};

TEST_P(SwitchConfig, is_as_recorded_when_ports_and_vlan_are_known) {
  expect_golden(name(), render_switch_config(example(), GetParam(), {ports_of(GetParam()), 200}).value());
}

TEST_P(SwitchConfig, is_as_recorded_with_placeholders_for_what_is_not_known) {
  expect_golden(name() + "-placeholders", render_switch_config(example(), GetParam(), {{{"n2", "p2"}}, {}}).value());
}

TEST_P(SwitchConfig, names_every_vip_and_every_port_and_keeps_lines_short) {
  const std::string text = render_switch_config(example(), GetParam(), {ports_of(GetParam()), 200}).value();
  for (const Vip& vip : example().vips) EXPECT_NE(text.find(vip.address.to_string()), std::string::npos) << vip.name;
  for (const auto& [node, port] : ports_of(GetParam())) EXPECT_NE(text.find(port), std::string::npos) << node;
  EXPECT_EQ(text.find("<port-of-n"), std::string::npos);
  EXPECT_EQ(text.find("<vlan>"), std::string::npos);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 180U) << line;
}

TEST_P(SwitchConfig, has_a_word_that_leads_back_to_it) {
  EXPECT_EQ(parse_vendor(to_string(GetParam())).value(), GetParam());
}

std::string vendor_name(const testing::TestParamInfo<Vendor>& info) {
  std::string word(to_string(info.param));
  std::ranges::replace(word, '-', '_');
  return word;
}

INSTANTIATE_TEST_SUITE_P(Vendor, SwitchConfig, testing::ValuesIn(kVendors), vendor_name);

TEST(SwitchConfigOptions, a_port_of_an_unknown_node_is_refused_with_the_name_that_was_meant) {
  const auto result = render_switch_config(example(), Vendor::arista, {{{"n11", "Ethernet1"}}, {}});
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().way_out, "did you mean \"n1\"?");
}

TEST(SwitchConfigOptions, a_port_that_could_end_a_command_is_refused) {
  for (const char* port : {"", "gi 0/11", "gi0/11;reboot", "\"x\"", "$(x)", "gi0/11\nreload"}) {
    EXPECT_TRUE(render_switch_config(example(), Vendor::linux_bridge, {{{"n1", port}}, {}}).has_error()) << port;
  }
}

TEST(SwitchConfigOptions, nodes_behind_one_port_give_one_entry) {
  const PortMap shared{{"n1", "gi0/1"}, {"n2", "gi0/1"}, {"n3", "gi0/3"}};
  const std::string text = render_switch_config(example(), Vendor::cisco_ios, {shared, 200}).value();
  EXPECT_NE(text.find("mac address-table static 0300.5e11.1111 vlan 200 interface gi0/1 gi0/3\n"), std::string::npos)
      << text;
}

TEST(SwitchConfigOptions, an_unknown_vendor_is_refused_with_the_known_ones) {
  EXPECT_EQ(parse_vendor("junoss").error().way_out, "did you mean \"junos\"?");
  EXPECT_EQ(parse_vendor("hp").error().way_out, "known: cisco-ios, arista, junos, mikrotik, linux");
}

}  // namespace
}  // namespace relais::config
