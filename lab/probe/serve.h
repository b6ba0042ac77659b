// The server that the lab's nodes run: says its name, then echoes. It survives whatever clients do.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>

namespace relais::probe {

struct ServeOptions {
  std::string name;
  std::uint16_t port = 7000;
};

// TCP and UDP, IPv4 and IPv6, all addresses. TCP: "NAME\n" on connect, then every byte comes back. UDP: "NAME
// DATAGRAM", from the address that was asked. Returns only if it cannot start; otherwise ends with the process.
Error serve(const ServeOptions& options);

}  // namespace relais::probe
