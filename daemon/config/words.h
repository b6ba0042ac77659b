// Checks of single values: text → typed value or an error that shows what is allowed. Pure; used by check.cpp.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "daemon/config/cluster.h"

#include <span>
#include <string>
#include <string_view>

namespace relais::config {

// The candidate that `word` is most likely a misspelling of; empty if none is close.
std::string_view closest(std::string_view word, std::span<const std::string_view> candidates);

// "did you mean "name"?" if something is close, else "known are a, b, c".
std::string suggestion(std::string_view word, std::span<const std::string_view> candidates);

Result<TimingPreset> parse_timing_preset(std::string_view text);
Result<TwoNode> parse_two_node(std::string_view text);
Result<ArbiterTls> parse_arbiter_tls(std::string_view text);
// A host name (RFC 1123) or an IP address without a zone.
Result<std::string> parse_host(std::string_view text);
Result<XdpMode> parse_xdp_mode(std::string_view text);

// [a-z0-9-]{1,32}, not starting with "-": a cluster or VIP.
Result<std::string> parse_name(std::string_view text);
// The same with a letter in it, so that it cannot be mistaken for an id.
Result<std::string> parse_node_name(std::string_view text);
// A Linux interface name: 1 to 15 printable characters without space or "/".
Result<std::string> parse_interface(std::string_view text);
// "shared"; "single" is refused until there are such VIPs.
Result<std::string> parse_vip_kind(std::string_view text);
// Absolute, printable ASCII.
Result<std::string> parse_path(std::string_view text);
// The same, short enough for a Unix socket (unix(7): 107 bytes).
Result<std::string> parse_socket_path(std::string_view text);
// "auto", "off", or one to four addresses with commas in between.
Result<Gateway> parse_gateway(std::string_view text);
// "ADDRESS:PORT" or "[IPV6]:PORT".
Result<ListenAddress> parse_listen_address(std::string_view text);
// An address that one machine can have: unicast, not loopback, not unspecified, no IPv4 in IPv6 clothes.
Result<IpAddress> parse_own_address(std::string_view text);
// A cluster MAC: multicast, and none that switches treat in a way of their own.
Result<MacAddress> parse_cluster_mac(std::string_view text);

}  // namespace relais::config
