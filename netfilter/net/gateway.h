// The way out of the front network: which gateways the routes name, and whether one answers. Asked by ARP (IPv4: every
// host must answer that) and by ICMPv6 echo (IPv6, through the kernel's neighbour table), from the node's own address:
// a question from a VIP would be answered to all nodes.
#pragma once

#include "base/address.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/unique_fd.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace relais::netfilter {

// The next hops of the main table's default routes through the interface. Cost: one dump of the routes; may wait for
// the kernel's network lock.
Result<std::vector<IpAddress>> default_gateways(IfIndex interface, IpFamily family);

// Who asks whom. `own` is an address of the interface, of the gateway's family.
struct GatewayQuestion {
  IfIndex interface;
  MacAddress mac;  // of the interface
  IpAddress own;
  IpAddress gateway;
  bool operator==(const GatewayQuestion&) const = default;
};

using ArpPacket = std::array<std::uint8_t, 28>;

// RFC 826. Pure.
ArpPacket arp_request(const GatewayQuestion& question);
// The gateway's MAC, if these bytes are its answer. Pure.
std::optional<MacAddress> arp_answer(const GatewayQuestion& question, std::span<const std::uint8_t> packet);

class GatewayProbe {
 public:
  // For the network namespace of the calling thread at this moment. Needs CAP_NET_RAW.
  static Result<GatewayProbe> open(const GatewayQuestion& question);

  // Sends one question. That it could not be sent shows as an answer that does not come.
  void ask();
  // Readable when something came; never blocks.
  int fd() const { return socket_.get(); }
  // Takes in what came: true if the gateway's answer to the last question was among it.
  bool has_answered();

 private:
  GatewayProbe(UniqueFd socket, const GatewayQuestion& question) : socket_(std::move(socket)), question_(question) {}
  void ask_arp();
  void ask_echo();
  bool is_answer(std::span<const std::uint8_t> packet);

  UniqueFd socket_;
  GatewayQuestion question_;
  // Asked alone as long as it answers, so that the question is no broadcast for everybody in the network.
  std::optional<MacAddress> gateway_mac_;
  std::uint16_t sequence_ = 0;
};

}  // namespace relais::netfilter
