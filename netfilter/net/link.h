// Network interfaces: what the node has.
#pragma once

#include "base/address.h"
#include "base/ids.h"
#include "base/result.h"

#include <cstdint>
#include <string>

namespace relais::netfilter {

enum class LinkState : std::uint8_t { down, no_carrier, up };  // administratively down; up without carrier; up

struct Link {
  IfIndex index;
  std::string name;
  MacAddress mac;
  LinkState state = LinkState::down;
  std::uint32_t mtu = 0;
  bool operator==(const Link&) const = default;
};

// The interface of this name in the calling thread's network namespace.
Result<Link> find_link(const std::string& name);

}  // namespace relais::netfilter
