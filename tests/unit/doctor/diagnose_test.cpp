// Every pitfall is a row: a healthy machine, one thing spoilt, and the one finding that must come of it.
#include "daemon/doctor/diagnose.h"

#include <gtest/gtest.h>

#include <functional>

namespace relais::doctor {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

const MacAddress kClusterMac = *MacAddress::parse("03:00:5e:11:11:11");

KernelFacts healthy_kernel() {
  return {.release = Release{6, 1, 0},
          .has_btf = true,
          .bpffs_mounted = true,
          .bpf_jit = true,
          .lockdown_confidentiality = false,
          .capabilities = 0x1ffffffffffULL,
          .clock_source = "tsc",
          .realtime_runtime_us = 950000,
          .group_realtime_runtime_us = std::nullopt,
          .options = {{"CONFIG_BPF_SYSCALL", true},
                      {"CONFIG_NET_CLS_BPF", true},
                      {"CONFIG_NET_SCH_INGRESS", true},
                      {"CONFIG_INET_DIAG_DESTROY", true},
                      {"CONFIG_INET_TCP_DIAG", true},
                      {"CONFIG_NETFILTER_NETLINK_QUEUE", true},
                      {"CONFIG_NETFILTER_XT_TARGET_NFQUEUE", true},
                      {"CONFIG_NETFILTER_XT_MATCH_MAC", true}}};
}

InterfaceFacts healthy_interface(std::vector<InterfaceAddress> addresses) {
  return {.up = true,
          .carrier = true,
          .mtu = 1500,
          .large_receive_offload = false,
          .multicast = {},
          .addresses = std::move(addresses)};
}

// n1 of a cluster with an IPv4 and an IPv6 VIP on eth0, and two heartbeat links.
Facts healthy_machine() {
  Facts facts;
  facts.kernel = healthy_kernel();
  facts.corosync = {
      .installed = true, .release = Release{3, 1, 7}, .own_service_enabled = false, .shared_memory_bytes = 64 << 20};
  facts.ring = RingFacts{.path = "/run/relais/corosync.conf",
                         .token_ms = 200,
                         .token_coefficient_ms = 0,
                         .link_mode = "active",
                         .cipher = "aes256",
                         .links = {{0, 300, 600}, {1, 300, 600}}};
  InterfaceFacts front = healthy_interface({{ip("198.51.100.11"), 24},
                                            {ip("198.51.100.100"), 32},
                                            {ip("2001:db8:1::11"), 64},
                                            {ip("2001:db8:1::100"), 128}});
  front.multicast = {kClusterMac};
  facts.interfaces = {{"eth0", front},
                      {"heart0", healthy_interface({{ip("192.0.2.11"), 25}})},
                      {"heart1", healthy_interface({{ip("192.0.2.139"), 25}})}};
  facts.sysctls = {
      {"ipv4.tcp_syncookies", 1},         {"ipv4.conf.all.rp_filter", 0},    {"ipv4.conf.eth0.rp_filter", 0},
      {"ipv4.conf.all.arp_ignore", 1},    {"ipv4.conf.eth0.arp_ignore", 0},  {"ipv4.conf.all.arp_announce", 2},
      {"ipv4.conf.eth0.arp_announce", 0}, {"ipv6.conf.all.disable_ipv6", 0}, {"ipv6.conf.eth0.disable_ipv6", 0}};
  facts.config = {.path = "/etc/relais/relais.toml",
                  .errors = std::nullopt,
                  .node = "n1",
                  .host_name = "n1",
                  .interface = "eth0",
                  .address = ip("198.51.100.11"),
                  .address6 = ip("2001:db8:1::11"),
                  .links = {ip("192.0.2.11"), ip("192.0.2.139")},
                  .vips = {{"mail4", ip("198.51.100.100"), kClusterMac}, {"mail6", ip("2001:db8:1::100"), kClusterMac}},
                  .key_file = "/etc/relais/cluster.key",
                  .key = KeyFileFacts{.exists = true, .readable_by_others = false, .owned_by_root = true}};
  facts.same_network_namespace = true;
  facts.relaisd_pid = 71;
  return facts;
}

control::Status healthy_status() {
  control::Status status{.self = 1,
                         .role = "member",
                         .quorate = true,
                         .votes = 2,
                         .quorum = 2,
                         .expected_votes = 2,
                         .lease_left_ms = 400,
                         .corosync = "running"};
  status.nodes = {{.id = 1, .name = "n1", .self = true, .in_ring = true, .member = true},
                  {.id = 2, .name = "n2", .in_ring = true, .member = true}};
  status.data_plane = {.mode = "xdp-native", .interface = "eth0", .hold = {{"held", 0}}};
  return status;
}

struct Case {
  std::string name;
  std::function<void(Facts&, control::Status&)> spoil;
  Severity severity = Severity::error;
  std::string what;  // part of it
  std::string fix;   // part of it
};

void expect_findings(const std::vector<Case>& cases) {
  for (const Case& row : cases) {
    Facts facts = healthy_machine();
    control::Status status = healthy_status();
    row.spoil(facts, status);
    const Findings findings = diagnose(facts, status);
    ASSERT_EQ(findings.size(), 1U) << row.name
                                   << (findings.empty() ? "" : ": " + findings[0].what + " / " + findings.back().what);
    EXPECT_EQ(findings[0].severity, row.severity) << row.name;
    EXPECT_NE(findings[0].what.find(row.what), std::string::npos) << row.name << ": " << findings[0].what;
    EXPECT_NE(findings[0].fix.find(row.fix), std::string::npos) << row.name << ": " << findings[0].fix;
    EXPECT_FALSE(findings[0].why.empty()) << row.name;
  }
}

TEST(Doctor, finds_nothing_on_a_healthy_machine) {
  const Findings findings = diagnose(healthy_machine(), healthy_status());
  EXPECT_TRUE(findings.empty()) << findings[0].what;
}

TEST(Doctor, finds_nothing_wrong_in_what_it_did_not_see) {
  Facts facts;
  facts.config.interface = "";
  EXPECT_TRUE(diagnose(facts, healthy_status()).empty());
}

TEST(Doctor, finds_what_the_kernel_lacks) {
  expect_findings({
      {"old",
       [](Facts& f, auto&) {
         f.kernel.release = Release{5, 10, 0};
       },
       Severity::error, "Linux 5.10 is older", "linux-image"},
      {"untested",
       [](Facts& f, auto&) {
         f.kernel.release = Release{5, 15, 0};
       },
       Severity::warning, "Linux 5.15", "linux-image"},
      {"BTF", [](Facts& f, auto&) { f.kernel.has_btf = false; }, Severity::error, "BTF", "CONFIG_DEBUG_INFO_BTF"},
      {"bpffs", [](Facts& f, auto&) { f.kernel.bpffs_mounted = false; }, Severity::warning, "/sys/fs/bpf",
       "mount -t bpf bpf /sys/fs/bpf"},
      {"jit", [](Facts& f, auto&) { f.kernel.bpf_jit = false; }, Severity::warning, "interpreted", "bpf_jit_enable=1"},
      {"lockdown", [](Facts& f, auto&) { f.kernel.lockdown_confidentiality = true; }, Severity::error, "lockdown",
       "integrity"},
      {"no CAP_NET_ADMIN", [](Facts& f, auto&) { *f.kernel.capabilities &= ~(1ULL << 12); }, Severity::error,
       "CAP_NET_ADMIN is missing", "--cap-add=NET_ADMIN"},
      {"no CAP_SYS_NICE", [](Facts& f, auto&) { *f.kernel.capabilities &= ~(1ULL << 23); }, Severity::error,
       "CAP_SYS_NICE", "CAP_SYS_NICE"},
      {"no CAP_BPF", [](Facts& f, auto&) { *f.kernel.capabilities &= ~((1ULL << 39) | (1ULL << 21)); }, Severity::error,
       "CAP_BPF", "CAP_BPF"},
      {"option", [](Facts& f, auto&) { f.kernel.options.erase("CONFIG_NET_CLS_BPF"); }, Severity::error,
       "CONFIG_NET_CLS_BPF", "linux-image"},
      {"destroy", [](Facts& f, auto&) { f.kernel.options.erase("CONFIG_INET_DIAG_DESTROY"); }, Severity::warning,
       "CONFIG_INET_DIAG_DESTROY", "linux-image"},
      {"clock", [](Facts& f, auto&) { f.kernel.clock_source = "hpet"; }, Severity::warning, "hpet", "clocksource"},
      {"realtime", [](Facts& f, auto&) { f.kernel.realtime_runtime_us = 0; }, Severity::error, "realtime",
       "sched_rt_runtime_us=950000"},
      {"group", [](Facts& f, auto&) { f.kernel.group_realtime_runtime_us = 0; }, Severity::warning, "control group",
       "cpu.rt_runtime_us"},
  });
}

TEST(Doctor, does_not_ask_for_what_cap_sys_admin_includes) {
  Facts facts = healthy_machine();
  *facts.kernel.capabilities &= ~((1ULL << 39) | (1ULL << 38));
  EXPECT_TRUE(diagnose(facts, healthy_status()).empty());
}

TEST(Doctor, finds_what_is_wrong_with_corosync_and_its_timers) {
  expect_findings({
      {"absent", [](Facts& f, auto&) { f.corosync.installed = false; }, Severity::error, "not installed",
       "apt-get install corosync"},
      {"old",
       [](Facts& f, auto&) {
         f.corosync.release = Release{2, 4, 5};
       },
       Severity::error, "corosync 2.4.5", "3.1"},
      {"second", [](Facts& f, auto&) { f.corosync.own_service_enabled = true; }, Severity::error, "corosync.service",
       "disable --now corosync"},
      {"no shm", [](Facts& f, auto&) { f.corosync.shared_memory_bytes = 0; }, Severity::error,
       "/dev/shm has only 0 MiB", "mount"},
      {"short interval", [](Facts& f, auto&) { f.ring->links[1].ping_interval_ms = 100; }, Severity::error,
       "link 1: knet_ping_interval is 100", "knet_ping_interval: 200"},
      {"short timeout", [](Facts& f, auto&) { f.ring->links[0].ping_timeout_ms = 300; }, Severity::error,
       "knet_ping_timeout is 300", "knet_ping_timeout: 2000"},
      {"default timers", [](Facts& f, auto&) { f.ring->links[0] = {}; }, Severity::error, "knet_ping_timeout is unset",
       "2000"},
      {"no interface sections", [](Facts& f, auto&) { f.ring->links.clear(); }, Severity::error, "unset", "2000"},
      {"coefficient", [](Facts& f, auto&) { f.ring->token_coefficient_ms.reset(); }, Severity::warning,
       "token_coefficient", "token_coefficient: 0"},
      {"passive", [](Facts& f, auto&) { f.ring->link_mode.reset(); }, Severity::warning, "link_mode",
       "link_mode: active"},
      {"plain", [](Facts& f, auto&) { f.ring->cipher = "none"; }, Severity::warning, "not encrypted", "crypto_cipher"},
  });
}

TEST(Doctor, accepts_knets_default_timers_with_a_long_token) {
  Facts facts = healthy_machine();
  facts.ring->token_ms = 1000;
  facts.ring->links = {{0, std::nullopt, std::nullopt}, {1, std::nullopt, std::nullopt}};
  EXPECT_TRUE(diagnose(facts, healthy_status()).empty());
}

TEST(Doctor, finds_what_is_wrong_with_configuration_and_key) {
  expect_findings({
      {"invalid", [](Facts& f, auto&) { f.config.errors = "line 3: no"; }, Severity::error, "not valid: line 3: no",
       "relais config check"},
      {"not in it",
       [](Facts& f, auto&) {
         f.config.node.reset();
         f.config.host_name = "web7";
       },
       Severity::error, "web7", "--node NAME"},
      {"no key", [](Facts& f, auto&) { f.config.key = KeyFileFacts{}; }, Severity::error, "does not exist",
       "openssl rand -hex 32"},
      {"open key", [](Facts& f, auto&) { f.config.key->readable_by_others = true; }, Severity::error, "open to others",
       "chmod 600 /etc/relais/cluster.key"},
      {"foreign key", [](Facts& f, auto&) { f.config.key->owned_by_root = false; }, Severity::warning,
       "does not belong to root", "chown root"},
  });
}

TEST(Doctor, finds_what_is_wrong_with_interfaces) {
  expect_findings({
      {"missing",
       [](Facts& f, auto&) {
         f.interfaces["lan0"] = f.interfaces["eth0"];
         f.interfaces.erase("eth0");
         f.config.address6.reset();
       },
       Severity::error, "front interface eth0 does not exist", "heart0, heart1, lan0"},
      {"down", [](Facts& f, auto&) { f.interfaces["eth0"].up = false; }, Severity::error, "eth0 is down",
       "ip link set dev eth0 up"},
      {"no carrier", [](Facts& f, auto&) { f.interfaces["eth0"].carrier = false; }, Severity::error, "no carrier",
       "ethtool eth0"},
      {"port", [](Facts& f, auto&) { f.interfaces["eth0"].master = "br0"; }, Severity::error, "a port of br0",
       "interface = \"br0\""},
      {"jumbo", [](Facts& f, auto&) { f.interfaces["eth0"].mtu = 9000; }, Severity::warning, "MTU of 9000", "mtu 1500"},
      {"vlan", [](Facts& f, auto&) { f.interfaces["eth0"].is_vlan = true; }, Severity::note, "VLAN", "untagged"},
      {"lro", [](Facts& f, auto&) { f.interfaces["eth0"].large_receive_offload = true; }, Severity::warning, "LRO",
       "ethtool -K eth0 lro off"},
      {"no own address",
       [](Facts& f, auto&) {
         std::erase_if(f.interfaces["eth0"].addresses, [](const auto& a) { return a.address == ip("198.51.100.11"); });
       },
       Severity::error, "198.51.100.11 is on no interface", "ip address add 198.51.100.11/24 dev eth0"},
      {"own address elsewhere", [](Facts& f, auto&) { f.config.address = ip("192.0.2.11"); }, Severity::error,
       "on heart0, not on eth0", "dev eth0"},
      {"link address", [](Facts& f, auto&) { f.interfaces["heart1"].addresses.clear(); }, Severity::error,
       "heartbeat link 1: 192.0.2.139 is on no interface", "ip address add 192.0.2.139"},
      {"link down", [](Facts& f, auto&) { f.interfaces["heart0"].up = false; }, Severity::error,
       "heartbeat link 0: heart0 is down", "ip link set dev heart0 up"},
      {"one cable", [](Facts& f, auto&) { f.config.links[1] = f.config.links[0]; }, Severity::warning,
       "both heartbeat links run over heart0", "of its own"},
      {"one link", [](Facts& f, auto&) { f.config.links.pop_back(); }, Severity::warning, "only one heartbeat link",
       "second address"},
  });
}

TEST(Doctor, finds_sysctls_that_spoil_a_vip) {
  expect_findings({
      {"arp_ignore 2", [](Facts& f, auto&) { f.sysctls["ipv4.conf.eth0.arp_ignore"] = 2; }, Severity::error,
       "arp_ignore is 2", "net.ipv4.conf.eth0.arp_ignore=1"},
      {"arp_ignore 8", [](Facts& f, auto&) { f.sysctls["ipv4.conf.all.arp_ignore"] = 8; }, Severity::error,
       "arp_ignore is 8", "net.ipv4.conf.all.arp_ignore=1"},
      {"arp_ignore 0", [](Facts& f, auto&) { f.sysctls["ipv4.conf.all.arp_ignore"] = 0; }, Severity::note,
       "arp_ignore is 0", "arp_ignore=1"},
      {"arp_announce 0", [](Facts& f, auto&) { f.sysctls["ipv4.conf.all.arp_announce"] = 0; }, Severity::note,
       "arp_announce is 0", "arp_announce=2"},
      {"rp_filter", [](Facts& f, auto&) { f.sysctls["ipv4.conf.all.rp_filter"] = 1; }, Severity::warning,
       "rp_filter is strict", "rp_filter=2"},
      {"no cookies", [](Facts& f, auto&) { f.sysctls["ipv4.tcp_syncookies"] = 0; }, Severity::warning,
       "SYN cookies are off", "tcp_syncookies=1"},
      {"always cookies", [](Facts& f, auto&) { f.sysctls["ipv4.tcp_syncookies"] = 2; }, Severity::note, "always on",
       "tcp_syncookies=1"},
      {"IPv6 off", [](Facts& f, auto&) { f.sysctls["ipv6.conf.eth0.disable_ipv6"] = 1; }, Severity::error,
       "IPv6 is switched off on eth0", "disable_ipv6=0"},
      {"no IPv6", [](Facts& f, auto&) { f.sysctls.erase("ipv6.conf.all.disable_ipv6"); }, Severity::error, "no IPv6",
       "ipv6.disable=1"},
  });
}

TEST(Doctor, writes_sysctls_of_a_dotted_interface_as_sysctl_wants_them) {
  Facts facts = healthy_machine();
  facts.interfaces["eth0.5"] = facts.interfaces["eth0"];
  facts.config.interface = "eth0.5";
  facts.sysctls["ipv4.conf.eth0.5.arp_ignore"] = 2;
  Findings findings;
  diagnose_sysctls(facts, findings);
  ASSERT_FALSE(findings.empty());
  EXPECT_NE(findings[0].fix.find("net.ipv4.conf.eth0/5.arp_ignore=1"), std::string::npos) << findings[0].fix;
}

TEST(Doctor, believes_loose_reverse_path_filtering_and_a_single_interface) {
  Facts facts = healthy_machine();
  facts.sysctls["ipv4.conf.all.rp_filter"] = 2;
  facts.sysctls["ipv4.conf.eth0.rp_filter"] = 1;
  EXPECT_TRUE(diagnose(facts, healthy_status()).empty());
}

TEST(Doctor, has_nothing_against_an_arbiter_that_is_connected) {
  control::Status status = healthy_status();
  status.arbiter = "connected";
  EXPECT_TRUE(diagnose(healthy_machine(), status).empty());
}

TEST(Doctor, finds_what_keeps_the_arbiter_from_accepting_this_node) {
  const auto certificate = [](const char* verdict, const char* subject) {
    return [verdict, subject](Facts& facts, control::Status& status) {
      status.arbiter = "connected";
      facts.config.certificate = {
          .directory = "/etc/nssdb", .cluster = "mail", .verdict = verdict, .subject = std::string(subject)};
    };
  };
  expect_findings({
      {"expired", certificate("certificate is invalid: Peer's Certificate has expired.", "CN=mail"), Severity::warning,
       "in /etc/nssdb: certificate is invalid: Peer's Certificate has expired.", "ARBITER CERTIFICATES"},
      {"another cluster's", certificate("certificate is valid", "CN=other"), Severity::warning,
       "in /etc/nssdb is that of CN=other, and the cluster's name is mail", "-r -n mail"},
  });
  Facts facts = healthy_machine();
  control::Status status = healthy_status();
  certificate("certificate is valid", "CN=mail")(facts, status);
  EXPECT_TRUE(diagnose(facts, status).empty());
}

TEST(Doctor, finds_what_relaisd_says_of_itself) {
  expect_findings({
      {"no quorum",
       [](Facts&, auto& s) {
         s.quorate = false;
         s.votes = 1;
       },
       Severity::error, "no quorum (1 of 2 votes, 2 needed)", "corosync-cfgtool -s"},
      {"joining",
       [](Facts&, auto& s) {
         s.role = "joining";
         s.why = "no state yet";
       },
       Severity::warning, "joining, no state yet", "relais events"},
      {"no lease", [](Facts&, auto& s) { s.lease_left_ms = 0; }, Severity::error, "no lease", "relais events"},
      {"arbiter", [](Facts&, auto& s) { s.arbiter = "no connection: timed out"; }, Severity::warning,
       "the arbiter does not answer this node: no connection: timed out", "corosync-qnetd runs"},
      {"corosync", [](Facts&, auto& s) { s.corosync = "stopped: it crashed"; }, Severity::error, "stopped: it crashed",
       "corosync -t"},
      {"generic",
       [](Facts&, auto& s) {
         s.data_plane.mode = "xdp-generic";
         s.data_plane.why = "no driver support";
       },
       Severity::warning, "xdp-generic on eth0: no driver support", "mtu 1500"},
      {"tc", [](Facts&, auto& s) { s.data_plane.mode = "tc-only"; }, Severity::warning, "tc-only",
       "driver supports XDP"},
      {"none",
       [](Facts&, auto& s) {
         s.data_plane.mode = "none";
         s.data_plane.why = "EPERM";
       },
       Severity::error, "not loaded: EPERM", "systemctl restart relaisd"},
      {"no hold", [](Facts&, auto& s) { s.data_plane.hold.clear(); }, Severity::error,
       "does not hold connection openers", "relais events"},
      {"cable",
       [](Facts&, auto& s) {
         s.nodes[1].front = "no carrier";
         s.nodes[1].front_lost = true;
       },
       Severity::error, "n2 has no carrier on its front", "cable"},
      {"gateway", [](Facts&, auto& s) { s.nodes[0].front = "no gateway"; }, Severity::error,
       "n1 does not reach its gateway", "is the gateway up?"},
      {"dead link", [](Facts&, auto& s) { s.nodes[1].dead_links = {1}; }, Severity::error,
       "nothing is heard from n2 over heartbeat link 1", "cable"},
      {"differs", [](Facts&, auto& s) { s.nodes[1].config_differs = true; }, Severity::error,
       "the configuration of n2 differs", "config print --running"},
      {"peer gone", [](Facts&, auto& s) { s.nodes[1].in_ring = false; }, Severity::warning, "n2 is not in the ring",
       "relais doctor"},
      {"drained", [](Facts&, auto& s) { s.nodes[1].drained = true; }, Severity::note, "n2 is drained",
       "relais resume n2"},
      {"VIP missing",
       [](Facts& f, auto&) {
         std::erase_if(f.interfaces["eth0"].addresses, [](const auto& a) { return a.address == ip("198.51.100.100"); });
       },
       Severity::error, "VIP 198.51.100.100 is not on eth0", "restart relaisd"},
      {"DAD", [](Facts& f, auto&) { f.interfaces["eth0"].addresses[3].duplicate = true; }, Severity::error,
       "duplicate address detection", "2001:db8:1::100/128 dev eth0 nodad"},
      {"other namespace", [](Facts& f, auto&) { f.same_network_namespace = false; }, Severity::warning,
       "another network namespace", "nsenter --net=/proc/71/ns/net"},
  });
}

TEST(Doctor, finds_a_network_card_that_drops_the_cluster_mac) {
  Facts facts = healthy_machine();
  facts.interfaces["eth0"].multicast.clear();
  const Findings findings = diagnose(facts, healthy_status());
  ASSERT_EQ(findings.size(), 1U);  // once, although two VIPs share the MAC
  EXPECT_NE(findings[0].fix.find("ip maddress add 03:00:5e:11:11:11 dev eth0"), std::string::npos) << findings[0].fix;
}

TEST(Doctor, does_not_ask_for_vips_while_relaisd_does_not_run) {
  Facts facts = healthy_machine();
  facts.interfaces["eth0"].multicast.clear();
  facts.interfaces["eth0"].addresses.resize(1);
  facts.config.address6.reset();
  const Findings findings = diagnose(facts, std::nullopt);
  ASSERT_EQ(findings.size(), 1U) << findings[0].what;
  EXPECT_EQ(findings[0].severity, Severity::warning);
  EXPECT_EQ(findings[0].what, "relaisd does not run here, or does not answer");
}

TEST(Doctor, does_not_take_a_relaisd_that_it_may_not_ask_for_dead) {
  Facts facts = healthy_machine();
  facts.may_ask_relaisd = false;
  EXPECT_EQ(diagnose(facts, std::nullopt).size(), 0U);
}

TEST(Doctor, names_errors_first) {
  Facts facts = healthy_machine();
  facts.kernel.bpf_jit = false;
  facts.interfaces["eth0"].is_vlan = true;
  facts.config.key = KeyFileFacts{};
  const Findings findings = diagnose(facts, healthy_status());
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].severity, Severity::error);
  EXPECT_EQ(findings[1].severity, Severity::warning);
  EXPECT_EQ(findings[2].severity, Severity::note);
}

}  // namespace
}  // namespace relais::doctor
