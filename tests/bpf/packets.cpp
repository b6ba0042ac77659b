// Frames from their parts.
#include "tests/bpf/packets.h"

namespace relais::test {
namespace {

Bytes with_checksum(const Endpoints& endpoints, std::uint8_t protocol, Bytes message, std::size_t offset) {
  const std::uint16_t sum = transport_checksum(endpoints, protocol, message);
  message[offset] = static_cast<std::uint8_t>(sum >> 8);
  message[offset + 1] = static_cast<std::uint8_t>(sum);
  return message;
}

Bytes build_ipv4(const Ip& packet) {
  const auto header_words = static_cast<std::uint8_t>(5 + packet.options.size() / 4);
  const auto length = static_cast<std::uint16_t>(header_words * 4U + packet.payload.size());
  Bytes header = Bytes{static_cast<std::uint8_t>(0x40 | header_words), 0} + big_endian16(length) + big_endian16(1) +
                 big_endian16(packet.fragment) + Bytes{64, packet.protocol, 0, 0} + bytes_of(packet.from) +
                 bytes_of(packet.to) + packet.options;
  const std::uint16_t sum = checksum(header);
  header[10] = static_cast<std::uint8_t>(sum >> 8);
  header[11] = static_cast<std::uint8_t>(sum);
  return header + packet.payload;
}

Bytes build_ipv6(const Ip& packet) {
  const std::uint8_t hop_limit = packet.protocol == kIcmp6 ? 255 : 64;  // what NDP must have
  return Bytes{0x60, 0, 0, 0} + big_endian16(static_cast<std::uint16_t>(packet.payload.size())) +
         Bytes{packet.protocol, hop_limit} + bytes_of(packet.from) + bytes_of(packet.to) + packet.payload;
}

Bytes wrap(const Endpoints& endpoints, std::uint8_t protocol, Bytes payload) {
  return build(Ip{.from = endpoints.from,
                  .to = endpoints.to,
                  .protocol = protocol,
                  .fragment = 0,
                  .options = {},
                  .payload = std::move(payload)});
}

}  // namespace

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Bytes big_endian16(std::uint16_t value) {
  return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
}

Bytes big_endian32(std::uint32_t value) {
  return big_endian16(static_cast<std::uint16_t>(value >> 16)) + big_endian16(static_cast<std::uint16_t>(value));
}

Bytes bytes_of(const IpAddress& address) { return {address.bytes().begin(), address.bytes().end()}; }

Bytes bytes_of(const MacAddress& mac) { return {mac.bytes().begin(), mac.bytes().end()}; }

std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += static_cast<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::uint16_t transport_checksum(const Endpoints& endpoints, std::uint8_t protocol, const Bytes& message) {
  if (protocol == kIcmp) return checksum(message);
  const Bytes pseudo_header = bytes_of(endpoints.from) + bytes_of(endpoints.to) +
                              big_endian32(static_cast<std::uint32_t>(message.size())) + big_endian32(protocol);
  return checksum(pseudo_header + message);
}

Bytes build(const Ethernet& frame) {
  const bool is_v4 = !frame.payload.empty() && frame.payload[0] >> 4 == 4;
  const std::uint16_t type = frame.type != 0 ? frame.type : static_cast<std::uint16_t>(is_v4 ? 0x0800 : 0x86dd);
  return bytes_of(frame.to) + bytes_of(frame.from) + big_endian16(type) + frame.payload;
}

Bytes build(const Ip& packet) { return packet.from.family() == IpFamily::v4 ? build_ipv4(packet) : build_ipv6(packet); }

Bytes build(const Endpoints& endpoints, const Tcp& segment) {
  const Bytes message = big_endian16(segment.from) + big_endian16(segment.to) + big_endian32(segment.sequence) +
                        big_endian32(segment.acknowledgement) + Bytes{0x50, segment.flags} + big_endian16(0xfff0) +
                        Bytes{0, 0, 0, 0} + segment.payload;
  return wrap(endpoints, kTcp, with_checksum(endpoints, kTcp, message, 16));
}

Bytes build_udp(const Endpoints& endpoints, std::uint16_t from_port, std::uint16_t to_port) {
  const Bytes message = big_endian16(from_port) + big_endian16(to_port) + big_endian16(12) + Bytes{0, 0, 1, 2, 3, 4};
  return wrap(endpoints, kUdp, with_checksum(endpoints, kUdp, message, 6));
}

Bytes build(const Endpoints& endpoints, const Icmp& message) {
  const std::uint8_t protocol = endpoints.from.family() == IpFamily::v4 ? kIcmp : kIcmp6;
  const Bytes plain = Bytes{message.type, message.code, 0, 0} + message.rest;
  return wrap(endpoints, protocol, with_checksum(endpoints, protocol, plain, 2));
}

Bytes build_icmp_error(const Endpoints& endpoints, std::uint8_t type, const Bytes& packet, std::size_t quoted_bytes) {
  Bytes quoted = packet;
  quoted.resize(std::min(quoted.size(), quoted_bytes));
  return build(endpoints, Icmp{.type = type, .code = 0, .rest = big_endian32(1280) + quoted});
}

Bytes extension(std::uint8_t next_header, std::uint8_t units) {
  Bytes header(std::size_t{8} * units);
  header[0] = next_header;
  header[1] = static_cast<std::uint8_t>(units - 1);
  return header;
}

Bytes fragment_header(std::uint8_t next_header, std::uint16_t offset, std::uint8_t more) {
  return Bytes{next_header, 0} + big_endian16(static_cast<std::uint16_t>(offset << 3 | more)) + big_endian32(7);
}

Bytes build(const Arp& packet) {
  return big_endian16(1) + big_endian16(0x0800) + Bytes{6, 4} + big_endian16(packet.operation) +
         bytes_of(packet.sender_mac) + bytes_of(packet.sender) + bytes_of(packet.target_mac) + bytes_of(packet.target);
}

}  // namespace relais::test
