// The packets of a SYN flood, as bytes. Pure.
#pragma once

#include "base/address.h"

#include <array>
#include <cstdint>
#include <span>

namespace relais::probe {

struct Opener {
  IpAddress source;
  IpAddress target;  // of the same family
  std::uint16_t source_port = 0;
  std::uint16_t target_port = 0;
  std::uint32_t sequence = 0;
};

// A whole IP packet: header and a TCP SYN with the options of an ordinary client (MSS 1460, SACK, window scale 7).
class OpenerPacket {
 public:
  explicit OpenerPacket(const Opener& opener);
  std::span<const std::uint8_t> bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<std::uint8_t, 72> bytes_{};
  std::size_t size_ = 0;
};

}  // namespace relais::probe
