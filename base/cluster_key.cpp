// The cluster's secret: see cluster_key.h.
#include "base/cluster_key.h"

#include "base/invariant.h"
#include "base/unique_fd.h"

#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sys/stat.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

namespace relais {
namespace {

constexpr std::size_t kMaximumFileBytes = 4096;
constexpr std::size_t kAuthkeyBytes = 256;
constexpr mode_t kForbiddenMode = S_IWGRP | S_IRWXO;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string how_to_make(const std::string& path) {
  return "make one with: (umask 077; openssl rand -hex 32 > " + path + "), then copy it to every node";
}

Result<std::string> read_limited(int fd, const std::string& path) {
  std::string text(kMaximumFileBytes, '\0');
  std::size_t used = 0;
  while (used < text.size()) {
    const ssize_t count = ::read(fd, text.data() + used, text.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("cannot read the cluster key " + path);
    if (count == 0) break;
    used += static_cast<std::size_t>(count);
  }
  text.resize(used);
  return Result<std::string>(boost::system::in_place_value, std::move(text));
}

}  // namespace

Result<ClusterKey> ClusterKey::parse(std::string_view text) {
  std::vector<std::uint8_t> secret;
  int high = -1;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') continue;
    const int digit = hex_digit(c);
    if (digit < 0) return Error{.what = "the cluster key holds something that is no hex digit"};
    if (high >= 0) secret.push_back(static_cast<std::uint8_t>(high * 16 + digit));
    high = high >= 0 ? -1 : digit;
  }
  if (high >= 0) return Error{.what = "the cluster key has an odd number of hex digits"};
  if (secret.size() < kMinimumBytes) {
    return Error{.what = "the cluster key has " + std::to_string(2 * secret.size()) + " hex digits, fewer than " +
                         std::to_string(2 * kMinimumBytes)};
  }
  return ClusterKey(std::move(secret));
}

Result<ClusterKey> ClusterKey::read(const std::filesystem::path& path) {
  const std::string name = path.string();
  const UniqueFd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error("cannot open the cluster key " + name, errno, how_to_make(name));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error("cannot stat the cluster key " + name);
  if ((status.st_mode & kForbiddenMode) != 0) {
    return Error{.what = "the cluster key " + name + " is open to other users", .way_out = "chmod 600 " + name};
  }
  const auto text = read_limited(file.get(), name);
  if (!text) return text.error();
  auto key = parse(*text);
  if (!key) {
    Error error = key.error().with_context(name);
    error.way_out = how_to_make(name);
    return error;
  }
  return key;
}

std::vector<std::uint8_t> ClusterKey::derive(std::string_view label, std::size_t bytes) const {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr), &EVP_KDF_free);
  INVARIANT(kdf != nullptr, "OpenSSL has HKDF");
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf.get()),
                                                                          &EVP_KDF_CTX_free);
  INVARIANT(context != nullptr, "OpenSSL has memory for HKDF");
  std::string digest = "SHA256";
  std::string info(label);
  std::vector<std::uint8_t> secret = secret_;
  const std::array<OSSL_PARAM, 4> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
  std::vector<std::uint8_t> derived(bytes);
  INVARIANT(EVP_KDF_derive(context.get(), derived.data(), derived.size(), parameters.data()) == 1,
            "HKDF gives up to 8160 bytes");
  return derived;
}

SipKey ClusterKey::bucket_hash_key() const {
  const std::vector<std::uint8_t> bytes = derive("relais bucket hash v1", 16);
  SipKey key;
  for (std::size_t i = 0; i < 8; ++i) {
    key.k0 |= std::uint64_t{bytes[i]} << (8 * i);
    key.k1 |= std::uint64_t{bytes[8 + i]} << (8 * i);
  }
  return key;
}

std::vector<std::uint8_t> ClusterKey::corosync_authkey() const {
  return derive("relais corosync authkey v1", kAuthkeyBytes);
}

}  // namespace relais
