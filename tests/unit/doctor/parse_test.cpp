// The text files that doctor reads, as kernels and Corosync write them, and as nobody should.
#include "daemon/doctor/parse.h"

#include <gtest/gtest.h>

namespace relais::doctor {
namespace {

TEST(Release, is_the_first_dotted_number) {
  const std::vector<std::pair<std::string, std::optional<Release>>> rows = {
      {"6.1.0-18-amd64", Release{6, 1, 0}},
      {"6.18.44", Release{6, 18, 44}},
      {"5.4", Release{5, 4, 0}},
      {"Corosync Cluster Engine, version '3.1.7'\nCopyright (c) 2006-2021", Release{3, 1, 7}},
      {"release 7 of 6.1", Release{6, 1, 0}},
      {"99999999999.1", std::nullopt},
      {"7", std::nullopt},
      {"7.", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& [text, release] : rows) EXPECT_TRUE(parse_release(text) == release) << text;
}

TEST(Capabilities, are_the_effective_ones) {
  EXPECT_EQ(parse_capabilities("Name:\tx\nCapPrm:\t00000000000000ff\nCapEff:\t0000000000003000\n"), 0x3000U);
  EXPECT_EQ(parse_capabilities("CapEff:\tmany\n"), std::nullopt);
  EXPECT_EQ(parse_capabilities(""), std::nullopt);
}

TEST(MulticastFilter, is_read_by_interface) {
  const auto found = parse_multicast(
      "2    eth0            1     0     03005e111111\n"
      "2    eth0            1     0     333300000001\n"
      "3    veth-1          2     1     01005e000001\n"
      "4    ib0             1     0     00ffffffff12401bffff0000000000000000000000ff\n"
      "garbage\n5 eth1 1 0 zz005e111111\n");
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found.at("eth0").size(), 2U);
  EXPECT_TRUE(found.at("eth0").contains(*MacAddress::parse("03:00:5e:11:11:11")));
}

TEST(Inet6, has_addresses_with_their_flags) {
  const auto found = parse_inet6(
      "00000000000000000000000000000001 01 80 10 80       lo\n"
      "20010db8000100000000000000000100 02 80 00 c8     eth0\n"
      "20010db8000100000000000000000011 02 40 00 80     eth0\n"
      "short 02 40 00 80 eth0\n");
  ASSERT_EQ(found.at("eth0").size(), 2U);
  const InterfaceAddress& vip = found.at("eth0")[0];
  EXPECT_EQ(vip.address.to_string(), "2001:db8:1::100");
  EXPECT_EQ(vip.prefix_length, 128U);
  EXPECT_TRUE(vip.duplicate);
  EXPECT_TRUE(vip.tentative);
  EXPECT_FALSE(found.at("eth0")[1].duplicate);
}

TEST(KernelOptions, are_those_that_are_set) {
  const auto options =
      parse_kernel_options("# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=m\nCONFIG_D=\"text\"\nCONFIG_E=n\nCONFIG_F\n");
  EXPECT_EQ(options, (std::map<std::string, bool>{{"CONFIG_B", true}, {"CONFIG_C", true}}));
}

TEST(CorosyncConf, is_read_where_it_matters) {
  const RingFacts ring =
      parse_corosync_conf("/x",
                          "# comment\n"
                          "totem {\n  version: 2\n  token: 200\n  token_coefficient: 0\n  link_mode: active\n"
                          "  crypto_cipher: aes256\n"
                          "  interface {\n    linknumber: 0\n    knet_ping_interval: 300\n"
                          "    knet_ping_timeout: 600\n  }\n"
                          "  interface {\n    linknumber: 1\n  }\n}\n"
                          "nodelist {\n  node {\n    token: 77\n  }\n}\n");
  EXPECT_EQ(ring.token_ms, 200U);
  EXPECT_EQ(ring.token_coefficient_ms, 0U);
  EXPECT_EQ(ring.link_mode, "active");
  EXPECT_EQ(ring.cipher, "aes256");
  ASSERT_EQ(ring.links.size(), 2U);
  EXPECT_EQ(ring.links[0].ping_timeout_ms, 600U);
  EXPECT_EQ(ring.links[1].number, 1U);
  EXPECT_EQ(ring.links[1].ping_interval_ms, std::nullopt);
}

TEST(CorosyncConf, that_is_garbage_says_nothing) {
  for (const char* text :
       {"", "}\n}\n}\n", "{\n{\n", "totem {\n token: lots\n", "totem {\n interface {\n linknumber: -1\n", ":\n: :\n"}) {
    EXPECT_EQ(parse_corosync_conf("/x", text).token_ms, std::nullopt) << text;
  }
}

TEST(Lockdown, is_the_bracketed_word) {
  EXPECT_TRUE(is_confidential("none integrity [confidentiality]\n"));
  EXPECT_FALSE(is_confidential("[none] integrity confidentiality\n"));
}

TEST(Mounts, show_the_last_one_on_a_mount_point) {
  const std::string mounts =
      "none /sys/fs/bpf tmpfs rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\nbroken\n";
  EXPECT_EQ(mounted_type(mounts, "/sys/fs/bpf"), "bpf");
  EXPECT_EQ(mounted_type(mounts, "/mnt"), "");
}

TEST(CpuGroup, exists_under_version_1_only) {
  EXPECT_EQ(parse_cpu_group("3:cpuset:/\n2:cpu,cpuacct:/system.slice/x.service\n0::/x\n"), "/system.slice/x.service");
  EXPECT_EQ(parse_cpu_group("4:cpu:/\n"), "/");
  EXPECT_EQ(parse_cpu_group("0::/user.slice\n"), std::nullopt);
  EXPECT_EQ(parse_cpu_group("garbage"), std::nullopt);
}

TEST(Certutil, says_whether_a_certificate_is_good_and_whose_it_is) {
  EXPECT_EQ(parse_verdict("certutil: certificate is valid\n"), "certificate is valid");
  EXPECT_EQ(parse_verdict("certutil: certificate is invalid: Peer's Certificate has expired.\n"),
            "certificate is invalid: Peer's Certificate has expired.");
  EXPECT_EQ(parse_verdict("sh: 1: certutil: not found\n"), "sh: 1: certutil: not found");
  EXPECT_EQ(parse_verdict(""), "certutil says nothing");
  EXPECT_EQ(parse_subject("Certificate:\n    Data:\n        Issuer: \"CN=QNet CA\"\n        Subject: \"CN=mail\"\n"),
            "CN=mail");
  EXPECT_EQ(parse_subject("certutil: Could not find cert: Cluster Cert\n"), std::nullopt);
}

}  // namespace
}  // namespace relais::doctor
