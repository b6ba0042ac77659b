// The TCP connections of this node with the VIPs: list, count, reset. Cost: one dump of all TCP sockets of the
// network namespace per call (about a microsecond each).
#pragma once

#include "base/address.h"
#include "base/ids.h"
#include "base/result.h"
#include "netfilter/net/netlink_socket.h"
#include "netfilter/net/socket_diag.h"

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <vector>

namespace relais::netfilter {

using FlowCounts = std::vector<std::array<std::uint32_t, kBuckets>>;  // by position of the VIP, then by bucket

// Pure: how many of `flows` each VIP and bucket has.
FlowCounts count_flows(std::span<const Flow> flows, std::span<const IpAddress> vips, const SipKey& key);

class FlowInspector {
 public:
  // For the network namespace of the calling thread at this moment.
  static Result<FlowInspector> open();

  // Connections in any state but LISTEN, TIME_WAIT and CLOSE whose local address is one of `vips`.
  Result<std::vector<Flow>> list(std::span<const IpAddress> vips);
  Result<FlowCounts> count(std::span<const IpAddress> vips, const SipKey& key);

  // Resets these connections (SOCK_DESTROY: both ends are told, but of a half-open connection nobody); returns how many
  // there still were. Needs CAP_NET_ADMIN and a kernel with CONFIG_INET_DIAG_DESTROY. The RST leaves only under a valid
  // lease.
  Result<std::uint32_t> destroy(std::span<const Flow> flows);

 private:
  explicit FlowInspector(NetlinkSocket socket) : socket_(std::move(socket)) {}
  Result<> collect(SocketFamily family, std::span<const IpAddress> vips, std::vector<Flow>& flows);
  NetlinkSocket socket_;
};

}  // namespace relais::netfilter
