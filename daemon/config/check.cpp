// Rules between settings.
#include "daemon/config/check.h"

#include "daemon/config/words.h"

#include <algorithm>
#include <map>
#include <utility>

namespace relais::config {

namespace {

constexpr std::size_t kMinNodes = 2;
constexpr std::size_t kMaxLinks = 2;  // Corosync could do eight; two survive any single cable or switch

using DraftNodes = std::vector<DraftNode>;
using DraftVips = std::vector<DraftVip>;

constexpr Position kFileStart{1, 1};  // where to report what is nowhere in the file

std::string in_line(Position at) { return "line " + std::to_string(at.line); }

// Values that may stand only once in the file, with who has them.
template <class T>
class Claims {
 public:
  explicit Claims(Errors& errors) : errors_(errors) {}

  // `what` names the claim for the message of a later one: "the address of node n1".
  void claim(const T& value, std::string_view shown, std::string what, Position at) {
    const auto [first, is_new] = claims_.try_emplace(value, Claim{std::move(what), at});
    if (is_new) return;
    errors_.push_back(
        {at, std::string(shown) + " is already " + first->second.what + " (" + in_line(first->second.at) + ")",
         "use each only once"});
  }

 private:
  struct Claim {
    std::string what;
    Position at;
  };
  std::map<T, Claim> claims_;
  Errors& errors_;
};

std::string node_label(const DraftNode& node) {
  return node.name ? "node " + node.name->value : "the node of " + in_line(node.at);
}

std::string vip_label(const DraftVip& vip) {
  return vip.name ? "VIP " + vip.name->value : "the VIP of " + in_line(vip.at);
}

void check_node_count(const Draft& draft, const DraftNodes& nodes, Errors& errors) {
  const std::size_t count = nodes.size();
  if (count < kMinNodes || count > kMaxNodes) {
    errors.push_back(
        {count == 0 ? kFileStart : nodes[std::min(count - 1, kMaxNodes)].at,
         "the file has " + std::to_string(count) + (count == 1 ? " node" : " nodes") + ", a cluster has 2 to 16",
         "write [[node]] once for each machine"});
  }
  const TwoNode rule = value_or(draft.two_node, TwoNode::none);
  if (rule == TwoNode::arbiter && count % 2 != 0) {
    errors.push_back({draft.two_node->at,
                      "an arbiter is for an even number of nodes, the file has " + std::to_string(count),
                      "leave it out: an odd number never falls into halves"});
  }
  if (rule != TwoNode::none && rule != TwoNode::arbiter && count != 2) {
    errors.push_back({draft.two_node->at,
                      "\"two_node\" is for exactly two nodes, the file has " + std::to_string(count),
                      "leave it out: three nodes and more decide by majority"});
  }
}

// The settings of an arbiter come with its rule, and its address with both.
void check_arbiter(const Draft& draft, Errors& errors) {
  if (value_or(draft.two_node, TwoNode::none) == TwoNode::arbiter) {
    if (draft.has_arbiter) return;
    errors.push_back({draft.two_node->at, "\"arbiter\" in [quorum] is missing",
                      "write the host on which corosync-qnetd runs: arbiter = \"arbiter.example.net\""});
    return;
  }
  const auto refuse = [&](const auto& setting, const char* name) {
    if (!setting) return;
    errors.push_back({setting->at, "\"" + std::string(name) + "\" in [quorum] is without effect",
                      "write two_node = \"arbiter\" too, or leave it out"});
  };
  refuse(draft.arbiter, "arbiter");
  refuse(draft.arbiter_port, "arbiter_port");
  refuse(draft.arbiter_tls, "arbiter_tls");
  refuse(draft.arbiter_certificates, "arbiter_certificates");
  refuse(draft.arbiter_heartbeat_ms, "arbiter_heartbeat_ms");
}

Arbiter build_arbiter(const Draft& draft) {
  constexpr std::int64_t kPort = 5403;            // corosync-qnetd's own
  constexpr std::int64_t kShortestServed = 1000;  // by a corosync-qnetd that was told nothing
  return {.host = present(draft.arbiter),
          .port = static_cast<std::uint16_t>(value_or(draft.arbiter_port, kPort)),
          .tls = value_or(draft.arbiter_tls, ArbiterTls::required),
          .certificates = value_or<std::string>(draft.arbiter_certificates, "/etc/corosync/qdevice/net/nssdb"),
          .heartbeat = std::chrono::milliseconds(value_or(draft.arbiter_heartbeat_ms, kShortestServed))};
}

void check_vip_count(const DraftVips& vips, Errors& errors) {
  if (!vips.empty() && vips.size() <= kMaxVips) return;
  errors.push_back({vips.empty() ? kFileStart : vips[kMaxVips].at,
                    "the file has " + std::to_string(vips.size()) + " VIPs, a cluster has 1 to 16",
                    "write [[vip]] once for each address that the nodes share"});
}

void check_unique_names(const DraftNodes& nodes, const DraftVips& vips, Errors& errors) {
  Claims<std::int64_t> ids(errors);
  Claims<std::string> node_names(errors);
  for (const DraftNode& node : nodes) {
    if (node.id)
      ids.claim(node.id->value, "id " + std::to_string(node.id->value), "that of " + node_label(node), node.id->at);
    if (node.name) node_names.claim(node.name->value, "\"" + node.name->value + "\"", "a node's name", node.name->at);
  }
  Claims<std::string> vip_names(errors);
  for (const DraftVip& vip : vips) {
    if (vip.name) vip_names.claim(vip.name->value, "\"" + vip.name->value + "\"", "a VIP's name", vip.name->at);
  }
}

void claim_links(const DraftNode& node, Claims<IpAddress>& addresses) {
  if (!node.links) return;
  bool front_is_used = false;
  for (std::size_t link = 0; link < node.links->value.size(); ++link) {
    const Setting<IpAddress>& address = node.links->value[link];
    if (!address) continue;
    // A machine with one network card has its heartbeat there too: one link may be the node's own front address.
    const bool is_front = (node.address && node.address->value == address->value) ||
                          (node.address6 && node.address6->value == address->value);
    if (is_front && !std::exchange(front_is_used, true)) continue;
    addresses.claim(address->value, address->value.to_string(),
                    "link " + std::to_string(link) + " of " + node_label(node), address->at);
  }
}

void check_unique_addresses(const DraftNodes& nodes, const DraftVips& vips, Errors& errors) {
  Claims<IpAddress> addresses(errors);
  const auto claim = [&](const Setting<IpAddress>& address, const std::string& whose) {
    if (address) addresses.claim(address->value, address->value.to_string(), "the address of " + whose, address->at);
  };
  for (const DraftNode& node : nodes) {
    claim(node.address, node_label(node));
    claim(node.address6, node_label(node));
  }
  for (const DraftNode& node : nodes) claim_links(node, addresses);
  for (const DraftVip& vip : vips) claim(vip.address, vip_label(vip));
}

// Link k of all nodes must have one family: knet cannot mix them.
void check_link_families(const DraftNode& first, const DraftNode& other, Errors& errors) {
  const auto& model = present(first.links);
  const auto& links = present(other.links);
  for (std::size_t link = 0; link < std::min(model.size(), links.size()); ++link) {
    const Setting<IpAddress>& expected = model[link];
    const Setting<IpAddress>& actual = links[link];
    if (!expected || !actual || expected->value.family() == actual->value.family()) continue;
    errors.push_back({actual->at,
                      "link " + std::to_string(link) + " of " + node_label(other) +
                          " is not of the same address family as that of " + node_label(first),
                      "use IPv4 or IPv6 for the same link on all nodes"});
  }
}

void check_links(const DraftNodes& nodes, Errors& errors) {
  const DraftNode* first = nullptr;
  for (const DraftNode& node : nodes) {
    if (!node.links) continue;
    const std::size_t count = node.links->value.size();
    if (count < 1 || count > kMaxLinks) {
      errors.push_back({node.links->at, node_label(node) + " has " + std::to_string(count) + " links",
                        "give it one or two heartbeat addresses; two survive a broken cable"});
      continue;
    }
    if (first == nullptr) first = &node;
    const std::size_t expected = present(first->links).size();
    if (count != expected) {
      errors.push_back({node.links->at,
                        node_label(node) + " has " + std::to_string(count) + " of " + std::to_string(expected) +
                            " links that " + node_label(*first) + " has",
                        "give every node the same number of links"});
    }
    check_link_families(*first, node, errors);
  }
}

void check_interfaces(const Draft& draft, const DraftNodes& nodes, Errors& errors) {
  if (draft.has_default_interface) return;
  for (const DraftNode& node : nodes) {
    if (node.has_interface) continue;
    errors.push_back({node.at, node_label(node) + " has no front interface",
                      "add \"interface\" here, or once for all nodes in [defaults]"});
  }
}

// Everybody but the cluster itself may be a gateway: a node would ask itself, or be answered by all.
void check_gateway_is_outside(const Located<Gateway>& gateway, const DraftNodes& nodes, const DraftVips& vips,
                              Errors& errors) {
  const auto refuse = [&](const Setting<IpAddress>& address, const std::string& whose) {
    if (!address || std::ranges::count(gateway.value.addresses, address->value) == 0) return;
    errors.push_back({gateway.at, "gateway " + address->value.to_string() + " is the address of " + whose,
                      "name the router that leads to the clients, or leave \"gateway\" out"});
  };
  for (const DraftNode& node : nodes) {
    refuse(node.address, node_label(node));
    refuse(node.address6, node_label(node));
  }
  for (const DraftVip& vip : vips) refuse(vip.address, vip_label(vip));
}

void check_gateways(const Draft& draft, const DraftNodes& nodes, const DraftVips& vips, Errors& errors) {
  if (draft.default_gateway) check_gateway_is_outside(*draft.default_gateway, nodes, vips, errors);
  for (const DraftNode& node : nodes) {
    if (node.gateway) check_gateway_is_outside(*node.gateway, nodes, vips, errors);
    const Setting<Gateway>& gateway = node.gateway ? node.gateway : draft.default_gateway;
    const auto is_v6 = [](const IpAddress& address) { return address.family() == IpFamily::v6; };
    if (!gateway || node.address6 || std::ranges::none_of(gateway->value.addresses, is_v6)) continue;
    errors.push_back({gateway->at, node_label(node) + " has no IPv6 address to ask an IPv6 gateway from",
                      "give it an address6, or a \"gateway\" of its own"});
  }
}

std::int64_t weight_of(const Draft& draft, const DraftVip& vip, const DraftNode& node) {
  for (const DraftWeight& entry : vip.weights) {
    if (node.name && entry.node.value == node.name->value) return value_or<std::int64_t>(entry.weight, 1);
  }
  return value_or(node.weight, value_or<std::int64_t>(draft.default_weight, 1));
}

void check_weight_names(const DraftNodes& nodes, const DraftVip& vip, Errors& errors) {
  std::vector<std::string_view> names;
  for (const DraftNode& node : nodes) {
    if (!node.name) return;  // it may be the one that is meant
    names.push_back(node.name->value);
  }
  for (const DraftWeight& entry : vip.weights) {
    if (std::ranges::find(names, entry.node.value) != names.end()) continue;
    errors.push_back({entry.node.at, "\"" + entry.node.value + "\" in [vip.weights] is no node of this file",
                      suggestion(entry.node.value, names)});
  }
}

void check_total_weight(const Draft& draft, const DraftNodes& nodes, const DraftVip& vip, Errors& errors) {
  const auto is_zero = [&](const DraftNode& node) { return weight_of(draft, vip, node) == 0; };
  if (nodes.empty() || !std::ranges::all_of(nodes, is_zero)) return;
  errors.push_back({vip.at, "every node has weight 0 for " + vip_label(vip) + ", which shares nothing out",
                    "give at least one node a weight of 1 or more"});
}

NodeId id_of(const DraftNode& node) { return NodeId(static_cast<std::uint32_t>(present(node.id))); }

Node build_node(const Draft& draft, const DraftNode& from) {
  Node node;
  node.id = id_of(from);
  node.name = present(from.name);
  node.address = present(from.address);
  if (from.address6) node.address6 = from.address6->value;
  for (const Setting<IpAddress>& link : present(from.links)) node.links.push_back(present(link));
  node.interface = present(from.interface ? from.interface : draft.default_interface);
  node.xdp = value_or(from.xdp, value_or(draft.default_xdp, XdpMode::automatic));
  node.gateway = value_or(from.gateway, value_or(draft.default_gateway, Gateway{}));
  return node;
}

Vip build_vip(const Draft& draft, const DraftNodes& nodes, const DraftVip& from) {
  Vip vip;
  vip.name = present(from.name);
  vip.address = present(from.address);
  vip.mac = present(from.mac);
  for (const DraftNode& node : nodes) {
    vip.weights[id_of(node)] = static_cast<std::uint16_t>(weight_of(draft, from, node));
  }
  return vip;
}

}  // namespace

void check_rules(const Draft& draft, Errors& errors) {
  const DraftNodes nodes = draft.nodes.value_or(DraftNodes{});
  const DraftVips vips = draft.vips.value_or(DraftVips{});
  check_unique_names(nodes, vips, errors);
  check_unique_addresses(nodes, vips, errors);
  check_links(nodes, errors);
  check_gateways(draft, nodes, vips, errors);
  check_arbiter(draft, errors);
  if (draft.vips) check_vip_count(vips, errors);
  if (!draft.nodes) return;
  check_node_count(draft, nodes, errors);
  check_interfaces(draft, nodes, errors);
  for (const DraftVip& vip : vips) {
    check_weight_names(nodes, vip, errors);
    check_total_weight(draft, nodes, vip, errors);
  }
}

Cluster build_cluster(const Draft& draft) {
  Cluster cluster;
  cluster.name = present(draft.name);
  cluster.key_file = present(draft.key_file);
  cluster.state_directory = value_or<std::string>(draft.state_directory, "/var/lib/relais");
  cluster.control_socket = value_or<std::string>(draft.control_socket, "/run/relais/relaisd.sock");
  if (draft.metrics_listen) cluster.metrics_listen = draft.metrics_listen->value;
  cluster.timing.preset = value_or(draft.preset, TimingPreset::normal);
  cluster.timing.grace = std::chrono::seconds(value_or<std::int64_t>(draft.grace_s, 10));
  cluster.timing.drain_limit = std::chrono::seconds(value_or<std::int64_t>(draft.drain_limit_s, 3600));
  cluster.timing.gateway_interval = std::chrono::milliseconds(value_or<std::int64_t>(draft.gateway_interval_ms, 250));
  cluster.two_node = value_or(draft.two_node, TwoNode::none);
  if (cluster.two_node == TwoNode::arbiter) cluster.arbiter = build_arbiter(draft);
  const DraftNodes nodes = draft.nodes.value_or(DraftNodes{});
  for (const DraftNode& node : nodes) cluster.nodes.push_back(build_node(draft, node));
  std::ranges::sort(cluster.nodes, {}, &Node::id);
  for (const DraftVip& vip : draft.vips.value_or(DraftVips{})) cluster.vips.push_back(build_vip(draft, nodes, vip));
  return cluster;
}

}  // namespace relais::config
