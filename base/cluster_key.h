// The cluster's secret, and the keys that are derived from it. The file is the same on every node.
#pragma once

#include "base/result.h"
#include "base/siphash.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

namespace relais {

class ClusterKey {
 public:
  static constexpr std::size_t kMinimumBytes = 32;

  // Hex digits, at least 64, spaces and line ends ignored.
  static Result<ClusterKey> parse(std::string_view text);

  // Reads a key file. An error, with the command that repairs it, if the file is missing, too short, or open to others.
  static Result<ClusterKey> read(const std::filesystem::path& path);

  // HKDF-SHA256 (RFC 5869) of the secret, no salt; another label gives an unrelated key.
  std::vector<std::uint8_t> derive(std::string_view label, std::size_t bytes) const;

  // The key of bucket_of(): which slice of the clients an address belongs to.
  SipKey bucket_hash_key() const;

  // Corosync's authkey, as long as corosync-keygen makes it.
  std::vector<std::uint8_t> corosync_authkey() const;

 private:
  explicit ClusterKey(std::vector<std::uint8_t> secret) : secret_(std::move(secret)) {}
  std::vector<std::uint8_t> secret_;
};

}  // namespace relais
