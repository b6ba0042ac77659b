// Orphans: connections whose node, or whose node's front, is dead. Their clients would find out only when they send,
// and some only listen. So whoever serves the bucket tickles them. It must be in `serve` for that: in `adopt`, when yet
// another node has leftovers in the bucket, what the client answers is dropped in silence, so the tickle is put off
// until those have ended. Every member keeps this list, since the bucket may move on meanwhile.
#include "ha/core/machine.h"

namespace relais::ha {

namespace {

enum class Turn : std::uint8_t { later, here, elsewhere };

Turn turn_of(const State& state, std::size_t vip, std::size_t index) {
  const Bucket& bucket = state.cluster.vips[vip][index];
  if (bucket.owner == state.settings.self)
    return state.applied[vip][index] == BucketState::serve ? Turn::here : Turn::later;
  NodeSet others = bucket.leftovers;
  others.erase(bucket.owner);
  return bucket.move == Epoch{} && others.empty() ? Turn::elsewhere : Turn::later;
}

}  // namespace

void Machine::orphan(NodeId node, VipId vip, std::size_t bucket) {
  std::vector<BucketSet>& of_node = state.orphans[node];
  of_node.resize(vip_count());
  of_node[vip.value()].set(bucket);
}

void Machine::orphan_connections_of(NodeId node) {
  for (std::size_t vip = 0; vip < vip_count(); ++vip) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const Bucket& bucket = cluster().vips[vip][i];
      if (bucket.owner != node && !bucket.leftovers.contains(node)) continue;
      orphan(node, VipId(static_cast<std::uint8_t>(vip)), i);
    }
  }
}

void Machine::tickle_orphans() {
  if (!is_member() || state.orphans.empty()) return;
  for (auto& [node, vips] : state.orphans) {
    for (std::size_t vip = 0; vip < vips.size(); ++vip) {
      BucketSet here;
      for (std::size_t i = vips[vip]._Find_first(); i < kBuckets; i = vips[vip]._Find_next(i)) {
        const Turn turn = turn_of(state, vip, i);
        here[i] = turn == Turn::here;
        if (turn != Turn::later) vips[vip].reset(i);
      }
      if (here.any())
        actions.emplace_back(Tickle{.of = node, .vip = VipId(static_cast<std::uint8_t>(vip)), .buckets = here});
    }
  }
  std::erase_if(state.orphans, [](const auto& entry) {
    for (const BucketSet& buckets : entry.second) {
      if (buckets.any()) return false;
    }
    return true;
  });
}

}  // namespace relais::ha
