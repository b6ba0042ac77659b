// Source and target addresses of the probe.
#pragma once

#include "base/address.h"
#include "base/result.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relais::probe {

// An address as the socket calls want it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* pointer() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const IpAddress& address, std::uint16_t port);

// "203.0.113.10", "203.0.113.10-249" or "2001:db8:2::100-1ef": the last group may be a range, in the address's own
// base.
Result<std::vector<IpAddress>> parse_range(std::string_view text);

// Where load goes: one VIP with all sources of its family.
struct Target {
  IpAddress vip;
  std::uint16_t port = 0;
  std::vector<IpAddress> sources;
};

// Pairs every VIP with the sources of its family. Errors: bad text, a VIP without sources.
Result<std::vector<Target>> make_targets(const std::vector<std::string>& vips, const std::vector<std::string>& ranges,
                                         std::uint16_t port);

// From where to where one connection goes.
struct Path {
  IpAddress source;
  SocketAddress target;
};

// `count` paths, spread evenly over the targets and over the sources of each.
std::vector<Path> spread(const std::vector<Target>& targets, std::size_t count);

}  // namespace relais::probe
