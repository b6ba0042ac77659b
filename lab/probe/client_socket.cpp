// Client sockets of the probe.
#include "lab/probe/client_socket.h"

#include <netinet/tcp.h>

#include <algorithm>

namespace relais::probe {

namespace {

Result<UniqueFd> bound_socket(const IpAddress& source, int type) {
  const int family = source.family() == IpFamily::v4 ? AF_INET : AF_INET6;
  UniqueFd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("cannot make a socket", errno, "raise the limit of open files (ulimit -n)");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (type == SOCK_STREAM) setsockopt(fd.get(), SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  const auto local = socket_address(source, 0);
  if (::bind(fd.get(), local.pointer(), local.length) != 0) {
    return system_error("cannot use the source address " + source.to_string(), errno,
                        "run the probe with lab/lab probe");
  }
  return fd;
}

}  // namespace

Result<UniqueFd> begin_connect(const IpAddress& source, const SocketAddress& target) {
  auto fd = bound_socket(source, SOCK_STREAM);
  if (!fd) return fd;
  const int on = 1;
  setsockopt(fd->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd->get(), target.pointer(), target.length) != 0 && errno != EINPROGRESS) {
    return system_error("cannot connect from " + source.to_string());
  }
  return fd;
}

Result<UniqueFd> open_udp(const IpAddress& source, const SocketAddress& target) {
  auto fd = bound_socket(source, SOCK_DGRAM);
  if (!fd) return fd;
  if (::connect(fd->get(), target.pointer(), target.length) != 0) {
    return system_error("cannot connect from " + source.to_string());
  }
  return fd;
}

int connect_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

Handshake handshake_of(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return {};
  Handshake handshake;
  handshake.retransmitted = static_cast<std::uint8_t>(std::min<std::uint32_t>(info.tcpi_total_retrans, 255));
  // The first sample of the round-trip time is the SYN's; of a SYN that was sent again it would be the last one's.
  if (info.tcpi_total_retrans == 0 && info.tcpi_rtt > 0) handshake.duration = std::chrono::microseconds(info.tcpi_rtt);
  return handshake;
}

std::string server_name(const std::string& received) {
  const auto end = received.find('\n');
  return end == std::string::npos ? std::string() : received.substr(0, end);
}

}  // namespace relais::probe
