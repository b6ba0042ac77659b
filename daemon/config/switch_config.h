// What switches and routers must be told so that a multicast MAC carries unicast IP: commands to paste, per vendor,
// with the reasons as comments. docs/network.md explains them. Pure.
#pragma once

#include "base/result.h"
#include "daemon/config/cluster.h"

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace relais::config {

enum class Vendor : std::uint8_t { cisco_ios, arista, junos, mikrotik, linux_bridge };

inline constexpr std::array kVendors{Vendor::cisco_ios, Vendor::arista, Vendor::junos, Vendor::mikrotik,
                                     Vendor::linux_bridge};

// "cisco-ios", "arista", "junos", "mikrotik", "linux".
std::string_view to_string(Vendor vendor);
Result<Vendor> parse_vendor(std::string_view text);

// The switch port of each node, by the node's name: {"n1", "gi0/11"}. Nodes that are not in it get a placeholder.
using PortMap = std::map<std::string, std::string>;

struct SwitchOptions {
  PortMap ports;
  std::optional<std::uint16_t> vlan;  // 1..4094, of the front network; none: a placeholder
};

// Text that ends with a newline. Placeholders look like <port-of-n1>. An error if a port is given for an unknown node
// or is not a word that a switch could know.
Result<std::string> render_switch_config(const Cluster& cluster, Vendor vendor, const SwitchOptions& options);

}  // namespace relais::config
