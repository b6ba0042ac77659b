// Juniper Junos with the enhanced layer-2 software (EX, QFX).
#include "daemon/config/switch_render.h"

namespace relais::config {

namespace {

// Junos takes a static MAC for one port only, so the VLAN itself must be the limit of the flood.
void vlan_of_its_own(SwitchText& text, const SwitchFacts& facts) {
  text.comment(
      "Junos has no static entry for one MAC on several ports (static-mac takes one). It floods the cluster MAC within "
      "the VLAN; so give the nodes' front interfaces and the router a VLAN of their own.");
  text.line("set vlans relais vlan-id " + facts.vlan);
  text.line("set vlans relais l3-interface irb." + facts.vlan);
  for (const std::string& port : facts.ports) {
    text.line("set interfaces " + port + " unit 0 family ethernet-switching vlan members relais");
  }
}

}  // namespace

std::string render_junos(const SwitchFacts& facts) {
  SwitchText text("#");
  text.comment("Cluster " + facts.cluster + ": what Junos must know. Configuration mode; replace what stands in <>.");
  explain_switch(text);
  vlan_of_its_own(text, facts);
  explain_router(text);
  text.comment(
      "The entry hangs on the router's own address in the front network. \"publish\" is for unicast MACs only.");
  for (const Vip& vip : facts.vips) {
    const bool is_v4 = vip.address.family() == IpFamily::v4;
    text.line("set interfaces irb unit " + facts.vlan +
              (is_v4 ? " family inet address <router-address>/<length> arp "
                     : " family inet6 address <router-address6>/<length> ndp ") +
              vip.address.to_string() + " multicast-mac " + vip.mac.to_string());
  }
  explain_snooping(text);
  text.comment("If the VLAN has snooping and packets do not arrive:");
  text.choice("delete protocols igmp-snooping vlan relais");
  text.choice("delete protocols mld-snooping vlan relais");
  text.section("Ports of the nodes: storm control must not count the cluster MAC.");
  text.comment("A storm-control profile on these ports needs \"no-multicast\", or it drops packets for the VIPs:");
  text.choice("set forwarding-options storm-control-profiles <profile> all no-multicast");
  explain_check(text);
  text.comment("Here: show ethernet-switching table vlan-name relais, show arp no-resolve, show ipv6 neighbors");
  return text.take();
}

}  // namespace relais::config
