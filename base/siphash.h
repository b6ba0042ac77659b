// SipHash-1-3, keyed, 64-bit output, for one IPv4 or IPv6 address: the C++ twin of netfilter/bpf's (same test vectors,
// tests/unit/netfilter/siphash_vectors.h). Source: Aumasson & Bernstein, "SipHash: a fast short-input PRF", c=1, d=3.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace relais {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
  bool operator==(const SipKey&) const = default;
};

// Hash of any bytes; little-endian words as the specification says, on every machine.
inline std::uint64_t siphash13(const SipKey& key, std::span<const std::uint8_t> bytes) {
  std::uint64_t v0 = 0x736f6d6570736575ULL ^ key.k0;
  std::uint64_t v1 = 0x646f72616e646f6dULL ^ key.k1;
  std::uint64_t v2 = 0x6c7967656e657261ULL ^ key.k0;
  std::uint64_t v3 = 0x7465646279746573ULL ^ key.k1;
  // A line per pair of words, as the paper draws it.
  // clang-format off
  const auto round = [&] {
    v0 += v1; v1 = std::rotl(v1, 13); v1 ^= v0; v0 = std::rotl(v0, 32);
    v2 += v3; v3 = std::rotl(v3, 16); v3 ^= v2;
    v0 += v3; v3 = std::rotl(v3, 21); v3 ^= v0;
    v2 += v1; v1 = std::rotl(v1, 17); v1 ^= v2; v2 = std::rotl(v2, 32);
  };
  // clang-format on
  const auto word_at = [&](std::size_t offset, std::size_t count) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < count; ++i) word |= std::uint64_t{bytes[offset + i]} << (8 * i);
    return word;
  };
  std::size_t offset = 0;
  for (; offset + 8 <= bytes.size(); offset += 8) {
    const std::uint64_t word = word_at(offset, 8);
    v3 ^= word;
    round();
    v0 ^= word;
  }
  const std::uint64_t last = (std::uint64_t{bytes.size()} << 56) | word_at(offset, bytes.size() - offset);
  v3 ^= last;
  round();
  v0 ^= last;
  v2 ^= 0xff;
  round();
  round();
  round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace relais
