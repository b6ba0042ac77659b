// Differences between two configurations.
#include "daemon/config/diff.h"

#include <algorithm>

namespace relais::config {

namespace {

class DifferenceList {
 public:
  void compare(const std::string& what, std::string_view from, std::string_view to, Effect effect = Effect::restart) {
    if (from == to) return;
    list_.push_back({what + ": " + std::string(from) + " -> " + std::string(to), effect});
  }
  void add(std::string what) { list_.push_back({std::move(what), Effect::restart}); }
  std::vector<Difference> take() { return std::move(list_); }

 private:
  std::vector<Difference> list_;
};

std::string shown(const std::optional<ListenAddress>& listen) { return listen ? to_string(*listen) : "none"; }

std::string shown(const std::optional<IpAddress>& address) { return address ? address->to_string() : "none"; }

std::string shown(const std::vector<IpAddress>& addresses) {
  std::string text;
  for (const IpAddress& address : addresses) text += (text.empty() ? "" : ", ") + address.to_string();
  return text;
}

std::string shown(std::chrono::milliseconds time) { return std::to_string(time.count()) + " ms"; }

std::string shown(const std::optional<Arbiter>& arbiter) {
  if (!arbiter) return "none";
  const std::string tls = arbiter->tls == ArbiterTls::off ? "without TLS" : "TLS from " + arbiter->certificates;
  return address_of(*arbiter) + ", " + tls + ", heartbeat " + std::to_string(arbiter->heartbeat.count()) + " ms";
}

std::string shown(std::chrono::seconds seconds) { return std::to_string(seconds.count()) + " s"; }

void compare_cluster(const Cluster& from, const Cluster& to, DifferenceList& list) {
  list.compare("cluster name", from.name, to.name);
  list.compare("key file", from.key_file, to.key_file);
  list.compare("state directory", from.state_directory, to.state_directory);
  list.compare("control socket", from.control_socket, to.control_socket);
  list.compare("metrics address", shown(from.metrics_listen), shown(to.metrics_listen));
  list.compare("timing preset", to_string(from.timing.preset), to_string(to.timing.preset));
  list.compare("grace", shown(from.timing.grace), shown(to.timing.grace));
  list.compare("drain limit", shown(from.timing.drain_limit), shown(to.timing.drain_limit));
  list.compare("gateway interval", shown(from.timing.gateway_interval), shown(to.timing.gateway_interval));
  list.compare("two-node rule", to_string(from.two_node), to_string(to.two_node));
  list.compare("arbiter", shown(from.arbiter), shown(to.arbiter));
}

void compare_node(const Node& from, const Node& to, DifferenceList& list) {
  const std::string of_node = " of node " + std::to_string(from.id.value());
  list.compare("name" + of_node, from.name, to.name);
  list.compare("address" + of_node, from.address.to_string(), to.address.to_string());
  list.compare("IPv6 address" + of_node, shown(from.address6), shown(to.address6));
  list.compare("links" + of_node, shown(from.links), shown(to.links));
  list.compare("interface" + of_node, from.interface, to.interface);
  list.compare("xdp mode" + of_node, to_string(from.xdp), to_string(to.xdp));
  list.compare("gateway" + of_node, to_string(from.gateway), to_string(to.gateway));
}

void compare_nodes(const Cluster& from, const Cluster& to, DifferenceList& list) {
  for (const Node& node : from.nodes) {
    if (const Node* other = find_node(to, node.id)) {
      compare_node(node, *other, list);
    } else {
      list.add("node " + node.name + " is gone");
    }
  }
  for (const Node& node : to.nodes) {
    if (find_node(from, node.id) == nullptr) list.add("node " + node.name + " is new");
  }
}

void compare_vip(const Vip& from, const Vip& to, const std::vector<Node>& nodes, DifferenceList& list) {
  list.compare("address of VIP " + from.name, from.address.to_string(), to.address.to_string());
  list.compare("cluster MAC of VIP " + from.name, from.mac.to_string(), to.mac.to_string());
  for (const Node& node : nodes) {
    const auto before = from.weights.find(node.id);
    const auto after = to.weights.find(node.id);
    if (before == from.weights.end() || after == to.weights.end()) continue;  // a node that is new or gone says it all
    list.compare("weight of " + node.name + " for " + from.name, std::to_string(before->second),
                 std::to_string(after->second), Effect::live);
  }
}

void compare_vips(const Cluster& from, const Cluster& to, DifferenceList& list) {
  std::vector<std::string_view> kept_before;
  std::vector<std::string_view> kept_after;
  for (const Vip& vip : from.vips) {
    if (const auto id = find_vip(to, vip.name)) {
      compare_vip(vip, to.vips[id->value()], to.nodes, list);
      kept_before.push_back(vip.name);
    } else {
      list.add("VIP " + vip.name + " is gone");
    }
  }
  for (const Vip& vip : to.vips) {
    if (find_vip(from, vip.name)) {
      kept_after.push_back(vip.name);
    } else {
      list.add("VIP " + vip.name + " is new");
    }
  }
  if (kept_before != kept_after) list.add("the VIPs are in another order");
}

}  // namespace

std::vector<Difference> diff(const Cluster& from, const Cluster& to) {
  DifferenceList list;
  compare_cluster(from, to, list);
  compare_nodes(from, to, list);
  compare_vips(from, to, list);
  return list.take();
}

}  // namespace relais::config
