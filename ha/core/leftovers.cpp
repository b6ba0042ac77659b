// Leftovers: connections on a node that no longer owns their bucket. The node that has them counts them and says when
// the last one has ended; of a node whose daemon died they are kept for a grace; what will never be opened is ended
// soon, and the drain limit ends what does not end itself.
#include "ha/core/machine.h"

#include <algorithm>
#include <utility>

namespace relais::ha {

namespace {

// Two counts in a row, so that a connection between SYN and ACK is not overlooked.
constexpr std::uint8_t kZeroCountsNeeded = 2;

// A little more than what the data plane grants an opener that is still opening when its bucket is handed over
// (netfilter/abi/opener.h: RELAIS_OPENER_KEPT_NS). After that its SYN-ACK is not sent any more, so the client will not
// complete it; TCP would keep it for 63 s.
constexpr Duration kHalfOpenLimit = std::chrono::seconds(11);

// Leftover buckets of one VIP that are empty for good, those past the drain limit, and those in which nothing can be
// opened any more.
struct Review {
  BucketSet cleared;
  BucketSet overdue;
  BucketSet half_open;
};

// Past the drain limit; or the clients of this node have not been able to reach it for longer than a grace: the
// connections are over for them, and as long as they are kept here the owner of the bucket may not say so.
bool is_overdue(const State& state, Instant since, Instant now) {
  const Timing& timing = state.settings.timing;
  if (timing.drain_limit > Duration::zero() && now - since > timing.drain_limit) return true;
  return state.front_lost_since != Instant{} && now - state.front_lost_since > timing.grace;
}

Review review_leftovers(State& state, std::size_t vip, Instant now) {
  Review review;
  const Timing& timing = state.settings.timing;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    const Instant since = state.leftover_since[vip][bucket];
    if (since == Instant{}) continue;
    std::uint8_t& zero_counts = state.zero_counts[vip][bucket];
    if (state.flows[vip][bucket] > 0) {
      zero_counts = 0;
      review.overdue[bucket] = is_overdue(state, since, now);
      review.half_open[bucket] = now - since > kHalfOpenLimit && !state.half_open_ended[vip][bucket];
      continue;
    }
    if (zero_counts < kZeroCountsNeeded) ++zero_counts;
    const bool said_to_be_here = state.cluster.vips[vip][bucket].leftovers.contains(state.settings.self);
    review.cleared[bucket] =
        said_to_be_here && zero_counts >= kZeroCountsNeeded && now - since >= timing.leftover_minimum;
  }
  return review;
}

}  // namespace

void Machine::on_flows(const FlowsCounted& counted) {
  if (counted.vips.size() != vip_count()) return;
  state.flows = counted.vips;
  state.flows_known = true;
  if (!is_member()) return;
  for (std::size_t i = 0; i < vip_count(); ++i) {
    const VipId vip(static_cast<std::uint8_t>(i));
    const Review review = review_leftovers(state, i, now);
    if (review.cleared.any()) multicast(Cleared{.vip = vip, .buckets = review.cleared});
    if (review.overdue.any()) actions.emplace_back(DestroyFlows{.vip = vip, .buckets = review.overdue});
    state.half_open_ended[i] |= review.half_open;
    if (review.half_open.any())
      actions.emplace_back(DestroyFlows{.vip = vip, .buckets = review.half_open, .kind = FlowKind::half_open});
  }
}

// Who joined after this node had handed a bucket over does not know which openers stayed here: should it take the
// bucket over from a lost owner, it would answer them, too. So this node gives them up.
void Machine::give_up_unknown_openers() {
  std::vector<BucketSet> unknown(vip_count());
  for (std::size_t vip = 0; vip < vip_count(); ++vip) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const Instant since = state.leftover_since[vip][i];
      const Epoch epoch = cluster().vips[vip][i].move;
      if (since == Instant{} || now - since > kHalfOpenLimit || epoch == Epoch{}) continue;
      const Move& move = cluster().moves.at(epoch);
      const auto joined = state.joined_at.find(move.to);
      unknown[vip][i] = move.phase == MovePhase::claiming && joined != state.joined_at.end() && joined->second > since;
    }
  }
  if (std::ranges::any_of(unknown, [](const BucketSet& buckets) { return buckets.any(); }))
    actions.emplace_back(ListOpeners{.buckets = std::move(unknown), .cut_off_until = Instant::max()});
}

std::uint32_t Machine::flows_of_move(Epoch epoch) const {
  std::uint32_t flows = 0;
  for (std::size_t vip = 0; vip < state.cluster.vips.size(); ++vip) {
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      if (state.cluster.vips[vip][bucket].move == epoch) flows += state.flows[vip][bucket];
    }
  }
  return flows;
}

// Whether there was any.
bool Machine::strip_leftovers(NodeId node) {
  bool any = false;
  for (BucketTable& table : cluster().vips) {
    for (Bucket& bucket : table) {
      any = any || bucket.leftovers.contains(node);
      bucket.leftovers.erase(node);
    }
  }
  return any;
}

// The connections that a node brings with it when it becomes a member.
void Machine::apply_leftovers(NodeId node, const Hello& hello) {
  strip_leftovers(node);
  for (std::size_t vip = 0; vip < vip_count(); ++vip) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      Bucket& bucket = cluster().vips[vip][i];
      if (hello.leftovers[vip][i] && bucket.owner != node) bucket.leftovers.insert(node);
    }
    const auto orphans = state.orphans.find(node);
    if (orphans != state.orphans.end()) orphans->second[vip] &= ~hello.leftovers[vip];  // they live
  }
}

void Machine::apply_cleared(NodeId from, const Cleared& cleared) {
  if (cleared.vip.value() >= vip_count()) return;
  BucketTable& table = cluster().vips[cleared.vip.value()];
  const auto record = cluster().nodes.find(from);
  const bool unheard = record != cluster().nodes.end() && record->second.front_lost;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (!cleared.buckets[i]) continue;
    table[i].leftovers.erase(from);
    if (unheard) orphan(from, cleared.vip, i);  // what it told its clients at the end has not reached them
  }
  advance_epoch();
}

void Machine::apply_grace_over(const GraceOver& over) {
  const auto record = cluster().nodes.find(over.node);
  if (record == cluster().nodes.end() || !record->second.grace || cluster().members.contains(over.node)) return;
  record->second.grace = false;
  const bool is_brief = std::exchange(record->second.brief_grace, false);
  orphan_connections_of(over.node);
  const bool had_some = strip_leftovers(over.node);
  advance_epoch();
  state.grace_until.erase(over.node);
  report(had_some && !is_brief ? Severity::warning : Severity::info, "grace-over", over.node,
         name(over.node) + " did not come back in time" + (had_some ? ": connections that it had are given up" : ""));
}

void Machine::begin_grace(NodeId node) {
  const Timing& timing = state.settings.timing;
  state.grace_until[node] = now + (cluster().nodes.at(node).brief_grace ? timing.brief_grace : timing.grace);
}

void Machine::end_graces() {
  const Duration retry = state.settings.timing.hello_retry;
  // Nobody joins during an upgrade (apply_hello): who is back must have the time to ask again.
  if (!state.grace_until.empty() && !upgrading_members(cluster()).empty()) {
    for (auto& [node, until] : state.grace_until) {
      if (!cluster().nodes.at(node).brief_grace) until = std::max(until, now + 2 * retry);
    }
  }
  if (!is_member() || present_members(cluster()).lowest() != self()) return;
  for (auto& [node, until] : state.grace_until) {
    if (now < until) continue;
    until = now + retry;  // again, should this one get lost with its view
    multicast(GraceOver{node});
  }
}

}  // namespace relais::ha
