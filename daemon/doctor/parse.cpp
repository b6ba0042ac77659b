// Parsers of small text files.
#include "daemon/doctor/parse.h"

#include <array>
#include <charconv>
#include <sstream>

namespace relais::doctor {
namespace {

template <class Number>
std::optional<Number> to_number(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

template <std::size_t count>
std::optional<std::array<std::uint8_t, count>> bytes_of(std::string_view hex) {
  if (hex.size() != 2 * count) return std::nullopt;
  std::array<std::uint8_t, count> bytes{};
  for (std::size_t i = 0; i < count; ++i) {
    const auto byte = to_number<std::uint8_t>(hex.substr(2 * i, 2), 16);
    if (!byte) return std::nullopt;
    bytes[i] = *byte;
  }
  return bytes;
}

std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r") - first + 1));
}

void set_in_totem(RingFacts& ring, const std::string& key, const std::string& value) {
  if (key == "token") ring.token_ms = to_number<std::uint32_t>(value);
  if (key == "token_coefficient") ring.token_coefficient_ms = to_number<std::uint32_t>(value);
  if (key == "link_mode") ring.link_mode = value;
  if (key == "crypto_cipher") ring.cipher = value;
}

void set_in_link(RingFacts::Link& link, const std::string& key, const std::string& value) {
  if (key == "linknumber") link.number = to_number<std::uint32_t>(value).value_or(0);
  if (key == "knet_ping_interval") link.ping_interval_ms = to_number<std::uint32_t>(value);
  if (key == "knet_ping_timeout") link.ping_timeout_ms = to_number<std::uint32_t>(value);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// "N.N" or "N.N.N" at the start of the text.
std::optional<Release> release_at(std::string_view text) {
  std::array<std::uint32_t, 3> parts{};
  std::size_t found = 0;
  while (found < parts.size()) {
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), parts[found]);
    if (failed != std::errc{}) break;
    ++found;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    if (!text.starts_with('.')) break;
    text.remove_prefix(1);
  }
  if (found < 2) return std::nullopt;
  return Release{.major = parts[0], .minor = parts[1], .patch = parts[2]};
}

}  // namespace

std::optional<Release> parse_release(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool starts_number = is_digit(text[at]) && (at == 0 || !is_digit(text[at - 1]));
    if (!starts_number) continue;
    if (const auto release = release_at(text.substr(at))) return release;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_capabilities(std::string_view proc_status) {
  for (const std::string& line : lines_of(proc_status)) {
    const auto words = words_of(line);
    if (words.size() == 2 && words[0] == "CapEff:") return to_number<std::uint64_t>(words[1], 16);
  }
  return std::nullopt;
}

std::map<std::string, std::set<MacAddress>> parse_multicast(std::string_view dev_mcast) {
  std::map<std::string, std::set<MacAddress>> found;
  for (const std::string& line : lines_of(dev_mcast)) {
    const auto words = words_of(line);  // index, interface, users, global users, address
    if (words.size() != 5) continue;
    if (const auto bytes = bytes_of<6>(words[4])) found[words[1]].insert(MacAddress(*bytes));
  }
  return found;
}

std::map<std::string, std::vector<InterfaceAddress>> parse_inet6(std::string_view if_inet6) {
  constexpr std::uint32_t kDuplicate = 0x08;  // IFA_F_DADFAILED
  constexpr std::uint32_t kTentative = 0x40;  // IFA_F_TENTATIVE
  std::map<std::string, std::vector<InterfaceAddress>> found;
  for (const std::string& line : lines_of(if_inet6)) {
    const auto words = words_of(line);  // address, index, prefix length, scope, flags, interface; hexadecimal
    if (words.size() != 6) continue;
    const auto bytes = bytes_of<16>(words[0]);
    const auto prefix = to_number<std::uint32_t>(words[2], 16);
    const auto flags = to_number<std::uint32_t>(words[4], 16);
    if (!bytes || !prefix || !flags) continue;
    found[words[5]].push_back({.address = IpAddress::v6(*bytes),
                               .prefix_length = *prefix,
                               .duplicate = (*flags & kDuplicate) != 0,
                               .tentative = (*flags & kTentative) != 0});
  }
  return found;
}

std::map<std::string, bool> parse_kernel_options(std::string_view config) {
  std::map<std::string, bool> options;
  for (const std::string& line : lines_of(config)) {
    const std::size_t equals = line.find('=');
    if (!line.starts_with("CONFIG_") || equals == std::string::npos) continue;
    const std::string value = line.substr(equals + 1);
    if (value == "y" || value == "m") options[line.substr(0, equals)] = true;
  }
  return options;
}

RingFacts parse_corosync_conf(const std::string& path, std::string_view text) {
  RingFacts ring{.path = path};
  std::vector<std::string> sections;
  for (const std::string& raw : lines_of(text)) {
    const std::string line = trimmed(raw);
    if (line.empty() || line.starts_with("#")) continue;
    if (line.ends_with("{")) {
      sections.push_back(trimmed(std::string_view(line).substr(0, line.size() - 1)));
      if (sections == std::vector<std::string>{"totem", "interface"}) ring.links.emplace_back();
    } else if (line == "}") {
      if (!sections.empty()) sections.pop_back();
    } else if (const std::size_t colon = line.find(':'); colon != std::string::npos) {
      const std::string key = trimmed(std::string_view(line).substr(0, colon));
      const std::string value = trimmed(std::string_view(line).substr(colon + 1));
      if (sections == std::vector<std::string>{"totem"}) set_in_totem(ring, key, value);
      if (sections == std::vector<std::string>{"totem", "interface"}) set_in_link(ring.links.back(), key, value);
    }
  }
  return ring;
}

bool is_confidential(std::string_view lockdown) { return lockdown.find("[confidentiality]") != std::string_view::npos; }

std::string mounted_type(std::string_view mounts, std::string_view mount_point) {
  std::string type;
  for (const std::string& line : lines_of(mounts)) {
    const auto words = words_of(line);
    if (words.size() >= 3 && words[1] == mount_point) type = words[2];
  }
  return type;
}

std::string parse_verdict(std::string_view certutil) {
  constexpr std::string_view kOwnName = "certutil: ";
  const auto lines = lines_of(certutil);
  const std::string_view line = lines.empty() ? std::string_view("certutil says nothing") : lines.front();
  return trimmed(line.starts_with(kOwnName) ? line.substr(kOwnName.size()) : line);
}

std::optional<std::string> parse_subject(std::string_view certutil) {
  constexpr std::string_view kLabel = "Subject: \"";
  for (const std::string& raw : lines_of(certutil)) {
    const std::string line = trimmed(raw);
    if (line.starts_with(kLabel) && line.ends_with('"'))
      return line.substr(kLabel.size(), line.size() - kLabel.size() - 1);
  }
  return std::nullopt;
}

std::optional<std::string> parse_cpu_group(std::string_view proc_cgroup) {
  for (const std::string& line : lines_of(proc_cgroup)) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (controllers.find(",cpu,") != std::string::npos) return line.substr(second + 1);
  }
  return std::nullopt;
}

}  // namespace relais::doctor
