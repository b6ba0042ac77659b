// A daemon that is replaced while its node goes on answering. It announces that it will be silent; once every other
// member has noted until when it may answer, it takes that long lease and leaves. The others keep it as a member that
// is away: nothing moves, nobody waits for its word. The daemon that follows says whose place it takes; at its
// acceptance it is the same member with the same buckets, and gives the long lease back for what its heartbeats earn.
// If it does not come in time it is removed like a daemon that died, when the announced lease is surely over
// (docs/decisions/0005-upgrade.md).
#include "base/invariant.h"
#include "ha/core/machine.h"
#include "ha/core/step.h"

#include <algorithm>

namespace relais::ha {

namespace {

using Milliseconds = std::chrono::duration<std::uint32_t, std::milli>;

std::uint32_t to_whole_ms(Duration duration) {
  return std::chrono::ceil<Milliseconds>(std::max(duration, Duration::zero())).count();
}

std::string names_of(const Machine& machine, NodeSet nodes) {
  std::string text;
  for (const NodeId node : nodes) text += (text.empty() ? "" : ", ") + machine.name(node);
  return text;
}

Error not_now(std::string what, std::string way_out) {
  return Error{.what = std::move(what), .way_out = std::move(way_out)};
}

NodeSet suspected_members(const State& state) {
  NodeSet suspected;
  for (const auto& [node, said] : state.suspected_at) {
    if (state.cluster.members.contains(node)) suspected.insert(node);
  }
  return suspected;
}

// What would make a plan while the daemon is away, and so must be over before.
Result<> is_calm(const State& state) {
  if (!state.cluster.moves.empty())
    return not_now("buckets are moving", "wait until `relais status` shows no move, and ask again");
  if (!suspected_members(state).empty())
    return not_now("another node is not heard", "see `relais events`, and ask again when all nodes are well");
  if (present_members(state.cluster).size() <= half_of_nodes(state)) {
    return not_now("too few other nodes are there to keep this one's place",
                   "bring the others back first, or restart relaisd: then its share moves");
  }
  return {};
}

}  // namespace

Result<> may_upgrade(const State& state, Instant now) {
  if (state.role != Role::member || state.retire_until != Instant{})
    return not_now("this node is not a member of the cluster now, so it has no share to keep", "restart relaisd");
  if (state.lease_until <= now)
    return not_now("this node has no lease now", "see `relais events` for the reason, or restart relaisd");
  if (state.upgrade || !upgrading_members(state.cluster).empty())
    return not_now("an upgrade is under way", "wait until `relais status` shows no node that is upgrading");
  if (state.has_long_lease) return not_now("the last upgrade is not quite over", "ask again in a second");
  return is_calm(state);
}

bool is_successor(const NodeRecord& record, const Hello& hello) {
  return record.presence == Presence::away && record.incarnation == hello.resumes;
}

std::uint32_t unsure_ms(const State& state, Instant now) {
  Instant until = state.unsure_until;
  for (const auto& [node, end] : state.long_lease_until) until = std::max(until, end);
  return to_whole_ms(until - now);
}

State resumed_state(Settings settings, const Handoff& handoff, Instant now) {
  INVARIANT(handoff.states.size() == settings.vips, "the data plane has the tables of the configuration");
  State state = initial_state(std::move(settings), handoff.cluster, now);
  state.applied = handoff.states;
  state.lease_until = handoff.lease_until;
  state.has_long_lease = true;
  state.resumes = handoff.incarnation;
  return state;
}

void Machine::start_upgrade() {
  if (const Result<> may = may_upgrade(state, now); may.has_error()) {
    return report(Severity::error, "upgrade-failed", self(), "no upgrade: " + may.error().to_string());
  }
  state.upgrade = Upgrade{.announced_at = now, .confirmed = {}};
  multicast(Upgrading{.for_ms = to_whole_ms(state.settings.timing.upgrade)});
}

void Machine::apply_upgrading(NodeId from, const Upgrading& upgrading) {
  const bool counts = cluster().members.contains(from) && upgrading_members(cluster()).empty();
  if (!counts) {
    if (from == self()) give_up_upgrade("another node was faster");
    return;
  }
  NodeRecord& record = cluster().nodes.at(from);
  record.presence = Presence::upgrading;
  record.long_lease_ms = upgrading.for_ms;
  advance_epoch();
  note_long_lease(from);
  report(Severity::info, "upgrading", from,
         name(from) + " replaces its relaisd and keeps its share meanwhile, for " + std::to_string(upgrading.for_ms) +
             " ms at most");
  if (from != self() || !state.upgrade) return;
  state.upgrade->confirm_from = state.next_sequence;
  state.next_heartbeat_at = now;
}

// An acknowledged heartbeat that was sent after the announcement had come back proves that the announcement was
// delivered there; the set says that it was understood.
void Machine::note_confirmation(NodeId from, const Heartbeat& heartbeat) {
  if (!state.upgrade || state.upgrade->confirm_from == 0 || !heartbeat.upgrading.contains(self())) return;
  if (state.heard.at(from).acked_mine >= state.upgrade->confirm_from) state.upgrade->confirmed.insert(from);
}

void Machine::upgrade_if_confirmed() {
  if (!is_member() || !state.upgrade || state.has_long_lease) return;
  NodeSet waiting = present_members(cluster()) - state.upgrade->confirmed;
  waiting.erase(self());
  if (now >= state.upgrade->announced_at + state.settings.timing.upgrade_answer)
    return give_up_upgrade("not acknowledged in time by " + names_of(*this, waiting));
  if (state.upgrade->confirm_from == 0 || !waiting.empty()) return;
  if (const Result<> calm = is_calm(state); calm.has_error()) return give_up_upgrade(calm.error().to_string());
  state.has_long_lease = true;
  state.lease_until = state.upgrade->announced_at + state.settings.timing.upgrade;
  actions.emplace_back(SetLease{state.lease_until});
  actions.emplace_back(StartSuccessor{});
}

void Machine::give_up_upgrade(const std::string& why) {
  if (!state.upgrade) return;
  state.upgrade.reset();
  report(Severity::error, "upgrade-failed", self(), "no upgrade: " + why + "; the old relaisd stays in charge");
  if (state.has_long_lease) return shorten_lease();
  multicast(UpgradeOver{self()});
}

// After a change of the view, which may have swallowed what this node said.
void Machine::repeat_upgrade_over() {
  if (state.upgrade) return give_up_upgrade("the membership has changed");
  const NodeRecord& record = cluster().nodes.at(self());
  const bool is_said = record.presence == Presence::here && record.long_lease_ms == 0;
  if (!is_said && !state.has_long_lease) multicast(UpgradeOver{self()});
}

void Machine::apply_upgrade_over(NodeId from, const UpgradeOver& over) {
  const auto found = cluster().nodes.find(over.node);
  if (found == cluster().nodes.end()) return;
  NodeRecord& record = found->second;
  if (record.presence == Presence::here && record.long_lease_ms == 0) return;
  const bool is_missing = record.presence == Presence::away;
  record.presence = Presence::here;
  record.long_lease_ms = 0;
  advance_epoch();
  if (from == over.node) state.long_lease_until.erase(from);
  if (!is_missing || !cluster().members.contains(over.node)) return;
  apply_removal(over.node, Cause::daemon_died);
  apply_plan(Cause::daemon_died);
}

void Machine::note_long_lease(NodeId node) {
  if (node == self()) return;
  const Duration longest = std::chrono::milliseconds(cluster().nodes.at(node).long_lease_ms);
  Instant& until = state.long_lease_until[node];
  until = std::max(until, now + with_drift(longest) + state.settings.timing.guard);
}

void Machine::end_long_leases() {
  if (state.long_lease_until.empty()) return;
  std::erase_if(state.long_lease_until, [&](const auto& entry) {
    const auto record = cluster().nodes.find(entry.first);
    return now >= entry.second && (record == cluster().nodes.end() || record->second.long_lease_ms == 0);
  });
  if (!is_member() || present_members(cluster()).lowest() != self()) return;
  for (const auto& [node, until] : state.long_lease_until) {
    Instant& said = state.said_over_at[node];
    const bool is_due = now >= until && (said == Instant{} || now - said >= state.settings.timing.hello_retry);
    if (!is_due) continue;
    said = now;
    multicast(UpgradeOver{node});
  }
}

void Machine::apply_absence(NodeId node) {
  cluster().nodes.at(node).presence = Presence::away;
  advance_epoch();
}

void Machine::wait_for_resumption() {
  state.role = Role::joining;
  state.next_hello_at = now;
}

void Machine::apply_resumption(NodeId node, const Hello& hello) {
  NodeRecord& record = cluster().nodes.at(node);
  record.presence = Presence::here;
  record.incarnation = hello.incarnation;
  record.config_hash = hello.config_hash;
  record.heartbeat = 0;
  advance_epoch();
  state.acknowledgements.erase(node);
  state.accepted_at = now;
  report(Severity::info, "upgraded", node,
         name(node) + " has a new relaisd, " + hello.version + ", and kept its share");
  if (node != self()) {
    state.heard[node] = heard_since(now);
    return;
  }
  state.resumes = 0;
  if (record.front_lost) state.front_lost_since = now;
  state.settings.weights.at(self()) = record.weights;
  begin_membership();
  speak_for_moves();
  repeat_upgrade_over();
}

void Machine::abandon_resumption(const std::string& why) {
  report(Severity::warning, "upgrade-not-resumed", self(),
         "the place of the last relaisd is lost: " + why + "; joining as after a restart");
  become_joining();
}

void Machine::abandon_resumption_if_due() {
  if (state.resumes == 0) return;
  if (now >= state.lease_until) return abandon_resumption("the announced time is up");
  const bool nobody_knows =
      state.role == Role::joining && state.members_heard.empty() &&
      std::ranges::all_of(state.view.members, [&](NodeId node) { return state.hellos.contains(node); });
  if (nobody_knows) abandon_resumption("nobody here has the state of the cluster");
}

}  // namespace relais::ha
