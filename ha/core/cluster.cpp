// Checks of a state that came from outside.
#include "ha/core/cluster.h"

#include <algorithm>

namespace relais::ha {

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
