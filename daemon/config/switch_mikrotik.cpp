// MikroTik RouterOS 7, as switch and as router.
#include "daemon/config/switch_render.h"

namespace relais::config {

namespace {

// A filter, not "unknown-multicast-flood=no" on the other ports: that would also cut IPv6 neighbour discovery there.
void filter_on_the_bridge(SwitchText& text, const SwitchFacts& facts) {
  text.comment(
      "RouterOS keeps no static entry for a MAC on several ports. It floods; the filter keeps the flood from other "
      "ports. Not with unknown-multicast-flood=no: that would also cut IPv6 neighbour discovery there.");
  text.line("/interface list add name=relais-nodes");
  for (const std::string& port : facts.ports)
    text.line("/interface list member add list=relais-nodes interface=" + port);
  for (const MacAddress& mac : facts.macs) {
    text.line("/interface bridge filter add chain=forward dst-mac-address=" + upper_mac(mac) +
              "/FF:FF:FF:FF:FF:FF out-interface-list=!relais-nodes action=drop comment=\"relais " + facts.cluster +
              "\"");
  }
  text.comment(
      "A switch chip forwards past that filter. Where ports are hardware-offloaded, use a rule of the chip instead:");
  for (const MacAddress& mac : facts.macs) {
    text.choice("/interface ethernet switch rule add switch=<switch> ports=<port-of-router> dst-mac-address=" +
                upper_mac(mac) + "/FF:FF:FF:FF:FF:FF new-dst-ports=" + joined(facts.ports, ","));
  }
}

}  // namespace

std::string render_mikrotik(const SwitchFacts& facts) {
  SwitchText text("#");
  text.comment("Cluster " + facts.cluster + ": what RouterOS 7 must know. Replace what stands in <>.");
  explain_switch(text);
  filter_on_the_bridge(text, facts);
  explain_router(text);
  text.comment(
      "RouterOS is built on Linux, which learns such replies; static entries make sure, and keep others from "
      "claiming the address. Early releases of RouterOS 7 have no static IPv6 neighbours: leave those lines out "
      "there.");
  for (const Vip& vip : facts.vips) {
    const std::string path = vip.address.family() == IpFamily::v4 ? "/ip arp" : "/ipv6 neighbor";
    text.line(path + " add address=" + vip.address.to_string() + " mac-address=" + upper_mac(vip.mac) +
              " interface=<router-interface> comment=\"relais " + vip.name + "\"");
  }
  explain_snooping(text);
  text.comment(
      "Bridges have it off unless you switched it on. Then mark the nodes' ports, so that they get all multicast:");
  for (const std::string& port : facts.ports) {
    text.line("/interface bridge port set [find interface=" + port + "] multicast-router=permanent");
  }
  explain_check(text);
  text.comment("Here: /ip arp print, /ipv6 neighbor print, /interface bridge filter print stats");
  return text.take();
}

}  // namespace relais::config
