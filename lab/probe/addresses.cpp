// Source and target addresses of the probe.
#include "lab/probe/addresses.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace relais::probe {

namespace {

constexpr std::size_t kMaxRange = 65536;

Error bad_range(std::string_view text) {
  return Error{.what = "'" + std::string(text) + "' is no address or range of addresses",
               .way_out = "for example 203.0.113.10-249 or 2001:db8:2::100-1ef"};
}

// The address whose last group (8 bits of IPv4, 16 of IPv6) is `group`.
IpAddress with_last_group(const IpAddress& address, std::uint32_t group) {
  const auto bytes = address.bytes();
  if (address.family() == IpFamily::v4) {
    return IpAddress::v4({bytes[0], bytes[1], bytes[2], static_cast<std::uint8_t>(group)});
  }
  std::array<std::uint8_t, 16> copy{};
  std::copy(bytes.begin(), bytes.end(), copy.begin());
  copy[14] = static_cast<std::uint8_t>(group >> 8);
  copy[15] = static_cast<std::uint8_t>(group);
  return IpAddress::v6(copy);
}

std::uint32_t last_group(const IpAddress& address) {
  const auto bytes = address.bytes();
  return address.family() == IpFamily::v4 ? bytes[3] : (std::uint32_t{bytes[14]} << 8) | bytes[15];
}

}  // namespace

SocketAddress socket_address(const IpAddress& address, std::uint16_t port) {
  SocketAddress result;
  const auto bytes = address.bytes();
  if (address.family() == IpFamily::v4) {
    sockaddr_in inet{};
    inet.sin_family = AF_INET;
    inet.sin_port = htons(port);
    std::memcpy(&inet.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&result.storage, &inet, sizeof inet);
    result.length = sizeof inet;
  } else {
    sockaddr_in6 inet{};
    inet.sin6_family = AF_INET6;
    inet.sin6_port = htons(port);
    std::memcpy(&inet.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&result.storage, &inet, sizeof inet);
    result.length = sizeof inet;
  }
  return result;
}

Result<std::vector<IpAddress>> parse_range(std::string_view text) {
  const auto dash = text.find('-');
  const auto first = IpAddress::parse(text.substr(0, dash));
  if (!first) return bad_range(text);
  std::uint32_t end = last_group(*first);
  if (dash != std::string_view::npos) {
    const auto digits = text.substr(dash + 1);
    const int base = first->family() == IpFamily::v4 ? 10 : 16;
    const auto [stop, code] = std::from_chars(digits.data(), digits.data() + digits.size(), end, base);
    const std::uint32_t highest = first->family() == IpFamily::v4 ? 255 : 0xffff;
    if (code != std::errc{} || stop != digits.data() + digits.size() || end > highest) return bad_range(text);
  }
  if (end < last_group(*first) || end - last_group(*first) >= kMaxRange) return bad_range(text);
  std::vector<IpAddress> addresses;
  for (std::uint32_t group = last_group(*first); group <= end; ++group) {
    addresses.push_back(with_last_group(*first, group));
  }
  return addresses;
}

Result<std::vector<Target>> make_targets(const std::vector<std::string>& vips, const std::vector<std::string>& ranges,
                                         std::uint16_t port) {
  std::vector<IpAddress> sources;
  for (const auto& range : ranges) {
    auto addresses = parse_range(range);
    if (!addresses) return std::move(addresses).error();
    sources.insert(sources.end(), addresses->begin(), addresses->end());
  }
  std::vector<Target> targets;
  for (const auto& text : vips) {
    auto vip = IpAddress::parse(text);
    if (!vip) return std::move(vip).error();
    Target target{.vip = *vip, .port = port, .sources = {}};
    for (const auto& source : sources) {
      if (source.family() == vip->family()) target.sources.push_back(source);
    }
    if (target.sources.empty()) {
      return Error{.what = "no source address of the family of " + text, .way_out = "name some with --sources"};
    }
    targets.push_back(std::move(target));
  }
  return targets;
}

std::vector<Path> spread(const std::vector<Target>& targets, std::size_t count) {
  std::vector<Path> paths;
  for (std::size_t i = 0; i < count; ++i) {
    const Target& target = targets[i % targets.size()];
    const std::size_t of_target = i / targets.size();
    const std::size_t step = std::max<std::size_t>(1, target.sources.size() * targets.size() / count);
    const IpAddress& source = target.sources[of_target * step % target.sources.size()];
    paths.push_back({.source = source, .target = socket_address(target.vip, target.port)});
  }
  return paths;
}

}  // namespace relais::probe
