// Text to addresses and back: inet_pton and inet_ntop do the work.
#include "base/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace relais {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

Result<MacAddress> MacAddress::parse(std::string_view text) {
  const Error bad{.what = "\"" + std::string(text) + "\" is not a MAC address",
                  .way_out = "write six bytes in hexadecimal, like 03:00:5e:11:11:11"};
  if (text.size() != 17) return bad;
  std::array<std::uint8_t, 6> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = hex_digit(text[3 * i]);
    const int low = hex_digit(text[3 * i + 1]);
    if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':')) return bad;
    bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return MacAddress(bytes);
}

std::string MacAddress::to_string() const {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", bytes_[0], bytes_[1], bytes_[2], bytes_[3],
                bytes_[4], bytes_[5]);
  return text;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  const bool whole = text.find('\0') == std::string_view::npos;  // inet_pton would read only what stands before it
  IpAddress address;
  if (whole && inet_pton(AF_INET, terminated.c_str(), address.bytes_.data()) == 1) return address;
  address.family_ = IpFamily::v6;
  if (whole && inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) == 1) return address;
  return Error{.what = "\"" + terminated + "\" is not an IP address",
               .way_out = "write an IPv4 address like 198.51.100.100 or an IPv6 address like 2001:db8:1::100"};
}

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) {
  IpAddress address;
  std::ranges::copy(bytes, address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
  IpAddress address;
  address.family_ = IpFamily::v6;
  address.bytes_ = bytes;
  return address;
}

bool IpAddress::is_multicast() const {
  return family_ == IpFamily::v4 ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
}

bool IpAddress::is_loopback() const {
  if (family_ == IpFamily::v4) return bytes_[0] == 127;
  constexpr std::array<std::uint8_t, 16> loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return bytes_ == loopback;
}

bool IpAddress::is_ipv4_mapped() const {
  constexpr std::array<std::uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return family_ == IpFamily::v6 && std::equal(prefix.begin(), prefix.end(), bytes_.begin());
}

bool IpAddress::is_unspecified() const { return bytes_ == std::array<std::uint8_t, 16>{}; }

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(family_ == IpFamily::v4 ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
  return text;
}

std::optional<VipId> find_vip(std::span<const IpAddress> vips, const IpAddress& address) {
  const auto found = std::ranges::find(vips, address);
  if (found == vips.end()) return std::nullopt;
  return VipId(static_cast<std::uint8_t>(found - vips.begin()));
}

}  // namespace relais
