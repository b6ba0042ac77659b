// Client sockets of the probe: from a given source address, without blocking, without a port reserved before the
// connect.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "lab/probe/addresses.h"

#include <cstdint>
#include <optional>
#include <string>

namespace relais::probe {

// A TCP socket bound to `source` whose connect to the target has begun. The source port is chosen at connect
// (IP_BIND_ADDRESS_NO_PORT), so that ports are shared between targets and TIME_WAIT does not use them up.
Result<UniqueFd> begin_connect(const IpAddress& source, const SocketAddress& target);

// A UDP socket bound to `source` and connected to the target.
Result<UniqueFd> open_udp(const IpAddress& source, const SocketAddress& target);

// After EPOLLOUT: 0 if the connect succeeded, else its errno.
int connect_error(int fd);

// How a connect that has succeeded went, as the kernel saw it.
struct Handshake {
  std::uint8_t retransmitted = 0;    // SYNs that were sent again, at most 255
  std::optional<Duration> duration;  // SYN to SYN-ACK, if the SYN was sent once: free of the probe's own delays
};
Handshake handshake_of(int fd);  // before anything is sent

// The name that a server says first: all before the first newline of `received`; empty while it is incomplete.
std::string server_name(const std::string& received);

}  // namespace relais::probe
