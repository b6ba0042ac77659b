// Checked value → canonical TOML.
#include "daemon/config/print.h"

#include "base/siphash.h"

#include <cstdio>
#include <span>
#include <vector>

namespace relais::config {

namespace {

// A TOML basic string. Checked texts are printable ASCII, so two letters need an escape.
std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char letter : text) {
    if (letter == '"' || letter == '\\') result += '\\';
    result += letter;
  }
  return result + "\"";
}

std::string setting(std::string_view key, std::string_view value) {
  return std::string(key) + " = " + std::string(value) + "\n";
}

std::string setting(std::string_view key, std::chrono::seconds value) {
  return setting(key, std::to_string(value.count()));
}

std::string print_arbiter(const Arbiter& arbiter) {
  std::string text = setting("arbiter", quoted(arbiter.host));
  text += setting("arbiter_port", std::to_string(arbiter.port));
  text += setting("arbiter_tls", quoted(to_string(arbiter.tls)));
  text += setting("arbiter_certificates", quoted(arbiter.certificates));
  text += setting("arbiter_heartbeat_ms", std::to_string(arbiter.heartbeat.count()));
  return text;
}

std::string print_cluster(const Cluster& cluster) {
  std::string text = "[cluster]\n";
  text += setting("name", quoted(cluster.name));
  text += setting("key_file", quoted(cluster.key_file));
  text += setting("state_directory", quoted(cluster.state_directory));
  text += setting("control_socket", quoted(cluster.control_socket));
  if (cluster.metrics_listen) text += setting("metrics_listen", quoted(to_string(*cluster.metrics_listen)));
  text += "\n[timing]\n";
  text += setting("preset", quoted(to_string(cluster.timing.preset)));
  text += setting("grace_s", cluster.timing.grace);
  text += setting("drain_limit_s", cluster.timing.drain_limit);
  text += setting("gateway_interval_ms", std::to_string(cluster.timing.gateway_interval.count()));
  text += "\n[quorum]\n";
  text += setting("two_node", quoted(to_string(cluster.two_node)));
  if (cluster.arbiter) text += print_arbiter(*cluster.arbiter);
  return text;
}

std::string print_node(const Node& node) {
  std::string links;
  for (const IpAddress& link : node.links) links += (links.empty() ? "" : ", ") + quoted(link.to_string());
  std::string text = "\n[[node]]\n";
  text += setting("id", std::to_string(node.id.value()));
  text += setting("name", quoted(node.name));
  text += setting("address", quoted(node.address.to_string()));
  if (node.address6) text += setting("address6", quoted(node.address6->to_string()));
  text += setting("links", "[" + links + "]");
  text += setting("interface", quoted(node.interface));
  text += setting("xdp", quoted(to_string(node.xdp)));
  text += setting("gateway", quoted(to_string(node.gateway)));
  return text;
}

std::string print_vip(const Vip& vip, const std::vector<Node>& nodes) {
  std::string text = "\n[[vip]]\n";
  text += setting("name", quoted(vip.name));
  text += setting("address", quoted(vip.address.to_string()));
  text += setting("mac", quoted(vip.mac.to_string()));
  text += setting("kind", quoted("shared"));
  text += "[vip.weights]\n";
  for (const Node& node : nodes) text += setting(node.name, std::to_string(vip.weights.at(node.id)));
  return text;
}

std::uint64_t fingerprint(std::string_view text) {
  constexpr SipKey kKey{0x72656c6169730000ULL,
                        0x636f6e6669670000ULL};  // "relais", "config": fixed on every node and release
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  return siphash13(kKey, bytes);
}

}  // namespace

std::string print(const Cluster& cluster) {
  std::string text = print_cluster(cluster);
  for (const Node& node : cluster.nodes) text += print_node(node);
  for (const Vip& vip : cluster.vips) text += print_vip(vip, cluster.nodes);
  return text;
}

std::uint64_t hash_of(const Cluster& cluster) { return fingerprint(print(cluster)); }

std::uint64_t common_hash_of(const Cluster& cluster) {
  std::string text = std::string(to_string(cluster.timing.preset)) + " " + std::string(to_string(cluster.two_node));
  if (cluster.arbiter) {  // two arbiters would choose two halves; its heartbeat is part of the fences
    text += " " + address_of(*cluster.arbiter) + " " + std::to_string(cluster.arbiter->heartbeat.count());
  }
  for (const Vip& vip : cluster.vips)
    text.append(" ").append(vip.address.to_string()).append(" ").append(vip.mac.to_string());
  return fingerprint(text);
}

std::string hash_text(std::uint64_t hash) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace relais::config
