// Tickles: a bare ACK from a VIP to a client whose connection is dead here. The client answers with its own numbers, as
// RFC 9293 3.10.7.4 asks of a segment outside of the window; this machine knows no such connection and resets it. (A
// reset sent at once would not do: without the client's numbers it is ignored.)
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "base/unique_fd.h"

#include <cstdint>
#include <span>
#include <vector>

namespace relais::netfilter {

// A client's side of a connection with a VIP; both addresses are of one family.
struct TickleTarget {
  IpAddress vip;
  std::uint16_t vip_port = 0;
  IpAddress client;
  std::uint16_t client_port = 0;
  bool operator==(const TickleTarget&) const = default;
};

// The packet, from the IP header on. Pure.
std::vector<std::uint8_t> tickle_packet(const TickleTarget& target);

class TickleSender {
 public:
  // For the network namespace of the calling thread at this moment. Needs CAP_NET_RAW.
  static Result<TickleSender> open();

  // Sends one to each, in bursts that no queue on the way overflows from: 20,000 take about 0.4 s, so this is for a
  // thread that may wait. Returns how many were sent; the rest had no route or no buffer. They leave only under a valid
  // lease.
  std::size_t send(std::span<const TickleTarget> targets);

 private:
  TickleSender(UniqueFd ipv4, UniqueFd ipv6) : ipv4_(std::move(ipv4)), ipv6_(std::move(ipv6)) {}
  UniqueFd ipv4_;
  UniqueFd ipv6_;
};

}  // namespace relais::netfilter
