// corosync.conf from the cluster's configuration. Pure.
#pragma once

#include "base/address.h"
#include "base/ids.h"
#include "base/time.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace relais::corosync {

// What two nodes do that do not see each other.
enum class TwoNodeRule : std::uint8_t {
  none,    // neither is quorate
  lowest,  // the node with the lowest id stays quorate
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
  TwoNodeRule two_node = TwoNodeRule::none;  // only for exactly two nodes
  std::string key_file;                      // Corosync's authkey
  bool operator==(const RingSetup&) const = default;
};

// How many retransmissions Corosync makes before it gives a token up; token / (result + 0.2) is at least 30 ms, the
// shortest retransmission timeout that Corosync accepts.
std::uint32_t token_retransmits(Duration token);

// The file's text. Requires a checked configuration: 1 or 2 links on every node, as many on all, token >= 50 ms.
std::string render_corosync_conf(const RingSetup& setup);

// Votes that a partition needs: a majority of one vote per configured node.
constexpr std::uint32_t majority_of(std::size_t nodes) { return static_cast<std::uint32_t>(nodes / 2 + 1); }

}  // namespace relais::corosync
