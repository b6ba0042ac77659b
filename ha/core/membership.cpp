// Who belongs to the cluster. A node that Corosync shows is not a member yet: it says hello, the lowest member answers
// with the state as of that hello, and at the answer's place in the ordered stream it becomes a member everywhere at
// once. A joiner keeps what was delivered between the two and replays it. Removal is immediate: what moved on together
// needs no talk.
#include "ha/core/machine.h"

#include <algorithm>

namespace relais::ha {

namespace {

constexpr Duration kRetiringTime = std::chrono::seconds(5);  // for the share to move and connections to end
constexpr Duration kLeavingTime = std::chrono::seconds(1);   // for the last message to come back

Cause cause_of_leaving(const ViewChanged& view, NodeId node) {
  for (const ViewChanged::Left& left : view.left) {
    if (left.node == node && left.reason == LeaveReason::daemon_down) return Cause::daemon_died;
  }
  return Cause::node_died;
}

// Whether all other configured nodes together could have been a quorate ring without those who came into this view
// together. (Nothing need show it: a frozen Corosync goes from the old ring straight into the new one, and who was in
// between may have no daemon any more, but a lease.) A half is enough with a tie-breaker, but only with the lowest node
// in it; with an arbiter, either half is. Where both halves go on, nothing of the other's binds this one.
bool others_could_be_quorate(const State& state, NodeSet continuing) {
  const SplitRule split = state.settings.split;
  if (split == SplitRule::both) return false;
  const std::size_t arbiter_votes = split == SplitRule::arbiter ? 1 : 0;
  const std::size_t seen = state.view.expected - std::min<std::size_t>(state.view.expected, arbiter_votes);
  const std::size_t all = std::max<std::size_t>(seen, state.settings.weights.size());
  const std::size_t others = all - std::min(all, continuing.size());
  const NodeId lowest = state.settings.weights.begin()->first;
  const bool half_is_enough = split == SplitRule::arbiter || !continuing.contains(lowest);
  return 2 * others > all || (2 * others == all && half_is_enough);
}

// A membership that has lost nobody and whose lease has never ended: whoever got the arbiter's vote meanwhile waits
// longer than that lease. Not a half whose ring forms anew: it may get back a vote whose loss it has not noticed.
bool is_unbroken(const State& state, NodeSet continuing, Instant now) {
  const bool needs_vote = 2 * std::size_t{state.view.ring_nodes} <= state.settings.weights.size();
  return state.settings.split == SplitRule::arbiter && !needs_vote && (state.cluster.members - continuing).empty() &&
         now < state.lease_until;
}

std::string_view removal_kind(Cause cause) {
  if (cause == Cause::node_died) return "node-died";
  if (cause == Cause::daemon_died) return "daemon-died";
  if (cause == Cause::left) return "left";
  return "declared-dead";
}

// Corosync cannot tell a dead machine from one whose Corosync or network is dead.
std::string_view removal_text(Cause cause) {
  if (cause == Cause::node_died) return "is gone from the ring: the machine, its Corosync or its heartbeat links";
  if (cause == Cause::daemon_died) return "has no relaisd any more; its connections are kept for the grace time";
  if (cause == Cause::left) return "has left: its relaisd was stopped";
  return "is not heard any more though its Corosync is there: its relaisd hangs";
}

bool answers(const Snapshot& snapshot, const Hello& hello) {
  return snapshot.incarnation == hello.incarnation && snapshot.attempt == hello.attempt;
}

}  // namespace

void Machine::on_view(const ViewChanged& view) {
  enter_view(view);
  if (state.role == Role::stopping) {
    if (view.quorate && now < state.stop_at && state.stop_at != Instant::max())
      multicast(Leaving{});  // the last was lost
    return;
  }
  if (state.resumes != 0 && view.quorate) return wait_for_resumption();
  if (!view.quorate) {
    go_on_holding();
    return become_outside(Severity::warning, "quorum-lost", "this part of the cluster has no quorum: answering nobody");
  }
  const NodeSet continuing = view.members - view.joined;
  const bool is_continuing = is_member() && continuing.contains(self());
  const bool is_proven =
      view.same_ring || !others_could_be_quorate(state, continuing) || is_unbroken(state, continuing, now);
  if (is_continuing && is_proven) return continue_membership(continuing);
  if (is_continuing) {
    go_on_holding();
    report(Severity::warning, "lineage-lost", self(),
           "the others may have gone on without this node: asking for the state");
  }
  become_joining();
}

// Nobody may have a lease now: if so, the same nodes found the cluster anew, and let in what they hold.
void Machine::go_on_holding() {
  if (is_member()) state.holds_until = now + state.settings.timing.hold;
}

void Machine::enter_view(const ViewChanged& view) {
  state.view = view;
  state.view_since = now;
  state.hellos.clear();
  state.log.reset();
  state.members_heard = NodeSet{};
  state.front_said.reset();
  state.next_founding_at = Instant{};
  state.next_heartbeat_at = now;
  state.holding_said.clear();
  for (auto& [node, heard] : state.heard) heard.in_view = false;
}

void Machine::continue_membership(NodeSet continuing) {
  const ViewChanged& view = state.view;
  NodeSet gone = present_members(cluster()) - continuing;
  if (gone.size() == 1) discount_unacknowledged(gone.lowest());
  for (const NodeId node : gone& upgrading_members(cluster())) {
    if (cause_of_leaving(view, node) != Cause::daemon_died) continue;
    apply_absence(node);
    gone.erase(node);
  }
  for (const NodeId node : gone) apply_removal(node, cause_of_leaving(view, node));
  if (!gone.empty()) apply_plan(cause_of_leaving(view, gone.lowest()));
  speak_for_moves();
  repeat_upgrade_over();
  if (state.retire_until != Instant{}) multicast(Retiring{});  // the last may be lost
}

void Machine::on_ring_lost(const RingLost& lost) {
  state.view = ViewChanged{};
  state.holds_until = Instant{};
  if (state.role == Role::stopping) return;
  become_outside(Severity::error, "ring-lost",
                 "Corosync is lost (" + lost.why + "): answering nobody until it is back");
}

void Machine::become_outside(Severity severity, std::string kind, std::string text) {
  const Role before = state.resumes != 0 ? Role::joining : state.role;
  become_joining();
  state.role = Role::outside;
  if (before != Role::outside) report(severity, std::move(kind), self(), std::move(text));
}

void Machine::become_joining() {
  if (is_member() || state.resumes != 0) actions.emplace_back(ForgetOpeners{});
  state.role = Role::joining;
  state.resumes = 0;
  state.upgrade.reset();
  revoke_lease();
  state.claimed.clear();
  state.holding_said.clear();
  state.fences.clear();
  state.let_in_due = false;
  state.grace_until.clear();
  state.move_started.clear();
  state.orphans.clear();
  state.joined_at.clear();
  state.front_lost_since = Instant{};
  state.log.reset();
  state.flows_known = false;
  state.next_hello_at = now;
}

void Machine::say_hello_if_due() {
  if (state.role != Role::joining || !state.flows_known || now < state.next_hello_at) return;
  Hello hello{.incarnation = state.settings.incarnation,
              .attempt = ++state.hello_attempt,
              .config_hash = state.settings.config_hash,
              .common_hash = state.settings.common_hash,
              .epoch = cluster().epoch,
              .weights = state.settings.weights.at(self()),
              .leftovers = std::vector<BucketSet>(vip_count()),
              .version = state.settings.version,
              .front = state.front,
              .resumes = state.resumes,
              .unsure_ms = unsure_ms(state, now)};
  for (std::size_t vip = 0; vip < vip_count(); ++vip) {
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket)
      hello.leftovers[vip][bucket] = state.flows[vip][bucket] > 0;
  }
  multicast(std::move(hello));
  state.next_hello_at = now + state.settings.timing.hello_retry;
}

void Machine::on_hello(NodeId from, const Hello& hello) {
  const auto before = state.hellos.find(from);
  const bool is_news = before == state.hellos.end() || before->second.incarnation != hello.incarnation;
  state.hellos[from] = hello;
  state.members_heard.erase(from);
  if (is_news && is_member() && !is_alike(state, hello)) {
    report(Severity::error, "join-refused", from,
           name(from) + " has other VIPs, timing or quorum rules: give all nodes the same configuration");
  }
  if (is_news && hello.config_hash != state.settings.config_hash) {
    report(Severity::warning, "config-differs", from,
           name(from) + " has another configuration than " + name(self()) +
               ": compare `relais config print --running` on both; `relais config check` says what a restart changes");
  }
  if (from != self()) return;
  if (is_member() && hello.resumes == 0) {  // a repeated hello that crossed its answer: the others start over with us
    become_joining();
    state.next_hello_at = now + state.settings.timing.hello_retry;
  }
  if (state.role != Role::joining) return;
  state.log.emplace();
  state.hellos_before_log = state.hellos;
}

void Machine::apply_hello(NodeId from) {
  const auto hello = state.hellos.find(from);
  if (hello == state.hellos.end()) return;
  const bool resumes = hello->second.resumes != 0;
  if (resumes && !(cluster().members.contains(from) && is_successor(cluster().nodes.at(from), hello->second))) return;
  if (!resumes && cluster().members.contains(from)) {  // it has started over, so it holds no lease
    apply_removal(from, Cause::left);
    apply_plan(Cause::left);
  }
  if (!resumes && !upgrading_members(cluster()).empty()) return;  // its share could not be moved now; it asks again
  if (!is_alike(state, hello->second)) return;
  if (!is_member() || present_members(cluster()).lowest() != self()) return;
  multicast(Snapshot{.for_node = from,
                     .incarnation = hello->second.incarnation,
                     .attempt = hello->second.attempt,
                     .forming = {},
                     .cluster = cluster()});
}

void Machine::apply_acceptance(const Snapshot& snapshot) {
  const NodeId node = snapshot.for_node;
  const auto hello = state.hellos.find(node);
  if (node == kNoNode || hello == state.hellos.end()) return;
  if (!answers(snapshot, hello->second) || !is_alike(state, hello->second)) return;
  if (hello->second.resumes != 0) {
    const bool returns = cluster().members.contains(node) && is_successor(cluster().nodes.at(node), hello->second);
    return returns ? apply_resumption(node, hello->second) : void();
  }
  if (cluster().members.contains(node) || !upgrading_members(cluster()).empty()) return;
  advance_epoch();
  apply_member(node, hello->second);
  apply_leftovers(node, hello->second);
  if (node == self()) {
    if (now < state.holds_until) drop_what_is_held();  // the members may have answered it
    begin_membership();
  }
  apply_plan(Cause::joined);
}

void Machine::apply_member(NodeId node, const Hello& hello) {
  cluster().members.insert(node);
  NodeRecord& record = cluster().nodes[node];
  record.weights = hello.weights;  // as configured, or as an operator has told that daemon since
  record.grace = false;
  record.brief_grace = false;
  record.retiring = false;
  record.front = hello.front;
  record.front_lost = false;  // the plan that follows says so, should it be
  record.incarnation = hello.incarnation;
  record.config_hash = hello.config_hash;
  record.heartbeat = 0;
  record.presence = Presence::here;
  record.long_lease_ms = 0;  // who says hello without resuming anything holds no lease
  state.long_lease_until.erase(node);
  // It has no lease any more, but what it answered in the last moment of one its client has yet to answer.
  const auto fence = state.fences.find(node);
  if (fence != state.fences.end())
    fence->second.until = std::min(fence->second.until, now + state.settings.timing.hold_settle);
  state.grace_until.erase(node);
  state.acknowledgements.erase(node);
  state.accepted_at = now;
  state.joined_at[node] = now;
  if (node != self()) state.heard[node] = heard_since(now);
  report(Severity::info, "joined", node, name(node) + " is a member of the cluster");
}

void Machine::begin_membership() {
  state.role = Role::member;
  state.holds_until = Instant{};
  state.log.reset();
  state.claimed.clear();
  state.front_said.reset();
  state.next_heartbeat_at = now;
  state.self_delivered = 0;
  for (const NodeId node : cluster().members) {
    if (node != self()) state.heard[node] = heard_since(now);
  }
  for (const auto& [epoch, move] : cluster().moves) state.move_started[epoch] = now;
  for (const auto& [node, record] : cluster().nodes) {
    if (record.grace) begin_grace(node);
    if (record.long_lease_ms > 0) note_long_lease(node);
  }
  state.claims_settle_at = when_held_has_settled();  // of those that were made just before, this node has not been told
  fence_all_outside();
}

void Machine::on_snapshot(const Snapshot& snapshot) {
  if (snapshot.for_node == kNoNode) return on_founding(snapshot);
  const auto hello = state.hellos.find(snapshot.for_node);
  if (hello != state.hellos.end() && answers(snapshot, hello->second)) state.members_heard.insert(snapshot.for_node);
}

void Machine::install_snapshot(const Snapshot& snapshot) {
  const auto own_hello = state.hellos.find(self());
  if (!state.log || own_hello == state.hellos.end() || !answers(snapshot, own_hello->second)) return;
  if (!is_sound(snapshot.cluster, vip_count())) {
    return report(Severity::error, "bad-state", snapshot.for_node,
                  "the state that was sent contradicts itself: not used");
  }
  const std::vector<Delivered> missed = std::move(*state.log);
  state.log.reset();
  cluster() = snapshot.cluster;
  state.hellos = state.hellos_before_log;  // an answer in the log is to the hello of its time
  for (const Delivered& delivered : missed) {
    if (const auto* hello = std::get_if<Hello>(&delivered.message.body)) state.hellos[delivered.from] = *hello;
    apply_message(delivered);
  }
  apply_acceptance(snapshot);
  if (state.resumes != 0) abandon_resumption("this node is no member any more");
}

void Machine::apply_removal(NodeId node, Cause cause) {
  if (is_member()) fence(node);
  if (cause == Cause::left) {  // it ended its lease before it said so
    state.fences[node] = {.until = now, .since = cluster().epoch};
    state.long_lease_until.erase(node);
    cluster().nodes.at(node).long_lease_ms = 0;
  }
  cluster().nodes.at(node).presence = Presence::here;
  state.heard.erase(node);
  state.suspected_at.erase(node);
  cluster().members.erase(node);
  advance_epoch();
  // Its connections are kept for a while. After most causes the node itself lives on, and a new daemon may take them up
  // again; and a ring that stumbles may leave a healthy node out for a moment.
  cluster().nodes.at(node).grace = true;
  cluster().nodes.at(node).brief_grace = cause == Cause::node_died;
  begin_grace(node);
  cluster().nodes.at(node).retiring = false;
  cluster().nodes.at(node).front = Front::well;
  cluster().nodes.at(node).front_lost = false;
  abandon_moves_of(node);
  for (BucketTable& table : cluster().vips) {
    for (Bucket& bucket : table) {
      if (bucket.owner == node) bucket.leftovers.insert(node);
    }
  }
  report(cause == Cause::left ? Severity::info : Severity::warning, std::string(removal_kind(cause)), node,
         name(node) + " " + std::string(removal_text(cause)));
}

void Machine::apply_leaving(NodeId from) {
  if (!cluster().members.contains(from)) return;
  apply_removal(from, Cause::left);
  apply_plan(Cause::left);
}

void Machine::apply_retiring(NodeId from) {
  if (!cluster().members.contains(from) || cluster().nodes.at(from).retiring) return;
  cluster().nodes.at(from).retiring = true;
  advance_epoch();
  report(Severity::info, "retiring", from, name(from) + " was asked to stop: the others take its share over");
  apply_plan(Cause::left);
}

// An orderly end is a handover first: the others take the share while this node still answers its older connections, so
// that short ones end by themselves. Who asks a second time does not want to wait for them.
void Machine::start_retiring() {
  const bool has_heirs = is_member() && present_members(cluster()).size() > 1;
  if (!has_heirs) return leave();
  if (state.retire_until != Instant{}) return leave();  // asked again: at once
  give_up_upgrade("it was asked to stop");
  state.retire_until = now + kRetiringTime;
  multicast(Retiring{});
}

void Machine::leave_if_retired() {
  if (state.retire_until == Instant{} || state.role == Role::stopping) return;
  const bool has_nothing = is_member() && std::ranges::none_of(cluster().vips, [&](const BucketTable& table) {
                             return std::ranges::any_of(table, [&](const Bucket& bucket) {
                               return bucket.owner == self() || bucket.leftovers.contains(self());
                             });
                           });
  if (!is_member() || has_nothing || now >= state.retire_until) leave();
}

void Machine::leave() {
  const bool is_missed = is_member() || state.resumes != 0;
  state.role = Role::stopping;
  state.holds_until = Instant{};
  state.resumes = 0;
  state.upgrade.reset();
  revoke_lease();
  state.stop_at = now;
  if (!is_missed) return;
  state.stop_at = now + kLeavingTime;
  multicast(Leaving{});
}

void Machine::stop_if_due() {
  if (state.role != Role::stopping || now < state.stop_at) return;
  state.stop_at = Instant::max();
  actions.emplace_back(StopNow{});
}

}  // namespace relais::ha
