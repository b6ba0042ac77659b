// corosync.conf from the cluster's configuration. Pure.
#pragma once

#include "base/address.h"
#include "base/ids.h"
#include "base/time.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace relais::corosync {

// What the halves of a cluster do that do not see each other.
enum class TwoNodeRule : std::uint8_t {
  none,     // neither is quorate
  lowest,   // the node with the lowest id stays quorate
  arbiter,  // the one that gets the vote of a corosync-qnetd
  both,     // both stay quorate
};

enum class ArbiterTls : std::uint8_t { off, required };

struct Arbiter {
  std::string host;
  std::uint16_t port = 0;
  ArbiterTls tls = ArbiterTls::required;
  Duration heartbeat{};  // between corosync-qdevice and corosync-qnetd
  bool operator==(const Arbiter&) const = default;
};

struct RingNode {
  NodeId id;
  std::string name;
  std::vector<IpAddress> links;  // heartbeat addresses: 1 or 2, as many on every node
  bool operator==(const RingNode&) const = default;
};

struct RingSetup {
  std::string cluster_name;
  std::vector<RingNode> nodes;
  Duration token{};                          // at least 50 ms
  TwoNodeRule two_node = TwoNodeRule::none;  // `arbiter`: for an even number of nodes; else for exactly two
  std::optional<Arbiter> arbiter;            // exactly with the rule `arbiter`
  std::string key_file;                      // Corosync's authkey
  bool operator==(const RingSetup&) const = default;
};

// How many retransmissions Corosync makes before it gives a token up; token / (result + 0.2) is at least 30 ms, the
// shortest retransmission timeout that Corosync accepts.
std::uint32_t token_retransmits(Duration token);

// The file's text. Requires a checked configuration: 1 or 2 links on every node, as many on all, token >= 50 ms.
std::string render_corosync_conf(const RingSetup& setup);

struct Votes {
  std::uint32_t expected = 0;
  std::uint32_t quorum = 0;
};

// How Corosync counts: one vote per configured node, one for an arbiter, and a majority of them to be quorate.
constexpr Votes votes_of(std::size_t nodes, TwoNodeRule rule) {
  const auto expected = static_cast<std::uint32_t>(nodes + (rule == TwoNodeRule::arbiter ? 1 : 0));
  return {.expected = expected, .quorum = rule == TwoNodeRule::both ? 1 : expected / 2 + 1};
}

}  // namespace relais::corosync
