// A connection opener as the kernel's queue hands it over: from its IP header on. Pure.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <optional>
#include <span>

namespace relais::netfilter {

struct OpenerPacket {
  IpAddress client;
  IpAddress vip;
  std::uint16_t client_port = 0;
  std::uint16_t vip_port = 0;
  std::uint32_t first_number = 0;  // sequence number
  bool operator==(const OpenerPacket&) const = default;
};

// nullopt: no TCP SYN over IPv4 or IPv6, or cut off before its sequence number. As netfilter/bpf/parse.h, it goes past
// four extension headers at most.
std::optional<OpenerPacket> decode_opener(std::span<const std::uint8_t> packet);

}  // namespace relais::netfilter
