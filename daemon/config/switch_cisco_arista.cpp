// Cisco IOS and IOS XE; Arista EOS, which keeps close to them.
#include "daemon/config/switch_render.h"

namespace relais::config {

namespace {

void head(SwitchText& text, const SwitchFacts& facts, std::string_view system) {
  text.comment("Cluster " + facts.cluster + ": what " + std::string(system) +
               " must know. Configuration mode; replace what stands in <>.");
}

void static_macs(SwitchText& text, const SwitchFacts& facts) {
  for (const MacAddress& mac : facts.macs) {
    text.line("mac address-table static " + dotted_mac(mac) + " vlan " + facts.vlan + " interface " +
              joined(facts.ports, " "));
  }
}

void advise_port_features(SwitchText& text, const SwitchFacts& facts, std::string_view storm_control_off) {
  text.section("Ports of the nodes: what must not take cluster traffic for an attack.");
  text.comment(
      "Where it is switched on: storm control for multicast drops packets for the VIPs above its threshold, and ARP "
      "inspection drops the nodes' replies, whose sender MAC is not the node's own. Frames do carry the node's own "
      "MAC as source, so port security needs no exception.");
  for (const std::string& port : facts.ports) {
    text.choice("interface " + port);
    text.choice(" " + std::string(storm_control_off));
    text.choice(" ip arp inspection trust");
  }
}

}  // namespace

std::string render_cisco_ios(const SwitchFacts& facts) {
  SwitchText text("!");
  head(text, facts, "Cisco IOS");
  explain_switch(text);
  text.comment("Old releases write it \"mac-address-table\".");
  static_macs(text, facts);
  explain_router(text);
  for (const Vip& vip : facts.vips) {
    if (vip.address.family() == IpFamily::v4) {
      text.line("arp " + vip.address.to_string() + " " + dotted_mac(vip.mac) + " ARPA");
    } else {
      text.line("ipv6 neighbor " + vip.address.to_string() + " Vlan" + facts.vlan + " " + dotted_mac(vip.mac));
    }
  }
  explain_snooping(text);
  text.comment(
      "The static entry takes precedence. Only if packets still do not arrive, switch snooping off in this VLAN:");
  text.choice("no ip igmp snooping vlan " + facts.vlan);
  text.choice("no ipv6 mld snooping vlan " + facts.vlan);
  advise_port_features(text, facts, "no storm-control multicast level");
  explain_check(text);
  text.comment("Here: show mac address-table vlan " + facts.vlan + ", show ip arp, show ipv6 neighbors");
  return text.take();
}

std::string render_arista(const SwitchFacts& facts) {
  SwitchText text("!");
  head(text, facts, "Arista EOS");
  explain_switch(text);
  static_macs(text, facts);
  explain_router(text);
  for (const Vip& vip : facts.vips) {
    if (vip.address.family() == IpFamily::v4) {
      text.line("arp " + vip.address.to_string() + " " + dotted_mac(vip.mac) + " arpa");
    } else {
      text.line("ipv6 neighbor " + vip.address.to_string() + " vlan " + facts.vlan + " " + dotted_mac(vip.mac));
    }
  }
  explain_snooping(text);
  text.comment(
      "The static entry takes precedence. Only if packets still do not arrive, switch snooping off in this VLAN:");
  text.choice("no ip igmp snooping vlan " + facts.vlan);
  advise_port_features(text, facts, "no storm-control multicast");
  explain_check(text);
  text.comment(
      "Here: show mac address-table static, show mac address-table multicast, show ip arp, show ipv6 neighbors");
  return text.take();
}

}  // namespace relais::config
