// What this node's data plane should do with each bucket now: a function of the replicated state and of the fences.
// Invariants I1 (one owner) and I4 (an outsider answers no opener) are decided here.
#include "ha/core/machine.h"

#include <algorithm>

namespace relais::ha {

namespace {

// Whether openers may be held in this state, and the data plane sees which of their clients go on.
bool looks_on(BucketState state) {
  return state == BucketState::shadow || state == BucketState::adopt || state == BucketState::serve;
}

// Without the cluster state this node accepts nothing new; what it may have is kept for when the lease comes back. If
// nobody has a quorum, nobody answers: it looks on for a while, in case that the same nodes found the cluster anew.
BucketState without_membership(const State& state, BucketState current, Instant now) {
  if (looks_on(current) && now < state.holds_until) return BucketState::shadow;
  return current == BucketState::foreign ? BucketState::foreign : BucketState::leftover;
}

BucketState state_as_owner(const State& state, const Bucket& bucket) {
  if (bucket.move != Epoch{}) {
    const Move& move = state.cluster.moves.at(bucket.move);
    if (waits_to_claim(state, bucket.move)) return BucketState::shadow;
    if (move.phase == MovePhase::holding) return BucketState::leftover;  // I3: released before the new owner adopts
  }
  NodeSet others = bucket.leftovers;
  others.erase(state.settings.self);
  return others.empty() ? BucketState::serve : BucketState::adopt;
}

// Who may be the next owner holds the connection openers: the new owner of a handover, and the standby.
bool may_be_next(const State& state, const Bucket& bucket) {
  const NodeId self = state.settings.self;
  return bucket.standby == self || (bucket.move != Epoch{} && state.cluster.moves.at(bucket.move).to == self);
}

BucketState decide_state(const State& state, const Bucket& bucket, BucketState current, Instant now) {
  if (state.resumes != 0) return current;  // under the lease that was announced, until it is decided
  if (state.role != Role::member) return without_membership(state, current, now);
  if (bucket.owner == state.settings.self) return state_as_owner(state, bucket);
  if (may_be_next(state, bucket)) return BucketState::shadow;
  return bucket.leftovers.contains(state.settings.self) ? BucketState::leftover : BucketState::foreign;
}

// Whether this node may have connections there without owning the bucket.
bool is_left_over(const State& state, const Bucket& bucket, BucketState applied) {
  return applied == BucketState::leftover ||
         (applied == BucketState::shadow &&
          (state.role != Role::member || bucket.leftovers.contains(state.settings.self)));
}

}  // namespace

void Machine::publish_states() {
  std::vector<BucketSet> unwatched(vip_count());
  for (std::size_t vip = 0; vip < vip_count(); ++vip) {
    BucketStates next = state.applied[vip];
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      const BucketState before = state.applied[vip][bucket];
      const Bucket record = state.cluster.vips.empty() ? Bucket{} : state.cluster.vips[vip][bucket];
      next[bucket] = decide_state(state, record, before, now);
      unwatched[vip][bucket] = looks_on(before) && !looks_on(next[bucket]);
      const bool left_over = is_left_over(state, record, next[bucket]);
      if (left_over && state.leftover_since[vip][bucket] == Instant{}) {
        state.leftover_since[vip][bucket] = now;
        state.zero_counts[vip][bucket] = 0;
      }
      if (!left_over) {
        state.leftover_since[vip][bucket] = Instant{};
        state.half_open_ended[vip].reset(bucket);
      }
    }
    if (next == state.applied[vip]) continue;
    state.applied[vip] = next;
    actions.emplace_back(ApplyStates{VipId(static_cast<std::uint8_t>(vip)), next});
  }
  // Of what is held there this node will not see whether somebody answers it.
  if (std::ranges::any_of(unwatched, [](const BucketSet& buckets) { return buckets.any(); }))
    actions.emplace_back(DecideHeld{.buckets = std::move(unwatched), .decision = HeldDecision::drop});
}

}  // namespace relais::ha
