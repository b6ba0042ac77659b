// Interfaces, addresses and sysctls: where a VIP can be spoilt without anybody noticing.
#include "daemon/doctor/diagnose.h"

#include <algorithm>

namespace relais::doctor {
namespace {

// A page less XDP's headroom and the frame's tail: what a native XDP program without multi-buffer support can see.
constexpr std::uint32_t kLargestNativeMtu = 3498;

const InterfaceFacts* find_interface(const Facts& facts, const std::string& name) {
  const auto found = facts.interfaces.find(name);
  return found == facts.interfaces.end() ? nullptr : &found->second;
}

bool carries(const InterfaceFacts& interface, const IpAddress& address) {
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const InterfaceAddress& entry) { return entry.address == address; });
}

// The interface that has the address; empty if none.
std::string interface_of(const Facts& facts, const IpAddress& address) {
  for (const auto& [name, interface] : facts.interfaces) {
    if (carries(interface, address)) return name;
  }
  return {};
}

void diagnose_front_state(const std::string& name, const InterfaceFacts& front, Findings& findings) {
  if (!front.up) {
    findings.push_back({Severity::error, "front interface " + name + " is down", "no client reaches this node",
                        "ip link set dev " + name + " up"});
  } else if (!front.carrier) {
    findings.push_back({Severity::error, "front interface " + name + " has no carrier", "no client reaches this node",
                        "check the cable and the switch port: ethtool " + name});
  }
  if (!front.master.empty()) {
    findings.push_back({Severity::error, "front interface " + name + " is a port of " + front.master,
                        "addresses and VIPs belong on " + front.master + ", not on its ports",
                        "set interface = \"" + front.master + "\" for this node in the configuration"});
  }
}

void diagnose_front_hardware(const std::string& name, const InterfaceFacts& front, Findings& findings) {
  if (front.mtu > kLargestNativeMtu) {
    findings.push_back({Severity::warning, name + " has an MTU of " + std::to_string(front.mtu),
                        "most drivers refuse native XDP with large frames, so the slower generic mode is used",
                        "ip link set dev " + name + " mtu 1500, or set xdp = \"generic\" if large frames matter more"});
  }
  if (front.is_vlan) {
    findings.push_back({Severity::note, name + " is a VLAN interface", "XDP runs in generic mode there",
                        "for native XDP give the VIPs an untagged port"});
  }
  if (front.large_receive_offload == true) {
    findings.push_back({Severity::warning, name + " has large receive offload (LRO) on",
                        "drivers refuse native XDP with it", "ethtool -K " + name + " lro off"});
  }
}

void diagnose_own_address(const Facts& facts, const std::optional<IpAddress>& address, Findings& findings) {
  if (!address) return;
  const std::string& front = facts.config.interface;
  const std::string found = interface_of(facts, *address);
  if (found == front) return;
  const std::string prefix = address->family() == IpFamily::v4 ? "/24" : "/64";
  findings.push_back({Severity::error,
                      "this node's address " + address->to_string() + " is " +
                          (found.empty() ? "on no interface" : "on " + found + ", not on " + front),
                      "the node speaks for itself through it: what it opens must not come from a VIP",
                      "ip address add " + address->to_string() + prefix + " dev " + front +
                          " (with your prefix length), or correct the configuration"});
}

void diagnose_link_state(const std::string& what, const InterfaceFacts& interface, const std::string& name,
                         Findings& findings) {
  if (interface.up && interface.carrier) return;
  const std::string state = interface.up ? " has no carrier" : " is down";
  findings.push_back({Severity::error, what + state, "the next failure splits the cluster",
                      "ip link set dev " + name + " up; check the cable"});
}

// The interface that a heartbeat link uses; empty if none has its address.
std::string diagnose_link(const Facts& facts, std::size_t number, Findings& findings) {
  const IpAddress& address = facts.config.links[number];
  std::string name = interface_of(facts, address);
  const std::string label = "heartbeat link " + std::to_string(number) + ": ";
  if (name.empty()) {
    findings.push_back({Severity::error, label + address.to_string() + " is on no interface",
                        "corosync cannot use the link", "ip address add " + address.to_string() + "/24 dev INTERFACE"});
  } else {
    diagnose_link_state(label + name, facts.interfaces.at(name), name, findings);
  }
  return name;
}

void diagnose_links(const Facts& facts, Findings& findings) {
  std::vector<std::string> used;
  for (std::size_t number = 0; number < facts.config.links.size(); ++number) {
    const std::string name = diagnose_link(facts, number, findings);
    if (!name.empty() && std::find(used.begin(), used.end(), name) != used.end()) {
      findings.push_back({Severity::warning, "both heartbeat links run over " + name,
                          "one cable or one switch takes both away",
                          "give link " + std::to_string(number) + " an interface of its own"});
    }
    used.push_back(name);
  }
  if (used.size() == 1) {
    findings.push_back({Severity::warning, "there is only one heartbeat link",
                        "a cut cable makes this node leave the cluster",
                        "give every node a second address in `links`, on another network"});
  }
}

std::optional<std::int64_t> sysctl(const Facts& facts, const std::string& name) {
  const auto found = facts.sysctls.find(name);
  return found == facts.sysctls.end() ? std::nullopt : std::optional(found->second);
}

// For settings of which the kernel takes the larger of "all" and the interface's own: rp_filter, arp_ignore,
// arp_announce.
std::int64_t larger_sysctl(const Facts& facts, const std::string& setting) {
  const std::string prefix = "ipv4.conf.";
  return std::max(sysctl(facts, prefix + "all." + setting).value_or(0),
                  sysctl(facts, prefix + facts.config.interface + "." + setting).value_or(0));
}

// sysctl(8) separates with slashes inside a name that has dots ("eth0.5").
std::string sysctl_interface(std::string name) {
  std::replace(name.begin(), name.end(), '.', '/');
  return name;
}

std::string set_both(const Facts& facts, const std::string& setting, int value) {
  const std::string end = "." + setting + "=" + std::to_string(value);
  return "sysctl -w net.ipv4.conf.all" + end + " net.ipv4.conf." + sysctl_interface(facts.config.interface) + end;
}

bool has_family(const Facts& facts, IpFamily family) {
  return std::any_of(facts.config.vips.begin(), facts.config.vips.end(),
                     [&](const ConfigFacts::Vip& vip) { return vip.address.family() == family; });
}

std::size_t count_other_interfaces(const Facts& facts) {
  return static_cast<std::size_t>(
      std::count_if(facts.interfaces.begin(), facts.interfaces.end(), [&](const auto& entry) {
        const auto& [name, interface] = entry;
        return name != facts.config.interface && !interface.loopback && interface.up && !interface.addresses.empty();
      }));
}

void diagnose_arp(const Facts& facts, Findings& findings) {
  const std::string& front = facts.config.interface;
  const std::int64_t ignore = larger_sysctl(facts, "arp_ignore");
  if (ignore >= 2) {
    findings.push_back({Severity::error, "arp_ignore is " + std::to_string(ignore) + " on " + front,
                        ignore == 2 ? "a VIP is a /32: no client is in its subnet, so nobody's ARP request is answered"
                                    : "ARP requests for VIPs are not answered",
                        set_both(facts, "arp_ignore", 1)});
  }
  if (count_other_interfaces(facts) == 0) return;
  if (ignore == 0) {
    findings.push_back({Severity::note, "arp_ignore is 0 and there are other interfaces",
                        "on them the node answers ARP requests for VIPs too, with a MAC that is not the cluster's",
                        "sysctl -w net.ipv4.conf.all.arp_ignore=1"});
  }
  if (larger_sysctl(facts, "arp_announce") == 0) {
    findings.push_back({Severity::note, "arp_announce is 0 and there are other interfaces",
                        "an ARP request there may name a VIP as its sender, next to a MAC that is not the cluster's",
                        "sysctl -w net.ipv4.conf.all.arp_announce=2"});
  }
}

void diagnose_reverse_path(const Facts& facts, Findings& findings) {
  if (larger_sysctl(facts, "rp_filter") != 1 || count_other_interfaces(facts) == 0) return;
  findings.push_back({Severity::warning, "rp_filter is strict on " + facts.config.interface,
                      "clients whose way back leads through another interface are dropped without a trace",
                      set_both(facts, "rp_filter", 2)});
}

void diagnose_ipv6(const Facts& facts, Findings& findings) {
  if (!has_family(facts, IpFamily::v6)) return;
  const std::string& front = facts.config.interface;
  const bool present = sysctl(facts, "ipv6.conf.all.disable_ipv6").has_value();
  const bool off = sysctl(facts, "ipv6.conf." + front + ".disable_ipv6").value_or(0) != 0;
  if (present && !off) return;
  findings.push_back({Severity::error, present ? "IPv6 is switched off on " + front : "the kernel has no IPv6 here",
                      "IPv6 VIPs cannot be put there",
                      present ? "sysctl -w net.ipv6.conf." + sysctl_interface(front) + ".disable_ipv6=0"
                              : "boot without ipv6.disable=1, or take the IPv6 VIPs out of the configuration"});
}

void diagnose_tcp(const Facts& facts, Findings& findings) {
  const std::optional<std::int64_t> cookies = sysctl(facts, "ipv4.tcp_syncookies");
  if (cookies == 0) {
    findings.push_back({Severity::warning, "SYN cookies are off", "a SYN flood locks clients out",
                        "sysctl -w net.ipv4.tcp_syncookies=1"});
  } else if (cookies == 2) {
    findings.push_back({Severity::note, "SYN cookies are always on", "every connection loses TCP options",
                        "sysctl -w net.ipv4.tcp_syncookies=1 (only under a flood)"});
  }
}

}  // namespace

void diagnose_interfaces(const Facts& facts, Findings& findings) {
  const std::string& name = facts.config.interface;
  if (name.empty()) return;  // no configuration, or this node is not in it
  const InterfaceFacts* front = find_interface(facts, name);
  if (front == nullptr) {
    std::string known;
    for (const auto& [other, interface] : facts.interfaces) known += (known.empty() ? "" : ", ") + other;
    findings.push_back({Severity::error, "front interface " + name + " does not exist", "VIPs have no place to be",
                        "set `interface` for this node to one of: " + known});
  } else {
    diagnose_front_state(name, *front, findings);
    diagnose_front_hardware(name, *front, findings);
    diagnose_own_address(facts, facts.config.address, findings);
    diagnose_own_address(facts, facts.config.address6, findings);
  }
  diagnose_links(facts, findings);
}

void diagnose_sysctls(const Facts& facts, Findings& findings) {
  diagnose_tcp(facts, findings);
  if (find_interface(facts, facts.config.interface) == nullptr) return;
  if (has_family(facts, IpFamily::v4)) {
    diagnose_arp(facts, findings);
    diagnose_reverse_path(facts, findings);
  }
  diagnose_ipv6(facts, findings);
}

}  // namespace relais::doctor
