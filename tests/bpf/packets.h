// Builds frames byte by byte, with correct lengths and checksums, for tests of the BPF programs.
#pragma once

#include "base/address.h"

#include <cstdint>
#include <span>
#include <vector>

namespace relais::test {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint8_t kIcmp = 1;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIcmp6 = 58;

inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kAck = 0x10;

// All builders return the packet with what is inside it; `payload` is the next layer.
struct Ethernet {
  MacAddress to;
  MacAddress from{{0x02, 0, 0, 0, 0, 0x99}};
  std::uint16_t type = 0;  // 0: by the version of the IP header in `payload`
  Bytes payload;
};
Bytes build(const Ethernet& frame);

struct Ip {
  IpAddress from;
  IpAddress to;
  std::uint8_t protocol = 0;
  std::uint16_t fragment = 0;  // IPv4: flags and offset
  Bytes options;               // IPv4: multiple of 4
  Bytes payload;
};
Bytes build(const Ip& packet);

struct Tcp {
  std::uint16_t from = 0;
  std::uint16_t to = 0;
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgement = 0;
  std::uint8_t flags = 0;
  Bytes payload;
};
struct Endpoints {
  IpAddress from;
  IpAddress to;
};
// The whole IP packet, because the checksum covers the addresses.
Bytes build(const Endpoints& endpoints, const Tcp& segment);
Bytes build_udp(const Endpoints& endpoints, std::uint16_t from_port, std::uint16_t to_port);

// ICMP or ICMPv6, by the family of the addresses; `rest` is what follows the checksum.
struct Icmp {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  Bytes rest;
};
Bytes build(const Endpoints& endpoints, const Icmp& message);
// An error that quotes the first `quoted_bytes` of `packet`.
Bytes build_icmp_error(const Endpoints& endpoints, std::uint8_t type, const Bytes& packet, std::size_t quoted_bytes);

// An IPv6 extension header of 8 * `units` bytes.
Bytes extension(std::uint8_t next_header, std::uint8_t units);
// An IPv6 fragment header; `offset` in units of 8 bytes.
Bytes fragment_header(std::uint8_t next_header, std::uint16_t offset, std::uint8_t more);

// RFC 826.
struct Arp {
  std::uint16_t operation = 1;
  MacAddress sender_mac;
  IpAddress sender;
  MacAddress target_mac;
  IpAddress target;
};
Bytes build(const Arp& packet);

Bytes operator+(Bytes left, const Bytes& right);
Bytes big_endian16(std::uint16_t value);
Bytes big_endian32(std::uint32_t value);
Bytes bytes_of(const IpAddress& address);
Bytes bytes_of(const MacAddress& mac);

// RFC 1071. 0xffff-complement sum of `bytes`; of a message that contains its own checksum: 0.
std::uint16_t checksum(std::span<const std::uint8_t> bytes);
// Of a transport message of an IP packet without options: 0 if it is right.
std::uint16_t transport_checksum(const Endpoints& endpoints, std::uint8_t protocol, const Bytes& message);

}  // namespace relais::test
