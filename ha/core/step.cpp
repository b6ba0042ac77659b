// Dispatch: each event to its part, then what every event is followed by: claims, heartbeats, the data plane's states.
#include "ha/core/step.h"

#include "base/invariant.h"
#include "base/overload.h"
#include "ha/core/machine.h"

#include <algorithm>

namespace relais::ha {

namespace {

// The data plane must refuse before others are told that it does, so states and lease go first; and what a new owner
// must leave to the previous one goes before the states by which it answers.
void put_data_plane_first(Actions& actions) {
  std::ranges::stable_partition(actions, [](const Action& action) {
    return std::holds_alternative<LeaveOpeners>(action) || std::holds_alternative<ForgetOpeners>(action) ||
           std::holds_alternative<ApplyStates>(action) || std::holds_alternative<SetLease>(action);
  });
}

// Whoever is told something by this daemon is told before it goes.
void put_successor_last(Actions& actions) {
  std::ranges::stable_partition(actions,
                                [](const Action& action) { return !std::holds_alternative<StartSuccessor>(action); });
}

// The state that `self` is waiting for.
bool is_for_joiner(const Body& body, NodeId self) {
  const auto* snapshot = std::get_if<Snapshot>(&body);
  return snapshot != nullptr && snapshot->for_node == self;
}

bool is_hello_of(const Delivered& delivered, NodeId node) {
  return delivered.from == node && std::holds_alternative<Hello>(delivered.message.body);
}

void on_order(Machine& machine, const Ordered& ordered) {
  if (!machine.is_member()) {
    machine.report(Severity::error, "order-refused", machine.self(),
                   "this node is not a member of the cluster now, so nobody would hear the order");
    return;
  }
  std::visit([&](const auto& order) { machine.multicast(order); }, ordered.order);
}

}  // namespace

void Machine::apply_message(const Delivered& delivered) {
  const NodeId from = delivered.from;
  std::visit(Overload{
                 [&](const Heartbeat& body) { apply_heartbeat(from, body); },
                 [&](const Hello&) { apply_hello(from); },
                 [&](const Snapshot& body) { apply_acceptance(body); },
                 [&](const Holding& body) { apply_holding(from, body); },
                 [&](const Released& body) { apply_released(from, body); },
                 [&](const Cleared& body) { apply_cleared(from, body); },
                 [&](const Suspect& body) { apply_suspect(body); },
                 [&](const GraceOver& body) { apply_grace_over(body); },
                 [&](const Leaving&) { apply_leaving(from); },
                 [&](const Retiring&) { apply_retiring(from); },
                 [&](const SetDrained& body) { apply_set_drained(body); },
                 [&](const SetWeight& body) { apply_set_weight(body); },
                 [&](const Claimed& body) { apply_claimed(from, body); },
                 [&](const FrontHealth& body) { apply_front(from, body); },
                 [&](const Clients&) {},
                 [&](const Upgrading& body) { apply_upgrading(from, body); },
                 [&](const UpgradeOver& body) { apply_upgrade_over(from, body); },
             },
             delivered.message.body);
}

void Machine::on_delivered(const Delivered& delivered) {
  const Body& body = delivered.message.body;
  // Orders are taken in any view; everything else only in the view it was sent in.
  if (delivered.message.view != state.view.view && !is_order(body)) return;
  if (const auto* hello = std::get_if<Hello>(&body)) on_hello(delivered.from, *hello);
  if (const auto* heartbeat = std::get_if<Heartbeat>(&body)) on_heartbeat(delivered.from, *heartbeat);
  if (const auto* snapshot = std::get_if<Snapshot>(&body)) on_snapshot(*snapshot);
  switch (state.role) {
    case Role::outside: return;
    case Role::joining:
      if (is_for_joiner(body, self())) return install_snapshot(std::get<Snapshot>(body));
      if (state.log && !is_hello_of(delivered, self())) state.log->push_back(delivered);
      return;
    case Role::member: return apply_message(delivered);
    case Role::stopping:
      if (delivered.from == self() && std::holds_alternative<Leaving>(body)) state.stop_at = now;  // everybody knows
      return;
  }
}

State initial_state(Settings settings, Cluster last_known, Instant now) {
  INVARIANT(settings.weights.contains(settings.self), "this node is a configured one");
  State state;
  const std::size_t vips = settings.vips;
  state.settings = std::move(settings);
  // Whoever has never had a state has never been a member.
  if (last_known.epoch != Epoch{}) state.unsure_until = now + state.settings.timing.upgrade;
  state.view_since = now;
  // Sequences of two lives of a daemon never mix: each begins at a random place (lease.cpp: acknowledgements).
  state.next_sequence = ((state.settings.incarnation & 0xffffffffU) << 24) + 1;
  // With another number of VIPs the tables say nothing any more, but who is drained does.
  if (last_known.vips.size() != vips) last_known.vips.assign(vips, BucketTable{});
  if (is_sound(last_known, vips)) state.cluster = std::move(last_known);
  for (auto& [node, record] : state.cluster.nodes) {  // what was of a life that is over
    record.retiring = false;
    record.presence = Presence::here;
    record.long_lease_ms = 0;
  }
  state.applied.assign(vips, BucketStates{});
  state.flows.assign(vips, {});
  state.leftover_since.assign(vips, {});
  state.zero_counts.assign(vips, {});
  state.half_open_ended.assign(vips, {});
  // Whatever lives here from before the start may have connections: leftover until counted.
  for (BucketStates& states : state.applied) states.fill(BucketState::leftover);
  return state;
}

Step step(State state, const Event& event, Instant now) {
  Step result{.state = std::move(state), .actions = {}};
  Machine machine{.state = result.state, .actions = result.actions, .now = now};
  const Epoch epoch_before = result.state.cluster.epoch;
  machine.notice_lease_ran_out();
  std::visit(Overload{
                 [&](const ViewChanged& view) { machine.on_view(view); },
                 [&](const Delivered& delivered) { machine.on_delivered(delivered); },
                 [&](const RingLost& lost) { machine.on_ring_lost(lost); },
                 [&](const Tick&) { machine.suspect_silent_members(); },
                 [&](const FlowsCounted& counted) { machine.on_flows(counted); },
                 [&](const OpenersListed& listed) { machine.on_openers(listed); },
                 [&](const Ordered& ordered) { on_order(machine, ordered); },
                 [&](const StopRequested&) { machine.start_retiring(); },
                 [&](const FrontObserved& observed) { machine.on_front(observed); },
                 [&](const UpgradeRequested&) { machine.start_upgrade(); },
                 [&](const UpgradeFailed& failed) { machine.give_up_upgrade(failed.why); },
             },
             event);
  machine.leave_if_retired();
  machine.claim_if_fenced();
  machine.say_holding_if_due();
  machine.end_graces();
  machine.say_front_if_due();
  machine.end_long_leases();
  machine.abandon_resumption_if_due();
  machine.heartbeat_if_due();
  machine.say_hello_if_due();
  machine.form_if_due();
  machine.stop_if_due();
  machine.upgrade_if_confirmed();
  machine.publish_states();
  machine.tickle_orphans();
  if (result.state.cluster.epoch != epoch_before) result.actions.emplace_back(SaveCluster{});
  put_data_plane_first(result.actions);
  put_successor_last(result.actions);
  return result;
}

Instant next_wakeup(const State& state) {
  const Instant limit = state.resumes != 0 ? state.lease_until : Instant::max();
  switch (state.role) {
    case Role::outside: return limit;
    case Role::joining: return state.flows_known ? std::min(limit, state.next_hello_at) : limit;
    case Role::stopping: return state.stop_at;
    case Role::member: break;
  }
  Instant wakeup = state.next_heartbeat_at;
  const bool claims_wait =
      std::ranges::any_of(state.cluster.moves, [&](const auto& entry) { return waits_to_claim(state, entry.first); });
  if (claims_wait) wakeup = std::min(wakeup, last_fence(state));
  return wakeup;
}

bool wants_flow_counts(const State& state) {
  if (state.role == Role::joining) return !state.flows_known;
  return std::ranges::any_of(state.leftover_since, [](const auto& since) {
    return std::ranges::any_of(since, [](Instant instant) { return instant != Instant{}; });
  });
}

}  // namespace relais::ha
