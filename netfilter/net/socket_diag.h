// sock_diag messages (linux/inet_diag.h): building requests and decoding answers. Pure; netfilter/net/flows.h does
// the talking.
#pragma once

#include "base/address.h"

#include <linux/inet_diag.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace relais::netfilter {

// linux/tcp_states.h (kernel only)
enum class TcpState : std::uint8_t {
  established = 1,
  syn_sent = 2,
  syn_received = 3,
  fin_wait_1 = 4,
  fin_wait_2 = 5,
  time_wait = 6,
  close = 7,
  close_wait = 8,
  last_ack = 9,
  listen = 10,
  closing = 11,
  new_syn_received = 12,  // a request socket
};

// The states in which a node has a connection to keep: all but LISTEN, TIME_WAIT and CLOSE.
std::uint32_t connection_states();

// Which sockets to dump: the kernel keeps IPv4 connections of a dual-stack listener among the IPv6 sockets.
enum class SocketFamily : std::uint8_t { v4, v6 };

// One TCP connection with a VIP of this node. IPv4 within IPv6 (::ffff:a.b.c.d) is IPv4 here.
struct Flow {
  IpAddress vip;
  std::uint16_t vip_port = 0;
  IpAddress client;
  std::uint16_t client_port = 0;
  TcpState state = TcpState::established;
  inet_diag_sockid id{};                   // what the kernel knows it by, to destroy it
  SocketFamily family = SocketFamily::v4;  // of the socket
};

// The client has not completed it.
constexpr bool is_half_open(const Flow& flow) {
  return flow.state == TcpState::syn_received || flow.state == TcpState::new_syn_received;
}

inet_diag_req_v2 dump_request(SocketFamily family);
inet_diag_req_v2 destroy_request(const Flow& flow);

// The payload of one answer (struct inet_diag_msg and attributes); nullopt if it is too short or of an unknown family.
std::optional<Flow> decode_flow(std::span<const std::uint8_t> payload);

}  // namespace relais::netfilter
