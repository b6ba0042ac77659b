// Facts for the vendors' renderers, and the choice among them.
#include "daemon/config/switch_config.h"

#include "daemon/config/switch_render.h"
#include "daemon/config/words.h"

#include <algorithm>

namespace relais::config {

namespace {

bool is_port_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("/._:-").find(c) != std::string_view::npos;
}

Result<void> check_ports(const Cluster& cluster, const PortMap& ports) {
  for (const auto& [node, port] : ports) {
    if (std::ranges::find(cluster.nodes, node, &Node::name) == cluster.nodes.end()) {
      std::vector<std::string_view> names;
      for (const Node& known : cluster.nodes) names.push_back(known.name);
      return Error{.what = "a port is given for \"" + node + "\", which is no node",
                   .way_out = suggestion(node, names)};
    }
    if (port.empty() || port.size() > 64 || !std::ranges::all_of(port, is_port_letter)) {
      return Error{.what = "\"" + port + "\" is not the name of a switch port",
                   .way_out = "write it without spaces: gi0/11, Ethernet11, ge-0/0/11, ether11"};
    }
  }
  return {};
}

template <class T>
void add_once(std::vector<T>& list, const T& value) {
  if (std::ranges::find(list, value) == list.end()) list.push_back(value);
}

SwitchFacts facts_of(const Cluster& cluster, const SwitchOptions& options) {
  SwitchFacts facts;
  facts.cluster = cluster.name;
  facts.vips = cluster.vips;
  facts.vlan = options.vlan ? std::to_string(*options.vlan) : "<vlan>";
  for (const Vip& vip : cluster.vips) add_once(facts.macs, vip.mac);
  for (const Node& node : cluster.nodes) {
    const auto port = options.ports.find(node.name);
    add_once(facts.ports, port == options.ports.end() ? "<port-of-" + node.name + ">" : port->second);
  }
  return facts;
}

}  // namespace

std::string_view to_string(Vendor vendor) {
  switch (vendor) {
    case Vendor::cisco_ios: return "cisco-ios";
    case Vendor::arista: return "arista";
    case Vendor::junos: return "junos";
    case Vendor::mikrotik: return "mikrotik";
    case Vendor::linux_bridge: return "linux";
  }
  return "?";
}

Result<Vendor> parse_vendor(std::string_view text) {
  std::vector<std::string_view> words;
  for (const Vendor vendor : kVendors) {
    if (to_string(vendor) == text) return vendor;
    words.push_back(to_string(vendor));
  }
  return Error{.what = "vendor \"" + std::string(text) + "\" is not known", .way_out = suggestion(text, words)};
}

Result<std::string> render_switch_config(const Cluster& cluster, Vendor vendor, const SwitchOptions& options) {
  const Result<void> ports = check_ports(cluster, options.ports);
  if (ports.has_error()) return ports.error();
  const SwitchFacts facts = facts_of(cluster, options);
  const auto done = [](std::string text) {
    return Result<std::string>(boost::system::in_place_value, std::move(text));
  };
  switch (vendor) {
    case Vendor::cisco_ios: return done(render_cisco_ios(facts));
    case Vendor::arista: return done(render_arista(facts));
    case Vendor::junos: return done(render_junos(facts));
    case Vendor::mikrotik: return done(render_mikrotik(facts));
    case Vendor::linux_bridge: return done(render_linux_bridge(facts));
  }
  return Error{.what = "this vendor has no renderer"};
}

}  // namespace relais::config
