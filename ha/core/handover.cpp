// Moves: how buckets change hands. A handover goes planned -> holding (the new owner is ready: it holds the
// connection openers that come from then on) -> released (the old one has stopped accepting, and names the openers
// that it goes on with; the new one adopts and lets the other held ones in), each step an ordered message, so there
// is never an overlap, and never a gap that a client would notice. A takeover or founding is a claim: the new owner
// waits for the fences, serves, lets in what it holds and nobody has answered, and says so. The plan itself needs no
// message: every member computes it from the same state at the same place of the stream (docs/decisions/0003-plans-
// are-computed.md).
#include "ha/core/machine.h"

#include <algorithm>
#include <compare>

namespace relais::ha {

namespace {

// Buckets with the same route share a move.
struct Route {
  NodeId from;
  NodeId to;
  MovePhase phase;
  auto operator<=>(const Route&) const = default;
};

// Where a bucket is or is going: plans build on that, so that a second plan does not undo the first.
NodeId destination(const Cluster& cluster, const Bucket& bucket) {
  return bucket.move == Epoch{} ? bucket.owner : cluster.moves.at(bucket.move).to;
}

Assignment assignment_of(const Cluster& cluster, const BucketTable& table) {
  Assignment assignment;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    assignment.owner[i] = destination(cluster, table[i]);
    assignment.standby[i] = table[i].standby;
  }
  return assignment;
}

Assignment plan_for(const Cluster& cluster, std::size_t vip) {
  const VipId id(static_cast<std::uint8_t>(vip));
  const auto weights = effective_weights(cluster, id);
  const auto has_weight = [](const auto& entry) { return entry.second > 0; };
  const auto only_one = std::ranges::find_if(weights, has_weight);
  const bool is_only_one = std::ranges::count_if(weights, has_weight) == 1;
  const auto without = is_only_one ? effective_weights(cluster, id, only_one->first) : decltype(weights){};
  return plan_assignment(assignment_of(cluster, cluster.vips[vip]), weights, without);
}

// Gives a bucket its place in the plan's moves, which get their epochs in the order in which they turn up.
class MoveBook {
 public:
  MoveBook(Cluster& cluster, Cause cause) : cluster_(cluster), cause_(cause) {}

  Epoch enter(const Route& route) {
    auto [entry, is_new] = epochs_.try_emplace(route, Epoch{});
    if (is_new) {
      cluster_.epoch = Epoch(cluster_.epoch.value() + 1);
      entry->second = cluster_.epoch;
      cluster_.moves[entry->second] = Move{.from = route.from, .to = route.to, .cause = cause_, .phase = route.phase};
    }
    ++cluster_.moves[entry->second].buckets;
    return entry->second;
  }

  // What becomes of the connections of a node that was taken over from: split by buckets, the last move gets the
  // remainder.
  void settle_connections() {
    std::map<NodeId, std::uint32_t> total_buckets;
    std::map<NodeId, std::uint32_t> left;
    for (const auto& [route, epoch] : epochs_) {
      if (!is_takeover(route)) continue;
      total_buckets[route.from] += cluster_.moves[epoch].buckets;
      left[route.from] = cluster_.nodes.at(route.from).connections;
    }
    std::map<NodeId, std::uint32_t> buckets_left = total_buckets;
    for (const auto& [route, epoch] : epochs_) {
      if (!is_takeover(route)) continue;
      Move& move = cluster_.moves[epoch];
      const std::uint32_t part =
          static_cast<std::uint32_t>(std::uint64_t{left[route.from]} * move.buckets / buckets_left[route.from]);
      left[route.from] -= part;
      buckets_left[route.from] -= move.buckets;
      const NodeRecord& from = cluster_.nodes.at(route.from);
      (from.grace && !from.brief_grace ? move.flows_kept : move.flows_lost) = part;
    }
  }

  const std::map<Route, Epoch>& epochs() const { return epochs_; }

 private:
  bool is_takeover(const Route& route) const {
    return route.phase == MovePhase::claiming && cluster_.nodes.contains(route.from);
  }

  Cluster& cluster_;
  Cause cause_;
  std::map<Route, Epoch> epochs_;
};

// Moves one bucket towards the plan's owner, if it may still be redirected.
void redirect(Cluster& cluster, MoveBook& book, Bucket& bucket, NodeId target) {
  if (bucket.move != Epoch{}) {
    const Move& move = cluster.moves.at(bucket.move);
    // From `holding` on, and while a claim waits, the move ends first; the plan that follows its end goes on from
    // there.
    if (move.phase != MovePhase::planned || move.to == target) return;
    bucket.move = Epoch{};
  }
  if (target == kNoNode || target == bucket.owner) return;
  const bool owner_lives = cluster.members.contains(bucket.owner);
  const MovePhase phase = owner_lives ? MovePhase::planned : MovePhase::claiming;
  bucket.move = book.enter({.from = bucket.owner, .to = target, .phase = phase});
  if (owner_lives) return;
  bucket.owner = target;
  bucket.leftovers.erase(target);
}

// Moves that no bucket follows any more.
void drop_empty_moves(Cluster& cluster) {
  std::map<Epoch, std::uint16_t> used;
  for (const BucketTable& table : cluster.vips) {
    for (const Bucket& bucket : table) {
      if (bucket.move != Epoch{}) ++used[bucket.move];
    }
  }
  std::erase_if(cluster.moves, [&](const auto& entry) { return !used.contains(entry.first); });
  for (auto& [epoch, buckets] : used) cluster.moves.at(epoch).buckets = buckets;
}

Receipt receipt_of(Epoch epoch, const Move& move) {
  return Receipt{.epoch = epoch,
                 .from = move.from,
                 .to = move.to,
                 .cause = move.cause,
                 .buckets = move.buckets,
                 .flows_kept = move.flows_kept,
                 .flows_lost = move.flows_lost};
}

// Whatever its weight is.
bool gets_nothing(const NodeRecord& record) { return record.retiring || record.front_lost; }

std::int64_t to_us(Duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

}  // namespace

std::uint16_t ordered_weight(const NodeRecord& record, VipId vip) {
  return vip.value() < record.weights.size() ? record.weights[vip.value()] : std::uint16_t{0};
}

std::map<NodeId, std::uint16_t> effective_weights(const Cluster& cluster, VipId vip, NodeId except) {
  std::map<NodeId, std::uint16_t> weights;
  NodeSet counted = cluster.members;
  if (except != kNoNode) counted.erase(except);
  const auto any_by = [&](const auto& weight_of) {
    for (const NodeId node : counted) weights[node] = weight_of(cluster.nodes.at(node));
    return std::ranges::any_of(weights, [](const auto& entry) { return entry.second > 0; });
  };
  constexpr std::uint16_t kNone = 0;
  constexpr std::uint16_t kAlike = 1;
  // In service. If that is nobody: serving is better than an outage.
  const auto in_service = [&](const NodeRecord& record) {
    return gets_nothing(record) || record.drained ? kNone : ordered_weight(record, vip);
  };
  const auto drained_too = [&](const NodeRecord& record) {
    return gets_nothing(record) ? kNone : ordered_weight(record, vip);
  };
  const auto alike = [](const NodeRecord& record) { return gets_nothing(record) ? kNone : kAlike; };
  if (any_by(in_service) || any_by(drained_too) || any_by(alike)) return weights;
  any_by([](const NodeRecord&) { return kAlike; });
  return weights;
}

bool is_last_in_service(const Cluster& cluster, NodeId node) {
  const auto could_take = [&](NodeId other, std::size_t vip) {
    const NodeRecord& record = cluster.nodes.at(other);
    return other != node && !record.drained && !gets_nothing(record) && record.presence == Presence::here &&
           ordered_weight(record, VipId(static_cast<std::uint8_t>(vip))) > 0;
  };
  const auto owns_some = [&](const BucketTable& table) {
    return std::ranges::any_of(table, [&](const Bucket& bucket) { return bucket.owner == node; });
  };
  for (std::size_t vip = 0; vip < cluster.vips.size(); ++vip) {
    if (!owns_some(cluster.vips[vip])) continue;
    if (std::ranges::none_of(cluster.members, [&](NodeId other) { return could_take(other, vip); })) return true;
  }
  return false;
}

bool waits_to_claim(const State& state, Epoch epoch) {
  const Move& move = state.cluster.moves.at(epoch);
  return move.phase == MovePhase::claiming && move.to == state.settings.self && !state.claimed.contains(epoch);
}

void Machine::apply_plan(Cause cause) {
  cluster().cause = cause;
  apply_front_review();
  MoveBook book(cluster(), cause);
  for (std::size_t vip = 0; vip < vip_count(); ++vip) {
    BucketTable& table = cluster().vips[vip];
    const Assignment plan = plan_for(cluster(), vip);
    for (std::size_t i = 0; i < kBuckets; ++i) {
      table[i].standby = plan.standby[i];
      redirect(cluster(), book, table[i], plan.owner[i]);
    }
  }
  drop_empty_moves(cluster());
  book.settle_connections();
  for (const auto& [route, epoch] : book.epochs()) {
    state.move_started[epoch] = now;
  }
  if (is_member()) give_up_unknown_openers();
}

void Machine::apply_founding_plan() {
  cluster().cause = Cause::formed;
  apply_front_review();
  MoveBook book(cluster(), Cause::formed);
  for (std::size_t vip = 0; vip < vip_count(); ++vip) {
    BucketTable& table = cluster().vips[vip];
    const Assignment plan = plan_for(cluster(), vip);
    for (std::size_t i = 0; i < kBuckets; ++i) {
      table[i].owner = plan.owner[i];
      table[i].standby = plan.standby[i];
      if (plan.owner[i] == kNoNode) continue;  // nobody has any weight
      table[i].leftovers.erase(plan.owner[i]);
      table[i].move = book.enter({.from = kNoNode, .to = plan.owner[i], .phase = MovePhase::claiming});
    }
  }
}

bool has_holding_to_say(const State& state) {
  return state.role == Role::member && std::ranges::any_of(state.cluster.moves, [&](const auto& entry) {
           const auto& [epoch, move] = entry;
           return move.to == state.settings.self && move.phase == MovePhase::planned &&
                  !state.holding_said.contains(epoch);
         });
}

// Only under a lease, for without one this node could not answer what the old owner leaves to it; and not before who
// has just claimed buckets, or got those of a cut-off node, has let in what it held (DecideHeld): it could not once
// they are on their way again. (Who has got them and is cut off itself now will reach nobody.) What this node holds so
// far, as the standby, the owner has answered, unless it is cut off.
void Machine::say_holding_if_due() {
  if (!has_holding_to_say(state) || state.lease_until <= now || now < state.claims_settle_at) return;
  for (const auto& [epoch, move] : cluster().moves) {
    if (move.to != self() || move.phase != MovePhase::planned) continue;
    if (now < state.cut_off_settles_at && !is_cut_off(move.from)) continue;
    if (!state.holding_said.insert(epoch).second) continue;
    if (!is_cut_off(move.from))
      actions.emplace_back(DecideHeld{.buckets = buckets_of_move(epoch), .decision = HeldDecision::drop});
    multicast(Holding{epoch});
  }
}

std::vector<BucketSet> Machine::buckets_of_move(Epoch epoch) const {
  std::vector<BucketSet> buckets(state.cluster.vips.size());
  for (std::size_t vip = 0; vip < buckets.size(); ++vip) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets[vip][i] = state.cluster.vips[vip][i].move == epoch;
  }
  return buckets;
}

void Machine::abandon_moves_of(NodeId node) {
  for (const auto& [epoch, move] : cluster().moves) {
    if (move.from != node && move.to != node) continue;
    if (move.phase == MovePhase::claiming && move.to != node) continue;  // `from` is dead anyway
    Receipt receipt = receipt_of(epoch, move);
    receipt.abandoned = true;
    actions.emplace_back(receipt);
    for (BucketTable& table : cluster().vips) {
      for (Bucket& bucket : table) {
        if (bucket.move == epoch) bucket.move = Epoch{};
      }
    }
    state.move_started.erase(epoch);
    state.claimed.erase(epoch);
  }
  drop_empty_moves(cluster());
}

void Machine::apply_claimed(NodeId from, const Claimed& claimed) {
  const auto move = cluster().moves.find(claimed.move);
  if (move == cluster().moves.end() || move->second.to != from || move->second.phase != MovePhase::claiming) return;
  Receipt receipt = receipt_of(claimed.move, move->second);
  receipt.detect_us = claimed.detect_us;
  receipt.takeover_us = claimed.takeover_us;
  state.claims_settle_at = when_held_has_settled();
  lift_fence(move->second.from, claimed.move);
  finish_move(receipt);
}

Instant Machine::when_held_has_settled() const {
  return now + state.settings.timing.hold_settle + kHoldPoll + state.settings.timing.heartbeat;
}

void Machine::apply_holding(NodeId from, const Holding& holding) {
  const auto found = cluster().moves.find(holding.move);
  if (found == cluster().moves.end()) return;
  Move& move = found->second;
  if (move.to != from || move.phase != MovePhase::planned) return;
  move.phase = MovePhase::holding;
  move.cut_off = is_cut_off(move.from);
  if (move.from == self() && is_member()) list_openers(holding.move);
}

bool Machine::is_cut_off(NodeId node) const { return state.cluster.nodes.at(node).front_lost; }

void Machine::list_openers(Epoch move) {
  Instant cut_off_until{};
  if (cluster().moves.at(move).cut_off)
    cut_off_until = state.front == Front::well ? state.front_well_since : Instant::max();
  actions.emplace_back(ListOpeners{.move = move, .buckets = buckets_of_move(move), .cut_off_until = cut_off_until});
}

// The data plane has stopped accepting before the list was made (I3).
void Machine::on_openers(const OpenersListed& listed) {
  const auto move = cluster().moves.find(listed.move);
  if (!is_member() || move == cluster().moves.end()) return;
  if (move->second.from != self() || move->second.phase != MovePhase::holding) return;
  multicast(Released{.move = listed.move,
                     .flows = flows_of_move(listed.move),
                     .openers = listed.openers,
                     .complete = listed.complete});
}

void Machine::apply_released(NodeId from, const Released& released) {
  const auto found = cluster().moves.find(released.move);
  if (found == cluster().moves.end()) return;
  Move& move = found->second;
  if (move.from != from || move.phase != MovePhase::holding) return;
  move.flows_kept = released.flows;
  // Whoever owns the bucket while the old owner has leftovers there: it may be the standby soon.
  if (from != self() && is_member()) actions.emplace_back(LeaveOpeners{released.openers});
  if (move.cut_off) state.cut_off_settles_at = when_held_has_settled();
  if (move.to == self() && is_member()) {
    if (released.complete) {
      if (move.cut_off) state.took_over_at = now;
      let_in_held(released.move, move.cut_off ? HeldDecision::release_unanswered : HeldDecision::release);
    } else {
      actions.emplace_back(DecideHeld{.buckets = buckets_of_move(released.move), .decision = HeldDecision::drop});
    }
  }
  for (std::size_t vip = 0; vip < vip_count(); ++vip) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      Bucket& bucket = cluster().vips[vip][i];
      if (bucket.move != released.move) continue;
      bucket.owner = move.to;
      bucket.leftovers.insert(from);
      bucket.leftovers.erase(move.to);
      if (from == self()) state.leftover_since[vip][i] = now;
    }
  }
  Receipt receipt = receipt_of(released.move, move);
  const auto started = state.move_started.find(released.move);
  if (started != state.move_started.end()) receipt.takeover_us = to_us(now - started->second);
  finish_move(receipt);
}

void Machine::finish_move(const Receipt& receipt) {
  for (BucketTable& table : cluster().vips) {
    for (Bucket& bucket : table) {
      if (bucket.move == receipt.epoch) bucket.move = Epoch{};
    }
  }
  cluster().moves.erase(receipt.epoch);
  advance_epoch();
  state.move_started.erase(receipt.epoch);
  state.claimed.erase(receipt.epoch);
  actions.emplace_back(receipt);
  apply_plan(cluster().cause);  // what could not be redirected while this move was under way
}

void Machine::apply_set_drained(const SetDrained& order) {
  const auto record = cluster().nodes.find(order.node);
  if (record == cluster().nodes.end() || record->second.drained == order.drained) return;
  record->second.drained = order.drained;
  advance_epoch();
  report(Severity::info, order.drained ? "drained" : "resumed", order.node,
         name(order.node) + (order.drained ? " is drained" : " is back in service"));
  apply_plan(order.drained ? Cause::drain : Cause::resume);
}

void Machine::apply_set_weight(const SetWeight& order) {
  const auto record = cluster().nodes.find(order.node);
  if (record == cluster().nodes.end() || order.vip.value() >= record->second.weights.size()) return;
  std::uint16_t& weight = record->second.weights[order.vip.value()];
  if (weight == order.weight) return;
  weight = order.weight;
  // The daemon itself remembers what it was told, over a lost ring too.
  if (order.node == self()) state.settings.weights.at(self())[order.vip.value()] = order.weight;
  advance_epoch();
  report(Severity::info, "weight", order.node,
         name(order.node) + " has weight " + std::to_string(order.weight) + " for " + name(order.vip) + " now");
  apply_plan(Cause::weight);
}

void Machine::speak_for_moves() {
  for (const auto& [epoch, move] : cluster().moves) {
    if (move.from == self() && move.phase == MovePhase::holding) list_openers(epoch);
    if (state.claimed.contains(epoch)) announce_claim(epoch, move);
  }
}

void Machine::claim_if_fenced() {
  if (!is_member() || now < last_fence(state)) return;
  for (const auto& [epoch, move] : cluster().moves) {
    if (!waits_to_claim(state, epoch)) continue;
    state.claimed.insert(epoch);
    if (move.from != kNoNode) state.took_over_at = now;
    let_in_held(epoch, HeldDecision::release_unanswered);
    announce_claim(epoch, move);
  }
}

// Now, or with the next lease that lasts.
void Machine::let_in_held(Epoch move, HeldDecision decision) {
  if (!has_ample_lease(state, now)) {
    state.let_in_due = true;
    return;
  }
  actions.emplace_back(DecideHeld{.buckets = buckets_of_move(move), .decision = decision});
}

void Machine::announce_claim(Epoch epoch, const Move& move) {
  Claimed claimed{.move = epoch};
  if (const auto detect = state.detect.find(move.from); detect != state.detect.end()) {
    claimed.detect_us = to_us(detect->second);
  }
  if (const auto started = state.move_started.find(epoch); started != state.move_started.end()) {
    claimed.takeover_us = to_us(now - started->second);
  }
  multicast(claimed);
}

}  // namespace relais::ha
