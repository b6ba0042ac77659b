// Checks of single values.
#include "daemon/config/words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <utility>
#include <vector>

namespace relais::config {

namespace {

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// Levenshtein distance: letters to insert, delete or replace.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({row[j] + 1, row[j + 1] + 1, replaced}));
    }
  }
  return row.back();
}

template <class Enum, std::size_t count>
Result<Enum> parse_word(std::string_view text, const std::array<Enum, count>& values) {
  std::array<std::string_view, count> words;
  for (std::size_t i = 0; i < count; ++i) {
    words[i] = to_string(values[i]);
    if (words[i] == text) return values[i];
  }
  return Error{.what = quoted(text) + " is not known", .way_out = suggestion(text, words)};
}

// A string is a valid value, and by C++20's rules for aggregates it could also become an Error: say which.
Result<std::string> accepted(std::string_view text) { return {boost::system::in_place_value, text}; }

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_printable(char c) { return c >= ' ' && c < 0x7f; }

// 0.0.0.0/8 ("this network"), 240.0.0.0/4 (reserved, with the broadcast address), fe80::/10 (needs a zone).
bool is_special(const IpAddress& address) {
  const auto bytes = address.bytes();
  if (address.family() == IpFamily::v4) return bytes[0] == 0 || bytes[0] >= 240;
  return (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) || address.is_ipv4_mapped();
}

// Why switches or hosts would not treat this multicast MAC as plain multicast; null if they do.
const char* special_mac_use(const MacAddress& mac) {
  const auto& b = mac.bytes();
  if (b == std::array<std::uint8_t, 6>{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}) return "the broadcast address";
  if (b[0] == 0x01 && b[1] == 0x00 && b[2] == 0x5e) return "in the IPv4 multicast range, which IGMP snooping filters";
  if (b[0] == 0x33 && b[1] == 0x33) return "in the IPv6 multicast range, which MLD snooping filters";
  if (b[0] == 0x01 && b[1] == 0x80 && b[2] == 0xc2) return "reserved by IEEE 802.1, and switches do not forward it";
  if (b[0] == 0x01 && b[1] == 0x00 && b[2] == 0x0c) return "used by Cisco's own protocols";
  return nullptr;
}

}  // namespace

std::string_view closest(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t kLongestWord = 64;  // longer than any of ours: no need to measure
  if (word.size() > kLongestWord) return {};
  std::string_view best;
  std::size_t best_distance = 3;
  for (const std::string_view candidate : candidates) {
    const std::size_t letters = distance(word, candidate);
    if (letters < best_distance && 2 * letters <= candidate.size()) {  // more than half is right
      best = candidate;
      best_distance = letters;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates) {
  if (const std::string_view close = closest(word, candidates); !close.empty())
    return "did you mean " + quoted(close) + "?";
  std::string list;
  for (const std::string_view candidate : candidates) {
    if (!list.empty()) list += ", ";
    list += candidate;
  }
  return "known: " + list;
}

Result<TimingPreset> parse_timing_preset(std::string_view text) {
  return parse_word(text, std::array{TimingPreset::fast, TimingPreset::normal, TimingPreset::relaxed});
}

Result<TwoNode> parse_two_node(std::string_view text) {
  return parse_word(text, std::array{TwoNode::none, TwoNode::lowest, TwoNode::arbiter, TwoNode::both});
}

Result<ArbiterTls> parse_arbiter_tls(std::string_view text) {
  return parse_word(text, std::array{ArbiterTls::required, ArbiterTls::off});
}

Result<std::string> parse_host(std::string_view text) {
  constexpr std::size_t kMaxLength = 253;
  const bool is_name = !text.empty() && text.size() <= kMaxLength && text.front() != '-' && text.front() != '.' &&
                       std::ranges::all_of(text, [](char c) {
                         return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '-' || c == '.';
                       });
  if (is_name || IpAddress::parse(text).has_value()) return accepted(text);
  return Error{.what = quoted(text) + " is neither a host name nor an address",
               .way_out = "write it like arbiter.example.net, 192.0.2.9 or 2001:db8::9"};
}

Result<XdpMode> parse_xdp_mode(std::string_view text) {
  return parse_word(text, std::array{XdpMode::automatic, XdpMode::native, XdpMode::generic, XdpMode::tc});
}

Result<std::string> parse_name(std::string_view text) {
  constexpr std::size_t kMaxLength = 32;
  const bool right = !text.empty() && text.size() <= kMaxLength && text.front() != '-' &&
                     std::ranges::all_of(text, [](char c) { return is_lower_or_digit(c) || c == '-'; });
  if (right) return accepted(text);
  return Error{.what = quoted(text) + " is not a name",
               .way_out = "use 1 to 32 of a-z, 0-9 and \"-\", not starting with \"-\""};
}

Result<std::string> parse_node_name(std::string_view text) {
  const bool digits_only = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!text.empty() && digits_only) {
    return Error{.what = quoted(text) + " looks like an id, not like a node's name",
                 .way_out = "put a letter in it: n1"};
  }
  return parse_name(text);
}

Result<std::string> parse_interface(std::string_view text) {
  const bool right =
      !text.empty() && text.size() <= 15 && text != "." && text != ".." &&
      std::ranges::all_of(text, [](char c) { return is_printable(c) && c != ' ' && c != '/' && c != ':'; });
  if (right) return accepted(text);
  return Error{.what = quoted(text) + " is not an interface name",
               .way_out = "write a name that \"ip link\" shows, like eth0"};
}

Result<std::string> parse_vip_kind(std::string_view text) {
  if (text == "shared") return accepted(text);
  if (text == "single") {
    return Error{.what = "this release of relais has no single VIPs",
                 .way_out = "leave the VIP out, or make it \"shared\""};
  }
  return Error{.what = quoted(text) + " is not a kind of VIP", .way_out = "write \"shared\", or leave it out"};
}

Result<std::string> parse_path(std::string_view text) {
  if (!text.starts_with('/')) {
    return Error{.what = quoted(text) + " is not an absolute path", .way_out = "begin it with \"/\""};
  }
  if (!std::ranges::all_of(text, is_printable)) {
    return Error{.what = "the path has a character in it that is not printable ASCII", .way_out = "choose another"};
  }
  return accepted(text);
}

Result<std::string> parse_socket_path(std::string_view text) {
  constexpr std::size_t kMaxLength = 107;
  if (text.size() > kMaxLength) {
    return Error{.what = "the path has " + std::to_string(text.size()) + " bytes, a Unix socket's may have 107",
                 .way_out = "choose a shorter one"};
  }
  return parse_path(text);
}

namespace {

Result<IpAddress> parse_gateway_address(std::string_view text) {
  Result<IpAddress> address = IpAddress::parse(text);
  if (address.has_error()) return address;
  if (!address->is_multicast() && !address->is_loopback() && !address->is_unspecified()) return address;
  return Error{.what = address->to_string() + " is no address that a gateway can have",
               .way_out = "name the router that leads to the clients: \"198.51.100.1\""};
}

}  // namespace

Result<Gateway> parse_gateway(std::string_view text) {
  if (text == "auto") return Gateway{};
  if (text == "off") return Gateway{.mode = GatewayMode::off, .addresses = {}};
  Gateway gateway{.mode = GatewayMode::listed, .addresses = {}};
  for (std::string_view rest = text;;) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view word = rest.substr(0, comma);
    word.remove_prefix(std::min(word.find_first_not_of(' '), word.size()));
    word = word.substr(0, word.find_last_not_of(' ') + 1);
    const Result<IpAddress> address = parse_gateway_address(word);
    if (address.has_error())
      return Error{.what = address.error().what, .way_out = "write \"auto\", \"off\", or addresses: \"198.51.100.1\""};
    gateway.addresses.push_back(*address);
    if (comma == rest.size()) break;
    rest.remove_prefix(comma + 1);
  }
  if (gateway.addresses.size() <= kMaxGateways) return gateway;
  return Error{.what = std::to_string(gateway.addresses.size()) + " gateways are more than 4",
               .way_out = "one that answers is enough: name those that lead to the clients"};
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const Error bad{.what = quoted(text) + " is not an address with a port",
                  .way_out = "write it like 127.0.0.1:9460 or [::1]:9460"};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const Result<IpAddress> address = IpAddress::parse(host);
  if (address.has_error() || bracketed != (address->family() == IpFamily::v6)) return bad;
  ListenAddress listen{.address = *address};
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), listen.port);
  if (failure != std::errc{} || end != digits.data() + digits.size() || listen.port == 0) return bad;
  return listen;
}

Result<IpAddress> parse_own_address(std::string_view text) {
  Result<IpAddress> address = IpAddress::parse(text);
  if (address.has_error()) return address;
  const char* kind = address->is_multicast()     ? "a multicast address"
                     : address->is_loopback()    ? "a loopback address"
                     : address->is_unspecified() ? "the unspecified address"
                     : is_special(*address)      ? "a reserved address"
                                                 : nullptr;
  if (kind == nullptr) return address;
  return Error{.what = address->to_string() + " is " + kind,
               .way_out = "use a unicast address of the front or heartbeat network"};
}

Result<MacAddress> parse_cluster_mac(std::string_view text) {
  Result<MacAddress> mac = MacAddress::parse(text);
  if (mac.has_error()) return mac;
  constexpr const char* kWayOut = "use a locally administered multicast address like 03:00:5e:11:11:11";
  if (!mac->is_multicast()) {
    return Error{.what = mac->to_string() + " is not a multicast address, so a switch would send it to one port only",
                 .way_out = kWayOut};
  }
  if (const char* use = special_mac_use(*mac))
    return Error{.what = mac->to_string() + " is " + use, .way_out = kWayOut};
  return mac;
}

}  // namespace relais::config
