// What the renderers of all vendors share. Used by switch_*.cpp only.
#pragma once

#include "daemon/config/cluster.h"

#include <string>
#include <string_view>
#include <vector>

namespace relais::config {

struct SwitchFacts {
  std::string cluster;
  std::vector<MacAddress> macs;    // each cluster MAC once
  std::vector<std::string> ports;  // of all nodes, each once; or placeholders
  std::string vlan;                // number or placeholder
  std::vector<Vip> vips;
};

// Collects lines; comments get the vendor's comment sign and are wrapped.
class SwitchText {
 public:
  explicit SwitchText(std::string comment_sign) : sign_(std::move(comment_sign)) {}

  // A numbered heading with an empty comment line above.
  void section(std::string_view title);
  void comment(std::string_view text);
  // A command that the reader may choose: a comment that is never wrapped.
  void choice(std::string_view command);
  void line(std::string_view text);
  std::string take() { return std::move(text_); }

 private:
  std::string sign_;
  std::string text_;
  int sections_ = 0;
};

std::string joined(const std::vector<std::string>& words, std::string_view separator);
// 0300.5e11.1111, as Cisco and Arista write it.
std::string dotted_mac(const MacAddress& mac);
// 03:00:5E:11:11:11, as RouterOS writes it.
std::string upper_mac(const MacAddress& mac);

// Why the entries are needed; the same for all vendors.
void explain_switch(SwitchText& text);
void explain_router(SwitchText& text);
void explain_snooping(SwitchText& text);
void explain_check(SwitchText& text);

std::string render_cisco_ios(const SwitchFacts& facts);
std::string render_arista(const SwitchFacts& facts);
std::string render_junos(const SwitchFacts& facts);
std::string render_mikrotik(const SwitchFacts& facts);
std::string render_linux_bridge(const SwitchFacts& facts);

}  // namespace relais::config
