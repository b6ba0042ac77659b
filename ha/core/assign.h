// Assignment: who owns which bucket of a VIP. A pure function with the same output on every node and release.
#pragma once

#include "base/ids.h"
#include "ha/core/cluster.h"

#include <array>
#include <cstdint>
#include <map>

namespace relais::ha {

struct Assignment {
  std::array<NodeId, kBuckets> owner{};
  std::array<NodeId, kBuckets> standby{};
  bool operator==(const Assignment&) const = default;
};

// The new assignment for the nodes in `weights` (live nodes only; weight 0 = owns nothing). `without_the_only_one`:
// the weights that will count if the only node of weight > 0 dies; empty: the others alike. Guarantees, for a total
// weight > 0:
//  - each node's count is within one bucket of its exact share 256 * weight / total;
//  - the fewest buckets change owner that this allows; a dead node's buckets spread over all that have room;
//  - a standby is never the owner, is a node of weight > 0 if there is another one, and each owner's buckets are
//    spread over the others in proportion to their weights (without the owner), within one; an owner's standbys
//    change only where they must.
// Total weight 0: nobody owns anything (all kNoNode).
Assignment plan_assignment(const Assignment& previous, const std::map<NodeId, std::uint16_t>& weights,
                           const std::map<NodeId, std::uint16_t>& without_the_only_one = {});

// What a node was given for a VIP, whether it is in service or not.
std::uint16_t ordered_weight(const NodeRecord& record, VipId vip);

// The weights that count for a VIP: of members only; who is retiring, drained or cut off from the clients has none. If
// that leaves nobody, those who are drained count; if still nobody has a weight, all have 1 but who is retiring or cut
// off. `except` is left out, as if it had died.
std::map<NodeId, std::uint16_t> effective_weights(const Cluster& cluster, VipId vip, NodeId except = kNoNode);

// True if there are buckets of this member that no other one could take, were it drained.
bool is_last_in_service(const Cluster& cluster, NodeId node);

}  // namespace relais::ha
