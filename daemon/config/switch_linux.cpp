// A Linux bridge as switch and a Linux machine as router.
#include "daemon/config/switch_render.h"

namespace relais::config {

namespace {

void bridge_filter(SwitchText& text, const SwitchFacts& facts) {
  std::vector<std::string> macs;
  for (const MacAddress& mac : facts.macs) macs.push_back(mac.to_string());
  text.comment(
      "A bridge ignores static fdb and mdb entries of a multicast MAC for IP packets, and \"mcast_flood off\" on the "
      "other ports would also cut IPv6 neighbour discovery there. A filter on the way out does it:");
  text.line("nft -f - <<'END'");
  text.line("table bridge relais");
  text.line("delete table bridge relais");
  text.line("table bridge relais {");
  text.line("  chain forward {");
  text.line("    type filter hook forward priority 0; policy accept;");
  text.line("    ether daddr { " + joined(macs, ", ") + " } oifname != { \"" + joined(facts.ports, "\", \"") +
            "\" } counter drop");
  text.line("  }");
  text.line("}");
  text.line("END");
}

}  // namespace

std::string render_linux_bridge(const SwitchFacts& facts) {
  SwitchText text("#");
  text.comment("Cluster " + facts.cluster +
               ": what Linux must know, as root. Replace what stands in <>. Nothing here survives a "
               "reboot: put it where your distribution configures its network.");
  explain_switch(text);
  bridge_filter(text, facts);
  explain_router(text);
  text.comment("Linux learns such replies; static entries make sure, and keep others from claiming the address.");
  for (const Vip& vip : facts.vips) {
    text.line("ip neigh replace " + vip.address.to_string() + " lladdr " + vip.mac.to_string() +
              " nud permanent dev <router-interface>");
  }
  explain_snooping(text);
  text.comment(
      "With snooping on and a querier in the network, a bridge may deliver the cluster MAC to nobody. Mark the nodes' "
      "ports as router ports, so that they get all multicast:");
  for (const std::string& port : facts.ports) text.line("bridge link set dev " + port + " mcast_router 2");
  text.comment("Or switch snooping off:");
  text.choice("ip link set dev <bridge> type bridge mcast_snooping 0");
  explain_check(text);
  text.comment("Here: nft list table bridge relais, ip neigh show nud permanent, bridge -d link show");
  return text.take();
}

}  // namespace relais::config
