// Assignment in two passes. Owners: everyone's target count follows from the weights alone; whoever has more lets go,
// whoever has less receives. Standbys: for each owner, the others' targets *without it* say how many of its buckets
// each would get; so when it dies, its buckets go to their standbys and the result is balanced at once.
#include "ha/core/assign.h"

#include "base/invariant.h"

#include <algorithm>
#include <vector>

namespace relais::ha {

namespace {

using Weights = std::map<NodeId, std::uint16_t>;
using Counts = std::map<NodeId, int>;

// Everyone's number of buckets: the whole part of its exact share, and what remains one by one to those who have a
// fraction: first to who already has more than the whole part (saves a move), then by the larger fraction, then by the
// lower id.
Counts target_counts(const Weights& weights, const Counts& current) {
  std::uint64_t total = 0;
  for (const auto& [node, weight] : weights) total += weight;
  Counts target;
  if (total == 0) return target;
  struct Claim {
    bool keeps;
    std::uint64_t fraction;
    NodeId node;
  };
  std::vector<Claim> claims;
  int remaining = static_cast<int>(kBuckets);
  for (const auto& [node, weight] : weights) {
    const std::uint64_t scaled = kBuckets * std::uint64_t{weight};
    const int whole = static_cast<int>(scaled / total);
    target[node] = whole;
    remaining -= whole;
    const auto had = current.find(node);
    if (scaled % total != 0) {
      claims.push_back(
          {.keeps = had != current.end() && had->second > whole, .fraction = scaled % total, .node = node});
    }
  }
  std::ranges::sort(claims, [](const Claim& a, const Claim& b) {
    if (a.keeps != b.keeps) return a.keeps;
    if (a.fraction != b.fraction) return a.fraction > b.fraction;
    return a.node < b.node;
  });
  INVARIANT(remaining <= static_cast<int>(claims.size()), "fractions sum to less than their number");
  for (int i = 0; i < remaining; ++i) ++target[claims[static_cast<std::size_t>(i)].node];
  return target;
}

// The node with the most room left, the lowest id among equals; kNoNode if nobody has any. `except` gets nothing.
NodeId most_room(const Counts& room, NodeId except) {
  NodeId best = kNoNode;
  int best_room = 0;
  for (const auto& [node, left] : room) {
    if (node == except || left <= best_room) continue;
    best = node;
    best_room = left;
  }
  return best;
}

Counts count_owners(const std::array<NodeId, kBuckets>& owner, const Weights& weights) {
  Counts counts;
  for (const auto& [node, weight] : weights) counts[node] = 0;
  for (const NodeId node : owner) {
    if (const auto found = counts.find(node); found != counts.end()) ++found->second;
  }
  return counts;
}

void plan_owners(const Assignment& previous, const Weights& weights, Assignment& next) {
  Counts room = target_counts(weights, count_owners(previous.owner, weights));
  if (room.empty()) {
    next.owner.fill(kNoNode);
    return;
  }
  std::vector<std::size_t> homeless;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const auto keeper = room.find(previous.owner[bucket]);
    if (keeper != room.end() && keeper->second > 0) {
      next.owner[bucket] = keeper->first;
      --keeper->second;
    } else {
      homeless.push_back(bucket);
    }
  }
  std::vector<std::size_t> rest;
  for (const std::size_t bucket : homeless) {  // the standby first: it is prepared
    const auto standby = room.find(previous.standby[bucket]);
    if (standby == room.end() || standby->second <= 0) {
      rest.push_back(bucket);
      continue;
    }
    next.owner[bucket] = standby->first;
    --standby->second;
  }
  for (const std::size_t bucket : rest) {
    const NodeId taker = most_room(room, kNoNode);
    INVARIANT(taker != kNoNode, "targets sum to the number of buckets");
    next.owner[bucket] = taker;
    --room[taker];
  }
}

bool have_none(const Weights& weights) {
  return std::ranges::all_of(weights, [](const auto& entry) { return entry.second == 0; });
}

// Who counts if `owner` dies.
Weights weights_without(NodeId owner, const Weights& weights, const Weights& without_the_only_one) {
  Weights others = weights;
  others.erase(owner);
  if (!have_none(others)) return others;
  if (!without_the_only_one.empty()) return without_the_only_one;
  for (auto& [node, weight] : others) weight = 1;
  return others;
}

// How many of `owner`'s buckets each of the `others` would get if `owner` died.
Counts standby_quota(const Weights& others, const Counts& counts, NodeId owner) {
  Counts others_counts = counts;
  others_counts.erase(owner);
  Counts quota = target_counts(others, others_counts);
  for (auto& [node, target] : quota) target -= counts.at(node);
  return quota;
}

void plan_standbys_of(NodeId owner, const Assignment& previous, Counts quota, Assignment& next) {
  std::vector<std::size_t> open;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    if (next.owner[bucket] != owner) continue;
    const auto keeper = quota.find(previous.standby[bucket]);
    if (keeper != quota.end() && keeper->second > 0) {
      next.standby[bucket] = keeper->first;
      --keeper->second;
    } else {
      open.push_back(bucket);
    }
  }
  for (const std::size_t bucket : open) {
    const NodeId taker = most_room(quota, owner);
    next.standby[bucket] = taker;
    if (taker != kNoNode) --quota[taker];
  }
}

}  // namespace

Assignment plan_assignment(const Assignment& previous, const std::map<NodeId, std::uint16_t>& weights,
                           const std::map<NodeId, std::uint16_t>& without_the_only_one) {
  Assignment next;
  plan_owners(previous, weights, next);
  const Counts counts = count_owners(next.owner, weights);
  for (const auto& [owner, count] : counts) {
    if (count == 0) continue;
    const Weights others = weights_without(owner, weights, without_the_only_one);
    plan_standbys_of(owner, previous, standby_quota(others, counts, owner), next);
  }
  return next;
}

}  // namespace relais::ha
