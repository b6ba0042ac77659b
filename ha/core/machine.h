// Inside of step(): one event's work on one State. The parts are files of their own:
//   membership.cpp  views, joining, snapshots, removal      lease.cpp     heartbeats, lease, silence, fences
//   founding.cpp    a cluster begins, or begins anew
//   handover.cpp    plans, moves, claims                    leftovers.cpp connections that stayed behind
//   share.cpp       what the data plane should do now       front.cpp     who is cut off from the clients
//   orphans.cpp     clients to tickle                       upgrade.cpp   a daemon that is replaced
// Two kinds of functions: those named apply_* (and install_*, which take a whole state over, and finish_, abandon_ and
// strip_, which only they call) change the replicated Cluster, and for that may read only what is equal on every member
// (the cluster, the view, the hellos of this view, the message); what they note beside it (fences, receipts, what this
// node was told) is this node's own. All others leave the Cluster alone.
#pragma once

#include "ha/core/action.h"
#include "ha/core/assign.h"
#include "ha/core/event.h"
#include "ha/core/state.h"

#include <string>

namespace relais::ha {

struct Machine {
  State& state;
  Actions& actions;
  Instant now;

  NodeId self() const { return state.settings.self; }
  bool is_member() const { return state.role == Role::member; }
  Cluster& cluster() { return state.cluster; }
  std::size_t vip_count() const { return state.settings.vips; }
  void advance_epoch() { state.cluster.epoch = Epoch(state.cluster.epoch.value() + 1); }

  void multicast(Body body) { actions.emplace_back(Multicast{std::move(body)}); }
  void report(Severity severity, std::string kind, NodeId node, std::string text) {
    actions.emplace_back(Report{severity, std::move(kind), node, std::move(text)});
  }
  // As reports call a node.
  std::string name(NodeId node) const {
    const auto known = state.settings.names.find(node);
    return known == state.settings.names.end() ? "node " + std::to_string(node.value()) : known->second;
  }
  std::string name(VipId vip) const {
    const auto& names = state.settings.vip_names;
    return vip.value() < names.size() ? names[vip.value()] : "VIP " + std::to_string(vip.value());
  }

  // step.cpp
  void on_delivered(const Delivered& delivered);
  void apply_message(const Delivered& delivered);  // the part that a joiner replays

  // membership.cpp
  void on_view(const ViewChanged& view);
  void go_on_holding();
  void enter_view(const ViewChanged& view);
  void continue_membership(NodeSet continuing);
  void on_ring_lost(const RingLost& lost);
  void become_outside(Severity severity, std::string kind, std::string text);
  void become_joining();
  void on_hello(NodeId from, const Hello& hello);
  void apply_hello(NodeId from);
  void apply_acceptance(const Snapshot& snapshot);
  void apply_member(NodeId node, const Hello& hello);
  void on_snapshot(const Snapshot& snapshot);
  void install_snapshot(const Snapshot& snapshot);
  void on_founding(const Snapshot& snapshot);
  void install_founding(const Snapshot& snapshot);
  void apply_unsureness(NodeSet founders);
  void begin_membership();
  void say_hello_if_due();
  void form_if_due();
  void apply_removal(NodeId node, Cause cause);
  void apply_leaving(NodeId from);
  void apply_retiring(NodeId from);
  void start_retiring();
  void leave_if_retired();
  void leave();
  void stop_if_due();

  // lease.cpp
  void heartbeat_if_due();
  void apply_heartbeat(NodeId from, const Heartbeat& heartbeat);
  void on_heartbeat(NodeId from, const Heartbeat& heartbeat);
  void hear_member(NodeId from, const Heartbeat& heartbeat);
  void renew_lease();
  void discount_unacknowledged(NodeId node);
  void revoke_lease();
  void notice_lease_ran_out();
  void suspect_silent_members();
  void apply_suspect(const Suspect& suspect);
  void let_in_what_was_held();
  void shorten_lease();  // from an announced one to what the heartbeats have earned
  void lift_fence(NodeId node, Epoch move);
  void fence(NodeId node);   // it left: when its lease is surely over
  void fence_all_outside();  // this node knows nothing about them: assume the worst

  // handover.cpp
  void apply_plan(Cause cause);  // plans from the weights of the members and starts the moves
  void apply_founding_plan();    // everybody claims its share; nothing is taken for granted
  void apply_claimed(NodeId from, const Claimed& claimed);
  Instant when_held_has_settled() const;
  void apply_holding(NodeId from, const Holding& holding);
  void apply_released(NodeId from, const Released& released);
  void apply_set_drained(const SetDrained& order);
  void apply_set_weight(const SetWeight& order);
  void abandon_moves_of(NodeId node);
  void finish_move(const Receipt& receipt);
  void drop_what_is_held();
  bool is_cut_off(NodeId node) const;
  void list_openers(Epoch move);
  void let_in_held(Epoch move, HeldDecision decision);
  void announce_claim(Epoch epoch, const Move& move);
  void say_holding_if_due();
  void speak_for_moves();  // says again what this node has to say about the moves under way
  void claim_if_fenced();
  void on_openers(const OpenersListed& listed);
  std::vector<BucketSet> buckets_of_move(Epoch epoch) const;  // by VIP

  // upgrade.cpp
  void start_upgrade();
  void apply_upgrading(NodeId from, const Upgrading& upgrading);
  void note_confirmation(NodeId from, const Heartbeat& heartbeat);
  void upgrade_if_confirmed();
  void give_up_upgrade(const std::string& why);
  void repeat_upgrade_over();
  void apply_upgrade_over(NodeId from, const UpgradeOver& over);
  void note_long_lease(NodeId node);
  void end_long_leases();
  void apply_absence(NodeId node);
  void wait_for_resumption();
  void apply_resumption(NodeId node, const Hello& hello);
  void abandon_resumption(const std::string& why);
  void abandon_resumption_if_due();

  // leftovers.cpp
  void on_flows(const FlowsCounted& counted);
  void give_up_unknown_openers();
  std::uint32_t flows_of_move(Epoch epoch) const;
  void apply_leftovers(NodeId node, const Hello& hello);
  bool strip_leftovers(NodeId node);
  void apply_cleared(NodeId from, const Cleared& cleared);
  void apply_grace_over(const GraceOver& over);
  void begin_grace(NodeId node);
  void end_graces();

  // front.cpp
  void on_front(const FrontObserved& observed);
  void say_front_if_due();
  void apply_front(NodeId from, const FrontHealth& said);
  bool apply_front_review();  // whether somebody was lost or came back

  // orphans.cpp
  void orphan(NodeId node, VipId vip, std::size_t bucket);
  void orphan_connections_of(NodeId node);  // all that it owns or has left over
  void tickle_orphans();

  // share.cpp
  void publish_states();  // ApplyStates for every VIP whose table changed
};

// What to wait so that so long has surely passed on another node's clock: they differ by 500 ppm each way in rate.
constexpr Duration with_drift(Duration duration) { return duration + duration / 1000; }

// Of all that are configured, rounded down. With a node that has the word of so many others nobody else is quorate
// without one of them.
std::size_t half_of_nodes(const State& state);
bool has_ample_lease(const State& state, Instant now);

// A member that begins now: its acceptance counts as heartbeat 0.
inline Heard heard_since(Instant now) { return Heard{.at = now, .delivered = {{.sequence = 0, .at = now}}}; }

// When every node outside the membership has surely lost its lease.
Instant last_fence(const State& state);

// Whether this node is to be the new owner of a handover and has not said yet that it is ready.
bool has_holding_to_say(const State& state);

// Whether this hello is that of the daemon that replaces this member's.
bool is_successor(const NodeRecord& record, const Hello& hello);

// Whether the sender can be in one cluster with this node (membership.cpp, founding.cpp).
bool is_alike(const State& state, const Hello& hello);

// For Hello::unsure_ms.
std::uint32_t unsure_ms(const State& state, Instant now);

// True for a takeover (or founding) move to this node that it has not claimed yet.
bool waits_to_claim(const State& state, Epoch epoch);

}  // namespace relais::ha
