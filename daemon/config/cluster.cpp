// Look-ups in the checked configuration.
#include "daemon/config/cluster.h"

#include <algorithm>

namespace relais::config {

std::string_view to_string(TimingPreset preset) {
  switch (preset) {
    case TimingPreset::fast: return "fast";
    case TimingPreset::normal: return "normal";
    case TimingPreset::relaxed: return "relaxed";
  }
  return "?";
}

std::string_view to_string(TwoNode two_node) {
  switch (two_node) {
    case TwoNode::none: return "none";
    case TwoNode::lowest: return "lowest";
    case TwoNode::arbiter: return "arbiter";
    case TwoNode::both: return "both";
  }
  return "?";
}

std::string_view to_string(ArbiterTls tls) {
  switch (tls) {
    case ArbiterTls::required: return "required";
    case ArbiterTls::off: return "off";
  }
  return "?";
}

std::string_view to_string(XdpMode mode) {
  switch (mode) {
    case XdpMode::automatic: return "auto";
    case XdpMode::native: return "native";
    case XdpMode::generic: return "generic";
    case XdpMode::tc: return "tc";
  }
  return "?";
}

std::string to_string(const Gateway& gateway) {
  switch (gateway.mode) {
    case GatewayMode::automatic: return "auto";
    case GatewayMode::off: return "off";
    case GatewayMode::listed: break;
  }
  std::string text;
  for (const IpAddress& address : gateway.addresses) text += (text.empty() ? "" : ", ") + address.to_string();
  return text;
}

std::string to_string(const ListenAddress& listen) {
  const std::string address = listen.address.to_string();
  const std::string port = ":" + std::to_string(listen.port);
  return listen.address.family() == IpFamily::v4 ? address + port : "[" + address + "]" + port;
}

std::string address_of(const Arbiter& arbiter) {
  const bool is_ipv6 = arbiter.host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + arbiter.host + "]" : arbiter.host) + ":" + std::to_string(arbiter.port);
}

Duration token_of(TimingPreset preset) {
  using namespace std::chrono_literals;
  switch (preset) {
    case TimingPreset::fast: return 100ms;
    case TimingPreset::normal: return 200ms;
    case TimingPreset::relaxed: return 1000ms;
  }
  return 200ms;
}

ha::Timing timing_of(const Cluster& cluster) {
  ha::Timing timing = ha::timing_for_token(token_of(cluster.timing.preset));
  timing.grace = cluster.timing.grace;
  timing.drain_limit = cluster.timing.drain_limit;
  if (cluster.arbiter) timing.arbiter_lag = ha::arbiter_vote_timeout(cluster.arbiter->heartbeat);
  return timing;
}

const Node* find_node(const Cluster& cluster, NodeId id) {
  const auto found = std::ranges::find(cluster.nodes, id, &Node::id);
  return found == cluster.nodes.end() ? nullptr : &*found;
}

const Node* find_node(const Cluster& cluster, std::string_view name_or_id) {
  const auto found = std::ranges::find_if(cluster.nodes, [&](const Node& node) {
    return node.name == name_or_id || std::to_string(node.id.value()) == name_or_id;
  });
  return found == cluster.nodes.end() ? nullptr : &*found;
}

std::optional<VipId> find_vip(const Cluster& cluster, std::string_view name) {
  const auto found = std::ranges::find(cluster.vips, name, &Vip::name);
  if (found == cluster.vips.end()) return std::nullopt;
  return VipId(static_cast<std::uint8_t>(found - cluster.vips.begin()));
}

std::map<NodeId, std::vector<std::uint16_t>> weights_of(const Cluster& cluster) {
  std::map<NodeId, std::vector<std::uint16_t>> weights;
  for (const Node& node : cluster.nodes) {
    std::vector<std::uint16_t>& row = weights[node.id];
    for (const Vip& vip : cluster.vips) row.push_back(vip.weights.at(node.id));
  }
  return weights;
}

std::map<NodeId, std::string> names_of(const Cluster& cluster) {
  std::map<NodeId, std::string> names;
  for (const Node& node : cluster.nodes) names[node.id] = node.name;
  return names;
}

std::vector<std::string> vip_names_of(const Cluster& cluster) {
  std::vector<std::string> names;
  for (const Vip& vip : cluster.vips) names.push_back(vip.name);
  return names;
}

}  // namespace relais::config
