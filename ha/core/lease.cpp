// Heartbeats, the lease they earn, and the fences that keep a claim behind every lease that may still run.
//
// A node multicasts "heartbeat n" at its time t and lists the heartbeats it has delivered from others. Once so many
// members have acknowledged n that any quorate group without this node would contain one of them, the node may answer
// until t + L. Whoever takes over has then delivered n too (all that move to a new view together deliver the same
// messages), at a time not before t on any clock; it waits L, the clocks' rate error and a guard from that delivery. So
// the two leases never overlap, whatever Corosync's own timers do (I1; docs/decisions/0002-lease.md).
#include "base/invariant.h"
#include "ha/core/machine.h"

#include <algorithm>

namespace relais::ha {

namespace {

// Until when this node may have an announced lease; Instant{}: it has none.
Instant long_lease_end(const State& state, NodeId node) {
  const auto noted = state.long_lease_until.find(node);
  return noted == state.long_lease_until.end() ? Instant{} : noted->second;
}

// How many of the others that are there must have a heartbeat: with this node they leave no room for a quorate group
// that has not seen it. Half of the configured nodes, since an even cluster may be split by a tie-breaker; a
// smaller membership has no more to ask.
std::size_t acknowledgements_needed(const State& state) {
  return std::min(half_of_nodes(state), present_members(state.cluster).size() - 1);
}

// The highest own heartbeat that enough members have.
std::uint64_t acknowledged(const State& state) {
  const std::size_t needed = acknowledgements_needed(state);
  if (needed == 0) return state.self_delivered;
  const NodeSet present = present_members(state.cluster);
  std::vector<std::uint64_t> sequences;
  for (const auto& [node, heard] : state.heard) {
    if (present.contains(node)) sequences.push_back(heard.acked_mine);
  }
  if (sequences.size() < needed) return 0;
  std::ranges::sort(sequences, std::greater{});
  return std::min(sequences[needed - 1], state.self_delivered);
}

// The highest heartbeat of another member that enough members have, by what they have said. What those said who are no
// members any more counts too: they may have been when `node` counted. (More words, fewer needed: the fence is later.)
std::uint64_t acknowledged_by_enough(const State& state, NodeId node) {
  const std::size_t needed = acknowledgements_needed(state);
  std::vector<std::uint64_t> sequences;
  for (const auto& [speaker, acks] : state.acknowledgements) {
    const auto ack = std::ranges::find(acks, node, &Heartbeat::Ack::node);
    if (speaker != node && ack != acks.end()) sequences.push_back(ack->sequence);
  }
  if (sequences.size() < needed || needed == 0) return 0;
  std::ranges::sort(sequences, std::greater{});
  return sequences[needed - 1];
}

std::vector<BucketSet> own_buckets(const State& state) {
  std::vector<BucketSet> buckets(state.applied.size());
  for (std::size_t vip = 0; vip < buckets.size(); ++vip) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const BucketState applied = state.applied[vip][i];
      buckets[vip][i] = applied == BucketState::serve || applied == BucketState::adopt;
    }
  }
  return buckets;
}

// Nobody in the other half acknowledges here, so what proves a lease is only that it has never ended since the arbiter
// gave its vote: an old heartbeat that comes back after a pause says nothing.
bool is_half_by_arbiter(const State& state) {
  return state.settings.split == SplitRule::arbiter &&
         2 * state.cluster.members.size() <= state.settings.weights.size();
}

// When the lease is over; for a half that has not earned any yet, when the first is overdue; for others without one,
// never.
Instant lease_end(const State& state) {
  if (state.lease_until != Instant{}) return state.lease_until;
  return is_half_by_arbiter(state) ? state.accepted_at + state.settings.timing.lease : Instant::max();
}

// The end of the lease that the acknowledged heartbeats give; Instant{}: none.
Instant earned_lease(const State& state) {
  const std::uint64_t sequence = acknowledged(state);
  const auto newest = std::find_if(state.sent.rbegin(), state.sent.rend(),
                                   [&](const NumberedHeartbeat& sent) { return sent.sequence <= sequence; });
  return newest == state.sent.rend() ? Instant{} : newest->at + state.settings.timing.lease;
}

Heartbeat make_heartbeat(const State& state) {
  Heartbeat heartbeat{.sequence = state.next_sequence,
                      .members = state.cluster.members,
                      .acks = {},
                      .upgrading = upgrading_members(state.cluster)};
  for (const auto& vip : state.flows) {
    for (const std::uint32_t count : vip) heartbeat.connections += count;
  }
  for (const NodeId node : state.cluster.members) {
    if (node == state.settings.self) continue;
    heartbeat.acks.push_back({.node = node, .sequence = state.cluster.nodes.at(node).heartbeat});
  }
  return heartbeat;
}

// As last counted.
bool has_connections(const State& state) {
  return std::ranges::any_of(state.flows, [](const auto& vip) {
    return std::ranges::any_of(vip, [](std::uint32_t count) { return count > 0; });
  });
}

}  // namespace

// Whoever takes over from this node waits for its lease to end, and takes a held opener for unanswered if its client
// has not gone on. So nothing is let in so late that the client's word could come after that: it may settle first, and
// the client's word may be as long on its way.
bool has_ample_lease(const State& state, Instant now) {
  const Timing& timing = state.settings.timing;
  return now + std::min(2 * timing.hold_settle, timing.lease * 2 / 3) <= state.lease_until;
}

std::size_t half_of_nodes(const State& state) {
  return std::max(state.settings.weights.size(), state.cluster.nodes.size()) / 2;
}

void Machine::heartbeat_if_due() {
  if (!is_member() || now < state.next_heartbeat_at) return;
  const Timing& timing = state.settings.timing;
  multicast(make_heartbeat(state));
  state.sent.push_back({.sequence = state.next_sequence, .at = now});
  ++state.next_sequence;
  while (state.sent.front().at + timing.lease < now) state.sent.pop_front();
  // All but the lowest member wait a little longer, because its heartbeat makes them send theirs (on_heartbeat).
  const bool sets_the_pace = present_members(cluster()).lowest() == self();
  const Duration pace = sets_the_pace ? timing.heartbeat : timing.heartbeat * 5 / 4;
  state.next_heartbeat_at = std::max(state.next_heartbeat_at + pace, now + pace / 2);
}

// For a node that left alone. Whoever could have acknowledged its heartbeats is still here, and what they said in the
// last view has been delivered here too: so this node knows which heartbeats may have renewed that lease. One that was
// still on its way when its sender died, and is delivered to some only with the new view, must not put the takeover
// off. (Before the last acceptance the sender may have needed fewer acknowledgements: nothing from before then is
// discounted.)
void Machine::discount_unacknowledged(NodeId node) {
  const auto entry = state.heard.find(node);
  if (entry == state.heard.end()) return;
  Heard& heard = entry->second;
  const std::uint64_t sequence = acknowledged_by_enough(state, node);
  Instant last = heard.delivered.front().at;
  for (const NumberedHeartbeat& heartbeat : heard.delivered) {
    if (heartbeat.sequence <= sequence) last = heartbeat.at;
  }
  heard.at = std::max(last, state.accepted_at);
}

void Machine::apply_heartbeat(NodeId from, const Heartbeat& heartbeat) {
  const auto record = cluster().nodes.find(from);
  if (record == cluster().nodes.end()) return;
  record->second.heartbeat = heartbeat.sequence;
  record->second.connections = heartbeat.connections;
}

void Machine::on_heartbeat(NodeId from, const Heartbeat& heartbeat) {
  const bool ours_has_spoken = !(state.members_heard & cluster().members).empty();
  state.members_heard.insert(from);
  if (state.resumes != 0 && !heartbeat.members.empty() && !heartbeat.members.contains(self())) {
    abandon_resumption("the others have gone on without this node");
  }
  if (!is_member()) return;
  if (from == self()) {
    state.self_delivered = heartbeat.sequence;
  } else if (cluster().members.contains(from)) {
    // A heartbeat that was sent before this node was accepted does not count it yet. But a view's heartbeats are sent
    // in that view, and who was accepted before it began is counted there: unless two halves went on, and this one
    // counted the sender as away for an upgrade.
    const bool was_left_out =
        !heartbeat.members.empty() && !heartbeat.members.contains(self()) && state.accepted_at < state.view_since;
    if (was_left_out) {
      report(Severity::warning, "left-out", from, name(from) + " has gone on without this node: asking for the state");
      return become_joining();
    }
    hear_member(from, heartbeat);
    note_confirmation(from, heartbeat);
  } else {
    // Two memberships in one view: Corosync has let both sides of a cut go on, which it must not. The one that speaks
    // first goes on. (With common members it is not another one: the sender was removed in this view and does not
    // know.)
    const bool is_another = (heartbeat.members & cluster().members).empty();
    if (!is_another || ours_has_spoken) return;
    report(Severity::error, "yielded", from, "another part of the cluster has gone on: asking it for the state");
    return become_joining();
  }
  state.acknowledgements[from] = heartbeat.acks;
  renew_lease();
}

void Machine::hear_member(NodeId from, const Heartbeat& heartbeat) {
  Heard& heard = state.heard[from];
  heard.at = now;
  heard.delivered.push_back({.sequence = heartbeat.sequence, .at = now});
  while (heard.delivered.front().at + state.settings.timing.lease < now) heard.delivered.pop_front();
  for (const Heartbeat::Ack& ack : heartbeat.acks) {
    // A number that was not sent yet is an answer to a former life of this daemon.
    if (ack.node == self() && ack.sequence < state.next_sequence) heard.acked_mine = ack.sequence;
  }
  // Acknowledge at once a lease that was not renewed for a while; and keep step with the lowest member, so that the
  // ring carries all heartbeats in one go and rests in between.
  const bool sets_the_pace = from == present_members(cluster()).lowest();
  const Duration soon = state.settings.timing.heartbeat / 2;
  if (!heard.in_view || (sets_the_pace && state.next_heartbeat_at < now + soon)) state.next_heartbeat_at = now;
  heard.in_view = true;
  state.suspected_at.erase(from);
}

void Machine::renew_lease() {
  const Instant until = earned_lease(state);
  if (state.has_long_lease && until > now) return shorten_lease();
  if (until <= state.lease_until) return;
  const bool begins = state.lease_until <= now && now < until;
  state.lease_until = until;
  actions.emplace_back(SetLease{until});
  if (begins) state.let_in_due = true;
  // What clients sent while there was no lease was dropped: that a connection is over, too; and if the node was given
  // up meanwhile, they were told so.
  if (begins && (state.lease_ran_out || has_connections(state))) actions.emplace_back(AskClients{});
  if (state.let_in_due && has_ample_lease(state, now)) let_in_what_was_held();
  if (!state.lease_ran_out || until <= now) return;
  state.lease_ran_out = false;
  report(Severity::info, "lease-back", self(), "enough nodes acknowledge the heartbeats again: answering clients");
}

// Nobody else has answered for the own buckets while there was no lease (I1), so the data plane has held their openers;
// unless some were claimed just now, which the dead owner may still have answered.
void Machine::let_in_what_was_held() {
  state.let_in_due = false;
  const bool has_just_claimed = now < state.took_over_at + state.settings.timing.hold_settle;
  actions.emplace_back(
      DecideHeld{.buckets = own_buckets(state),
                 .decision = has_just_claimed ? HeldDecision::release_unanswered : HeldDecision::release});
}

void Machine::shorten_lease() {
  state.has_long_lease = false;
  state.lease_until = earned_lease(state);
  actions.emplace_back(SetLease{state.lease_until});
  multicast(UpgradeOver{self()});
}

void Machine::notice_lease_ran_out() {
  if (!is_member() || now < lease_end(state) || state.lease_ran_out) return;
  if (is_half_by_arbiter(state)) {
    report(Severity::warning, "lease-ran-out", self(),
           "this half stood still, and the arbiter may have let the other go on: asking for the state");
    return become_joining();
  }
  state.lease_ran_out = true;
  report(Severity::warning, "lease-ran-out", self(),
         "too few nodes acknowledge the heartbeats, or this machine stood still: answering nobody until they do");
}

void Machine::revoke_lease() {
  state.sent.clear();
  state.heard.clear();
  state.acknowledgements.clear();
  state.suspected_at.clear();
  state.self_delivered = 0;
  state.lease_ran_out = false;
  state.has_long_lease = false;
  if (state.lease_until == Instant{}) return;
  state.lease_until = Instant{};
  actions.emplace_back(SetLease{Instant{}});
}

void Machine::suspect_silent_members() {
  if (!is_member()) return;
  const Duration silence = state.settings.timing.silence;
  // If our own heartbeats do not come back the ring stands still, and others' silence says nothing about them.
  const bool ring_moves = !state.sent.empty() && state.sent.back().sequence <= state.self_delivered + 2;
  const NodeSet present = present_members(cluster());
  for (auto& [node, heard] : state.heard) {
    if (!present.contains(node) || now - heard.at <= silence || !ring_moves) continue;
    Instant& said = state.suspected_at[node];
    if (said != Instant{} && now - said <= silence) continue;
    said = now;
    multicast(Suspect{.node = node, .sequence = cluster().nodes.at(node).heartbeat});
  }
}

void Machine::apply_suspect(const Suspect& suspect) {
  if (!present_members(cluster()).contains(suspect.node)) return;
  if (cluster().nodes.at(suspect.node).heartbeat != suspect.sequence) return;  // it has spoken since
  if (suspect.node == self()) {
    report(Severity::error, "declared-dead", self(), "the others have not heard this node: starting over");
    become_joining();
    return;
  }
  apply_removal(suspect.node, Cause::declared_dead);
  apply_plan(Cause::declared_dead);
}

void Machine::fence(NodeId node) {
  const auto heard = state.heard.find(node);
  const Instant last = heard != state.heard.end() ? heard->second.at : now;
  const Timing& timing = state.settings.timing;
  const Instant until = last + with_drift(timing.lease) + timing.guard;
  state.fences[node] = {.until = std::max(until, long_lease_end(state, node)), .since = cluster().epoch};
  state.detect[node] = now - last;
}

void Machine::fence_all_outside() {
  const Timing& timing = state.settings.timing;
  const Instant until = now + with_drift(timing.lease + timing.arbiter_lag) + timing.guard;
  const auto fence_outsider = [&](NodeId node) {
    if (cluster().members.contains(node)) return;
    state.fences[node] = {.until = std::max(until, long_lease_end(state, node)), .since = cluster().epoch};
  };
  for (const auto& [node, weights] : state.settings.weights) fence_outsider(node);
  for (const auto& [node, record] : cluster().nodes) fence_outsider(node);
}

// Another member has claimed what `node` had, so it knows that its lease is over: it may have heard the last heartbeat
// when it was sent, and this node only with the new view. (A move of an earlier death says nothing.)
void Machine::lift_fence(NodeId node, Epoch move) {
  const auto fence = state.fences.find(node);
  if (fence != state.fences.end() && fence->second.since < move)
    fence->second.until = std::min(fence->second.until, now);
}

Instant last_fence(const State& state) {
  Instant last{};
  for (const auto& [node, fence] : state.fences) last = std::max(last, fence.until);
  return last;
}

}  // namespace relais::ha
