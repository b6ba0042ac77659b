// Random valid configurations.
#include "tests/unit/config/random_cluster.h"

#include <algorithm>
#include <set>

namespace relais::config {

namespace {

IpAddress v4(std::uint8_t third, std::size_t last) {
  return IpAddress::v4({198, 51, third, static_cast<std::uint8_t>(last)});
}

IpAddress v6(Prng& prng, std::uint8_t group, std::size_t last) {
  std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8, group};
  for (std::size_t i = 5; i < 15; ++i) bytes[i] = prng.chance(500) ? static_cast<std::uint8_t>(prng.next()) : 0;
  bytes[15] = static_cast<std::uint8_t>(last);
  return IpAddress::v6(bytes);
}

std::string random_name(Prng& prng, std::size_t number) {
  constexpr std::string_view kLetters = "abcxyz0189-";
  std::string name = "n" + std::to_string(number) + "-";  // unique, and never only digits
  for (std::uint64_t i = prng.below(20); i > 0; --i) name += kLetters[prng.below(kLetters.size())];
  return name;
}

std::string random_path(Prng& prng) {
  constexpr std::string_view kLetters = "ab/. \"\\'#=[]~";
  std::string path = "/";
  for (std::uint64_t i = prng.below(30); i > 0; --i) path += kLetters[prng.below(kLetters.size())];
  return path;
}

std::vector<NodeId> random_ids(Prng& prng) {
  std::set<NodeId> ids;
  const std::uint64_t count = 2 + prng.below(kMaxNodes - 1);
  while (ids.size() < count) ids.insert(NodeId(static_cast<std::uint32_t>(1 + prng.below(63))));
  return {ids.begin(), ids.end()};
}

Gateway random_gateway(Prng& prng, const Node& node) {
  Gateway gateway{.mode = static_cast<GatewayMode>(prng.below(3)), .addresses = {}};
  if (gateway.mode != GatewayMode::listed) return gateway;
  for (std::uint64_t i = 1 + prng.below(kMaxGateways); i > 0; --i) {
    const bool is_v6 = node.address6 && prng.chance(500);
    gateway.addresses.push_back(is_v6 ? v6(prng, 5, static_cast<std::uint32_t>(i))
                                      : v4(105, static_cast<std::uint32_t>(i)));
  }
  return gateway;
}

std::vector<Node> random_nodes(Prng& prng) {
  const std::uint64_t links = 1 + prng.below(2);
  const bool link0_is_v6 = prng.chance(300);
  std::vector<Node> nodes;
  for (const NodeId id : random_ids(prng)) {
    Node node;
    node.id = id;
    node.name = random_name(prng, nodes.size());
    node.address = v4(100, id.value());
    if (prng.chance(500)) node.address6 = v6(prng, 1, id.value());
    node.links.push_back(link0_is_v6 ? v6(prng, 2, id.value()) : v4(101, id.value()));
    if (links == 2) node.links.push_back(v4(102, id.value()));
    node.interface = "eth" + std::to_string(prng.below(10));
    node.xdp = static_cast<XdpMode>(prng.below(4));
    node.gateway = random_gateway(prng, node);
    nodes.push_back(node);
  }
  return nodes;
}

Vip random_vip(Prng& prng, std::size_t number, const std::vector<Node>& nodes) {
  Vip vip;
  vip.name = random_name(prng, number);
  vip.address = prng.chance(500) ? v4(103, number + 1) : v6(prng, 3, number + 1);
  vip.mac = MacAddress(
      {0x03, 0x00, 0x5e, static_cast<std::uint8_t>(prng.next()), static_cast<std::uint8_t>(prng.next()), 0x11});
  for (const Node& node : nodes) vip.weights[node.id] = static_cast<std::uint16_t>(prng.below(1001));
  vip.weights[nodes.front().id] = static_cast<std::uint16_t>(1 + prng.below(1000));  // somebody must answer
  return vip;
}

Arbiter random_arbiter(Prng& prng) {
  return {.host = prng.chance(500) ? "arbiter.example.net" : "2001:db8::9",
          .port = static_cast<std::uint16_t>(1 + prng.below(65535)),
          .tls = prng.chance(500) ? ArbiterTls::off : ArbiterTls::required,
          .certificates = random_path(prng),
          .heartbeat = std::chrono::milliseconds(100 + prng.below(9901))};
}

}  // namespace

Cluster random_cluster(Prng& prng) {
  Cluster cluster;
  cluster.name = random_name(prng, 0);
  cluster.key_file = random_path(prng);
  cluster.state_directory = random_path(prng);
  cluster.control_socket = random_path(prng);
  if (prng.chance(500)) {
    const auto port = static_cast<std::uint16_t>(1 + prng.below(65535));
    cluster.metrics_listen = ListenAddress{prng.chance(500) ? v4(104, 1) : v6(prng, 4, 1), port};
  }
  cluster.timing.preset = static_cast<TimingPreset>(prng.below(3));
  cluster.timing.grace = std::chrono::seconds(1 + prng.below(600));
  cluster.timing.drain_limit = std::chrono::seconds(prng.below(7 * 86400 + 1));
  cluster.timing.gateway_interval = std::chrono::milliseconds(prng.between(100, 2000));
  cluster.nodes = random_nodes(prng);
  if (cluster.nodes.size() == 2 && prng.chance(500)) cluster.two_node = TwoNode::lowest;
  if (cluster.nodes.size() == 2 && prng.chance(200)) cluster.two_node = TwoNode::both;
  if (cluster.nodes.size() % 2 == 0 && prng.chance(300)) {
    cluster.two_node = TwoNode::arbiter;
    cluster.arbiter = random_arbiter(prng);
  }
  for (std::uint64_t i = 1 + prng.below(kMaxVips); i > 0; --i) {
    cluster.vips.push_back(random_vip(prng, cluster.vips.size(), cluster.nodes));
  }
  return cluster;
}

}  // namespace relais::config
