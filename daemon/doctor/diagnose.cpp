// The order of doctor's rounds, and what it makes of the running relaisd.
#include "daemon/doctor/diagnose.h"

#include <algorithm>
#include <set>

namespace relais::doctor {
namespace {

using control::Status;

void diagnose_membership(const Status& status, Findings& findings) {
  if (!status.quorate) {
    findings.push_back({Severity::error,
                        "this node has no quorum (" + std::to_string(status.votes) + " of " +
                            std::to_string(status.expected_votes) + " votes, " + std::to_string(status.quorum) +
                            " needed)",
                        "without quorum it answers nobody",
                        "look at the heartbeat links: corosync-cfgtool -s; start relaisd on the other nodes"});
  } else if (status.role != "member") {
    findings.push_back({Severity::warning,
                        "this node is not a member yet: " + status.role + (status.why.empty() ? "" : ", " + status.why),
                        "it owns no buckets", "wait some seconds; then: relais events"});
  } else if (status.lease_left_ms <= 0) {
    findings.push_back(
        {Severity::error, "this node is a member, but has no lease",
         "it answers nobody: its heartbeats do not come back, or too late",
         "look for load and for lost packets on the heartbeat links: relais events; corosync-cfgtool -s"});
  }
  if (status.corosync != "running") {
    findings.push_back({Severity::error, "corosync does not run: " + status.corosync, "no membership, so no lease",
                        "read relaisd's log, then check by hand: corosync -t -c FILE"});
  }
}

void diagnose_arbiter(const Status& status, Findings& findings) {
  if (status.arbiter.empty() || status.arbiter == "connected") return;
  findings.push_back({Severity::warning, "the arbiter does not answer this node: " + status.arbiter,
                      "if a node is lost now, the half that is left answers nobody",
                      "see that corosync-qnetd runs on the arbiter and that its port is reached from here; "
                      "/var/log/relais-arbiter.log, and there: journalctl -u corosync-qnetd"});
}

void diagnose_mode(const Status& status, Findings& findings) {
  const control::DataPlaneStatus& plane = status.data_plane;
  if (plane.mode == "xdp-native") return;
  const std::string why = plane.why.empty() ? "no reason given" : plane.why;
  if (plane.mode == "none") {
    findings.push_back({Severity::error, "the data plane is not loaded: " + why, "this node answers nobody",
                        "put the reason right, then restart relaisd: systemctl restart relaisd"});
    return;
  }
  findings.push_back({Severity::warning, "the data plane runs as " + plane.mode + " on " + plane.interface + ": " + why,
                      "dropping what belongs to other nodes costs about three times as much CPU as with native XDP",
                      "use a network card whose driver supports XDP; with large frames: ip link set dev " +
                          plane.interface + " mtu 1500"});
}

void diagnose_hold(const Status& status, Findings& findings) {
  if (status.data_plane.mode == "none" || !status.data_plane.hold.empty()) return;
  findings.push_back({Severity::error, "this node does not hold connection openers",
                      "clients that connect while another node's share comes here wait for TCP's retry, a second",
                      "see what no-hold says: relais events; mend it, then: systemctl restart relaisd"});
}

// The way to the clients, as each node has seen and said it of itself.
void diagnose_fronts(const Status& status, Findings& findings) {
  for (const control::NodeStatus& node : status.nodes) {
    if (!node.in_ring || node.front == "well" || node.front == "doubtful") continue;
    const bool has_carrier = node.front != "no carrier";
    findings.push_back(
        {Severity::error, node.name + (has_carrier ? " does not reach its gateway" : " has no carrier on its front"),
         node.front_lost ? "the others serve in its place" : "nobody is better off, so it goes on serving",
         has_carrier ? "look at the switch port and the VLAN of its front; is the gateway up?"
                     : "look at the cable and the switch port of its front interface"});
  }
}

void diagnose_dead_links(const control::NodeStatus& node, Findings& findings) {
  for (const std::uint32_t link : node.dead_links) {
    findings.push_back({Severity::error,
                        "nothing is heard from " + node.name + " over heartbeat link " + std::to_string(link),
                        "the next failure may end the ring of all nodes",
                        "look at the cable, the switch port and the address of that link on both nodes: relais doctor "
                        "on " +
                            node.name + "; corosync-cfgtool -s"});
  }
}

void diagnose_peers(const Status& status, Findings& findings) {
  for (const control::NodeStatus& node : status.nodes) {
    if (node.in_ring) diagnose_dead_links(node, findings);
    if (node.config_differs) {
      findings.push_back(
          {Severity::error, "the configuration of " + node.name + " differs from this node's",
           "nodes that disagree on VIPs, keys or weights answer the wrong clients",
           "compare `relais config print --running` on both, copy the right file, restart relaisd there"});
    }
    if (!node.in_ring) {
      findings.push_back({Severity::warning, node.name + " is not in the ring", "the others carry its share",
                          "on " + node.name + ": relais doctor"});
    } else if (node.drained) {
      findings.push_back(
          {Severity::note, node.name + " is drained", "it takes no new clients", "relais resume " + node.name});
    }
  }
}

const InterfaceFacts* front_interface(const Facts& facts) {
  const auto found = facts.interfaces.find(facts.config.interface);
  return found == facts.interfaces.end() ? nullptr : &found->second;
}

void diagnose_vip_address(const ConfigFacts::Vip& vip, const std::string& front, const InterfaceFacts& interface,
                          Findings& findings) {
  const auto present = std::find_if(interface.addresses.begin(), interface.addresses.end(),
                                    [&](const auto& entry) { return entry.address == vip.address; });
  const std::string address = vip.address.to_string();
  if (present == interface.addresses.end()) {
    findings.push_back({Severity::error, "VIP " + address + " is not on " + front,
                        "this node answers none of its clients", "systemctl restart relaisd (it puts the VIPs there)"});
  } else if (present->duplicate || present->tentative) {
    findings.push_back({Severity::error, "duplicate address detection holds VIP " + address + " back",
                        "another node has it too, as it must; the kernel must not check",
                        "ip address replace " + address + "/128 dev " + front + " nodad"});
  }
}

// What relaisd puts on the front interface: the VIPs, and the cluster MACs in its filter.
void diagnose_front(const Facts& facts, Findings& findings) {
  const InterfaceFacts* interface = front_interface(facts);
  if (interface == nullptr) return;
  const std::string& front = facts.config.interface;
  std::set<MacAddress> missing;
  for (const ConfigFacts::Vip& vip : facts.config.vips) {
    diagnose_vip_address(vip, front, *interface, findings);
    if (!interface->multicast.contains(vip.mac)) missing.insert(vip.mac);
  }
  for (const MacAddress& mac : missing) {
    findings.push_back({Severity::error, front + " does not let the cluster MAC " + mac.to_string() + " through",
                        "the network card drops what clients send",
                        "ip maddress add " + mac.to_string() + " dev " + front + ", or restart relaisd"});
  }
}

}  // namespace

void diagnose_relaisd(const Facts& facts, const std::optional<Status>& status, Findings& findings) {
  if (facts.same_network_namespace == false && facts.relaisd_pid) {
    const std::string pid = std::to_string(*facts.relaisd_pid);
    findings.push_back({Severity::warning, "relaisd runs in another network namespace than this command",
                        "what is said of interfaces here is not about relaisd's",
                        "nsenter --net=/proc/" + pid + "/ns/net relais doctor"});
  }
  if (!status && !facts.may_ask_relaisd) return;  // listed as not looked at
  if (!status) {
    findings.push_back({Severity::warning, "relaisd does not run here, or does not answer", "this node serves nobody",
                        "systemctl start relaisd; or name its socket with --socket"});
    return;
  }
  diagnose_membership(*status, findings);
  diagnose_arbiter(*status, findings);
  diagnose_mode(*status, findings);
  diagnose_hold(*status, findings);
  diagnose_fronts(*status, findings);
  diagnose_peers(*status, findings);
  if (facts.same_network_namespace != false && status->data_plane.mode != "none") diagnose_front(facts, findings);
}

Findings diagnose(const Facts& facts, const std::optional<Status>& status) {
  Findings findings;
  diagnose_kernel(facts.kernel, findings);
  diagnose_corosync(facts.corosync, findings);
  if (facts.ring) diagnose_ring(*facts.ring, findings);
  diagnose_config(facts.config, findings);
  diagnose_interfaces(facts, findings);
  diagnose_sysctls(facts, findings);
  diagnose_relaisd(facts, status, findings);
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding& left, const Finding& right) { return left.severity < right.severity; });
  return findings;
}

}  // namespace relais::doctor
