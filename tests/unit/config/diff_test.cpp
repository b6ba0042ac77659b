// Differences in words, and what each takes.
#include "daemon/config/diff.h"

#include "daemon/config/parse.h"
#include "tests/unit/config/files.h"
#include "tests/unit/config/random_cluster.h"

#include <gtest/gtest.h>

#include <functional>

namespace relais::config {
namespace {

Cluster example() { return load(example_path()).value(); }

struct Row {
  std::string what;
  std::function<void(Cluster&)> change;
  Effect effect = Effect::restart;
};

const std::vector<Row> kRows = {
    {"cluster name: mail -> web", [](Cluster& c) { c.name = "web"; }},
    {"key file: /etc/relais/cluster.key -> /k", [](Cluster& c) { c.key_file = "/k"; }},
    {"state directory: /var/lib/relais -> /s", [](Cluster& c) { c.state_directory = "/s"; }},
    {"control socket: /run/relais/relaisd.sock -> /c", [](Cluster& c) { c.control_socket = "/c"; }},
    {"metrics address: 127.0.0.1:9460 -> none", [](Cluster& c) { c.metrics_listen.reset(); }},
    {"timing preset: normal -> relaxed", [](Cluster& c) { c.timing.preset = TimingPreset::relaxed; }},
    {"grace: 10 s -> 20 s", [](Cluster& c) { c.timing.grace = std::chrono::seconds(20); }},
    {"drain limit: 3600 s -> 0 s", [](Cluster& c) { c.timing.drain_limit = std::chrono::seconds(0); }},
    {"arbiter: none -> arbiter.example.net:5403, without TLS, heartbeat 200 ms",
     [](Cluster& c) {
       c.arbiter = {.host = "arbiter.example.net",
                    .port = 5403,
                    .tls = ArbiterTls::off,
                    .certificates = "/c",
                    .heartbeat = std::chrono::milliseconds(200)};
     }},
    {"two-node rule: none -> lowest", [](Cluster& c) { c.two_node = TwoNode::lowest; }},
    {"name of node 2: n2 -> b", [](Cluster& c) { c.nodes[1].name = "b"; }},
    {"address of node 1: 198.51.100.11 -> 198.51.100.21",
     [](Cluster& c) {
       c.nodes[0].address = IpAddress::v4({198, 51, 100, 21});
     }},
    {"IPv6 address of node 1: 2001:db8:1::11 -> none", [](Cluster& c) { c.nodes[0].address6.reset(); }},
    {"links of node 3: 192.0.2.13, 192.0.2.141 -> 192.0.2.13", [](Cluster& c) { c.nodes[2].links.pop_back(); }},
    {"interface of node 1: eth0 -> eth1", [](Cluster& c) { c.nodes[0].interface = "eth1"; }},
    {"gateway of node 1: auto -> off", [](Cluster& c) { c.nodes[0].gateway.mode = GatewayMode::off; }},
    {"gateway interval: 250 ms -> 100 ms",
     [](Cluster& c) { c.timing.gateway_interval = std::chrono::milliseconds(100); }},
    {"xdp mode of node 1: auto -> tc", [](Cluster& c) { c.nodes[0].xdp = XdpMode::tc; }},
    {"node n3 is gone", [](Cluster& c) { c.nodes.pop_back(); }},
    {"node n4 is new",
     [](Cluster& c) {
       c.nodes.push_back(c.nodes[0]);
       c.nodes.back().id = NodeId(4);
       c.nodes.back().name = "n4";
     }},
    {"address of VIP mail4: 198.51.100.100 -> 198.51.100.101",
     [](Cluster& c) {
       c.vips[0].address = IpAddress::v4({198, 51, 100, 101});
     }},
    {"cluster MAC of VIP mail6: 03:00:5e:11:11:11 -> 03:00:00:00:00:00",
     [](Cluster& c) {
       c.vips[1].mac = MacAddress({3, 0, 0, 0, 0, 0});
     }},
    {"weight of n1 for mail6: 2 -> 0", [](Cluster& c) { c.vips[1].weights[NodeId(1)] = 0; }, Effect::live},
    {"VIP mail6 is gone", [](Cluster& c) { c.vips.pop_back(); }},
    {"VIP mail7 is new",
     [](Cluster& c) {
       c.vips.push_back(c.vips[0]);
       c.vips.back().name = "mail7";
     }},
    {"the VIPs are in another order", [](Cluster& c) { std::swap(c.vips[0], c.vips[1]); }},
};

TEST(Difference, each_single_change_is_told_once_and_with_its_effect) {
  for (const Row& row : kRows) {
    Cluster changed = example();
    row.change(changed);
    EXPECT_EQ(diff(example(), changed), (std::vector<Difference>{{row.what, row.effect}})) << row.what;
  }
}

TEST(Difference, equal_configurations_have_none_and_unequal_ones_always_have_one) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng prng(seed);
    const Cluster one = random_cluster(prng);
    EXPECT_TRUE(diff(one, one).empty()) << "seed " << seed;
    EXPECT_FALSE(diff(one, random_cluster(prng)).empty()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace relais::config
