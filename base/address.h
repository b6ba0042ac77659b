// MAC and IP addresses as values, in network byte order.
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "base/siphash.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace relais {

class MacAddress {
 public:
  constexpr MacAddress() = default;
  constexpr explicit MacAddress(std::array<std::uint8_t, 6> bytes) : bytes_(bytes) {}

  // "03:00:5e:11:11:11"; anything else is an error that shows the form.
  static Result<MacAddress> parse(std::string_view text);

  constexpr const std::array<std::uint8_t, 6>& bytes() const { return bytes_; }
  constexpr bool is_multicast() const { return (bytes_[0] & 1) != 0; }
  std::string to_string() const;
  constexpr auto operator<=>(const MacAddress&) const = default;

 private:
  std::array<std::uint8_t, 6> bytes_{};
};

enum class IpFamily : std::uint8_t { v4 = 4, v6 = 6 };

class IpAddress {
 public:
  constexpr IpAddress() = default;

  // Dotted IPv4 or IPv6 text (RFC 4291); no prefix length, no zone.
  static Result<IpAddress> parse(std::string_view text);
  static IpAddress v4(std::array<std::uint8_t, 4> bytes);
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);

  IpFamily family() const { return family_; }
  // 4 or 16 bytes, network order.
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), family_ == IpFamily::v4 ? 4U : 16U}; }
  bool is_multicast() const;
  bool is_loopback() const;
  bool is_unspecified() const;
  bool is_ipv4_mapped() const;  // ::ffff:192.0.2.1, an IPv4 address in IPv6's clothes: never in a packet
  std::string to_string() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  IpFamily family_ = IpFamily::v4;
  std::array<std::uint8_t, 16> bytes_{};  // unused tail is zero, so == compares values
};

// Which of the configured VIPs has this address, if any.
std::optional<VipId> find_vip(std::span<const IpAddress> vips, const IpAddress& address);

// The slice of a VIP's clients that `client` belongs to. Same result in the data plane.
inline BucketId bucket_of(const SipKey& cluster_key, const IpAddress& client) {
  return BucketId(static_cast<std::uint8_t>(siphash13(cluster_key, client.bytes()) & (kBuckets - 1)));
}

}  // namespace relais
