// TCP clients made by hand: their packets enter the kernel through a TUN device, its answers come out of it. So a
// connection can be stopped in any state, and its sequence numbers are known.
#pragma once

#include "base/unique_fd.h"
#include "tests/bpf/packets.h"

#include <optional>

namespace relais::test {

// A TUN device with the routes to 203.0.113.0/24 and 2001:db8:ffff::/48; both VIPs are on `lo`. One per network
// namespace.
class ClientNetwork {
 public:
  ClientNetwork();
  void send(const Bytes& packet);
  // The next TCP segment to `client`, or nullopt after 300 ms.
  struct Answer {
    std::uint32_t sequence = 0;
    std::uint32_t acknowledgement = 0;
    std::uint8_t flags = 0;
  };
  std::optional<Answer> receive(const IpAddress& client);

 private:
  UniqueFd device_;
};

// A listening TCP socket on `address` (IPv6 unspecified: dual-stack), with its port.
class Listener {
 public:
  explicit Listener(const IpAddress& address);
  std::uint16_t port() const { return port_; }
  UniqueFd accept();

 private:
  UniqueFd socket_;
  std::uint16_t port_ = 0;
};

class RawClient {
 public:
  RawClient(ClientNetwork& network, Endpoints endpoints, std::uint16_t own_port, std::uint16_t port)
      : network_(network), endpoints_(endpoints), own_port_(own_port), port_(port) {}

  // SYN out, SYN-ACK in. False if none came.
  bool open_half();
  // The ACK that ends the handshake.
  void complete() { network_.send(segment(kAck)); }
  bool close_after_peer();  // takes the peer's FIN, answers with ACK and FIN

  // A segment of this connection as the client would send it next; `acknowledgement_offset` makes it answer something
  // else.
  Bytes segment(std::uint8_t flags, std::uint32_t acknowledgement_offset = 0) const;
  // What the server sends on this connection.
  Bytes from_server(std::uint8_t flags) const;

 private:
  ClientNetwork& network_;
  Endpoints endpoints_;
  std::uint16_t own_port_;
  std::uint16_t port_;
  std::uint32_t sequence_ = 1000;
  std::uint32_t peer_next_ = 0;
};

}  // namespace relais::test
