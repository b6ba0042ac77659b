// Talks sock_diag: a dump per family (IPv4 connections of dual-stack listeners are in the IPv6 one), one request per
// reset.
#include "netfilter/net/flows.h"

#include <linux/sock_diag.h>
#include <netlink/msg.h>

#include <algorithm>

namespace relais::netfilter {
namespace {

NlMessage diag_message(int type, inet_diag_req_v2 request) {
  NlMessage message(nlmsg_alloc_simple(type, NLM_F_REQUEST));
  if (message) nlmsg_append(message.get(), &request, sizeof(request), NLMSG_ALIGNTO);
  return message;
}

std::span<const std::uint8_t> payload_of(const nlmsghdr& header) {
  return {static_cast<const std::uint8_t*>(nlmsg_data(&header)), static_cast<std::size_t>(nlmsg_datalen(&header))};
}

}  // namespace

FlowCounts count_flows(std::span<const Flow> flows, std::span<const IpAddress> vips, const SipKey& key) {
  FlowCounts counts(vips.size());
  for (const Flow& flow : flows) {
    const std::optional<VipId> vip = find_vip(vips, flow.vip);
    if (vip) ++counts[vip->value()][bucket_of(key, flow.client).value()];
  }
  return counts;
}

Result<FlowInspector> FlowInspector::open() {
  auto socket = NetlinkSocket::open(NETLINK_SOCK_DIAG);
  if (!socket) return std::move(socket).error();
  return FlowInspector(std::move(*socket));
}

Result<> FlowInspector::collect(SocketFamily family, std::span<const IpAddress> vips, std::vector<Flow>& flows) {
  const auto message = diag_message(SOCK_DIAG_BY_FAMILY, dump_request(family));
  if (!message) return system_error("cannot build a sock_diag request", ENOMEM);
  const int error = socket_.dump(message, [&](const nlmsghdr& header) {
    const auto flow = decode_flow(payload_of(header));
    if (flow && std::ranges::find(vips, flow->vip) != vips.end()) flows.push_back(*flow);
  });
  if (error == 0) return {};
  return system_error("cannot list TCP connections", error, "the kernel needs CONFIG_INET_DIAG (module tcp_diag)");
}

Result<std::vector<Flow>> FlowInspector::list(std::span<const IpAddress> vips) {
  std::vector<Flow> flows;
  for (const SocketFamily family : {SocketFamily::v4, SocketFamily::v6}) {
    auto collected = collect(family, vips, flows);
    if (!collected) return std::move(collected).error();
  }
  return flows;
}

Result<FlowCounts> FlowInspector::count(std::span<const IpAddress> vips, const SipKey& key) {
  const auto flows = list(vips);
  if (!flows) return flows.error();
  return count_flows(*flows, vips, key);
}

Result<std::uint32_t> FlowInspector::destroy(std::span<const Flow> flows) {
  std::uint32_t destroyed = 0;
  for (const Flow& flow : flows) {
    const auto message = diag_message(SOCK_DESTROY, destroy_request(flow));
    const int error = message ? socket_.request(message) : ENOMEM;
    if (error == 0) ++destroyed;
    if (error != 0 && error != ENOENT) {  // ENOENT: it ended by itself
      return system_error("cannot reset the connection of " + flow.client.to_string(), error,
                          "run as root; the kernel needs CONFIG_INET_DIAG_DESTROY");
    }
  }
  return destroyed;
}

}  // namespace relais::netfilter
