// Text that the vendors' renderers share.
#include "daemon/config/switch_render.h"

#include <algorithm>
#include <cstdio>

namespace relais::config {

void SwitchText::section(std::string_view title) {
  if (!text_.empty()) text_ += sign_ + "\n";
  text_ += sign_ + " " + std::to_string(++sections_) + ". " + std::string(title) + "\n";
}

void SwitchText::comment(std::string_view text) {
  constexpr std::size_t kWidth = 96;
  while (!text.empty()) {
    std::size_t length = text.size();
    if (length > kWidth) {
      const std::size_t space = text.rfind(' ', kWidth);
      length = space == std::string_view::npos ? text.find(' ') : space;
    }
    text_ += sign_ + " " + std::string(text.substr(0, length)) + "\n";
    text.remove_prefix(length == std::string_view::npos ? text.size() : std::min(text.size(), length + 1));
  }
}

void SwitchText::choice(std::string_view command) { text_ += sign_ + "   " + std::string(command) + "\n"; }

void SwitchText::line(std::string_view text) { text_ += std::string(text) + "\n"; }

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
  return text;
}

std::string dotted_mac(const MacAddress& mac) {
  const auto& b = mac.bytes();
  char text[15];
  std::snprintf(text, sizeof text, "%02x%02x.%02x%02x.%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
  return text;
}

std::string upper_mac(const MacAddress& mac) {
  std::string text = mac.to_string();
  for (char& letter : text) {
    if (letter >= 'a' && letter <= 'f') letter = static_cast<char>(letter - 'a' + 'A');
  }
  return text;
}

void explain_switch(SwitchText& text) {
  text.section("Switch: the cluster MAC goes to the nodes' ports, and to no others.");
  text.comment(
      "Every node must get every packet for a VIP. No switch learns a multicast MAC, so without this it floods them "
      "to all ports of the VLAN: it works, but strangers get your traffic and your load.");
}

void explain_router(SwitchText& text) {
  text.section("Router: static entries for the VIPs.");
  text.comment(
      "Routers refuse an ARP reply that gives a multicast MAC for a unicast address (RFC 1812, 3.3.2), and many do "
      "the same for IPv6 neighbours.");
}

void explain_snooping(SwitchText& text) {
  text.section("IGMP and MLD snooping: must not filter the cluster MAC.");
  text.comment("No node sends an IGMP or MLD report for it, because it belongs to no multicast group.");
}

void explain_check(SwitchText& text) {
  text.section("Check.");
  text.comment(
      "On every node, \"relais doctor\" finds what is wrong on the node itself, and \"tcpdump -eni INTERFACE ether dst "
      "MAC\" shows whether packets for the cluster MAC arrive: all nodes must see the same ones.");
}

}  // namespace relais::config
