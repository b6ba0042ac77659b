// Questions to the replicated state, and the checks of one that came from outside.
#include "ha/core/cluster.h"

#include <algorithm>

namespace relais::ha {

NodeSet present_members(const Cluster& cluster) {
  NodeSet present;
  for (const NodeId node : cluster.members) {
    if (cluster.nodes.at(node).presence != Presence::away) present.insert(node);
  }
  return present;
}

NodeSet upgrading_members(const Cluster& cluster) {
  NodeSet upgrading;
  for (const NodeId node : cluster.members) {
    if (cluster.nodes.at(node).presence != Presence::here) upgrading.insert(node);
  }
  return upgrading;
}

bool is_sound(const Cluster& cluster, std::size_t vips) {
  const auto is_node = [&](NodeId node) { return cluster.nodes.contains(node); };
  const auto has_move = [&](const Bucket& bucket) {
    return bucket.move == Epoch{} || cluster.moves.contains(bucket.move);
  };
  return cluster.vips.size() == vips && std::ranges::all_of(cluster.members, is_node) &&
         std::ranges::all_of(cluster.vips,
                             [&](const BucketTable& table) { return std::ranges::all_of(table, has_move); });
}

}  // namespace relais::ha
