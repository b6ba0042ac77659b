// A few cores on one clock and a ring that delivers at once: for tests that tell a story step by step. What may go
// wrong in between is for tests/simulation.
#pragma once

#include "ha/core/step.h"

#include <array>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace relais::ha {

class Bench {
 public:
  enum class Ring : std::uint8_t { fresh, same };
  enum class Quorum : std::uint8_t { there, missing };
  enum class Listing : std::uint8_t { complete, incomplete };
  struct Setup {
    std::uint32_t nodes = 3;
    Duration token = std::chrono::milliseconds(200);
    std::size_t vips = 1;
    Duration drain_limit = std::chrono::hours(1);
    std::map<std::uint32_t, std::uint16_t> weights;  // of all VIPs; 1 if not named
    SplitRule split = SplitRule::fixed;
    Duration arbiter_lag{};
  };

  explicit Bench(Setup setup);

  // A node's relaisd starts (again), with the state that it saved.
  void start(std::uint32_t node);
  void start_with_common_hash(std::uint32_t node, std::uint64_t hash);
  void start_all();
  // The daemon that replaces the one that has left by an upgrade.
  void start_successor(std::uint32_t node);
  bool has_left(std::uint32_t node) const { return nodes_.at(node).handoff && !nodes_.at(node).state; }
  // Its process is gone; no view says so yet.
  void kill(std::uint32_t node);
  void freeze(std::uint32_t node) { at(node).frozen = true; }
  void thaw(std::uint32_t node);
  void drop_saved_state(std::uint32_t node) { at(node).saved = Cluster{}; }

  // The nodes of `members` get a view, and the ring is theirs. For each of them, those with another last view have
  // joined, and who is not here any more has left for `reason`. Quorate: more than half of all nodes.
  void view(NodeSet members, Ring ring = Ring::fresh, LeaveReason reason = LeaveReason::node_down);
  void inquorate_view(NodeSet members);
  // By a rule for halves.
  void quorate_view(NodeSet members);
  // Only daemons came or went: the ring and its votes are as before.
  void daemons(NodeSet members) { show(members, Ring::same, LeaveReason::daemon_down, Quorum::there); }
  // From now on nothing is delivered, until the next view.
  void halt() {
    halted_ = true;
    budget_.reset();
  }
  // The same after so many more messages.
  void halt_after(std::size_t messages) { budget_ = messages; }
  void lose_ring(std::uint32_t node);

  void run(Duration duration);
  void give(std::uint32_t node, const Event& event);  // one step, then what follows from it on the ring
  void send_as(std::uint32_t node, Body body);        // as if its core had sent it, in its view
  void send_from_outside(NodeId from, Body body);     // from a node that the bench does not have
  void set_flows(std::uint32_t node, std::size_t bucket, std::uint32_t count) { at(node).flows[0][bucket] = count; }
  // What the node's shell answers when it is asked for its openers; without: none, complete.
  void answer_openers(std::uint32_t node, std::vector<Opener> openers, Listing listing) {
    at(node).openers = std::move(openers);
    at(node).listing = listing;
  }
  void set_front(std::uint32_t node, Front front) { give(node, FrontObserved{front}); }
  void count_flows(std::uint32_t node) { give(node, FlowsCounted{at(node).flows}); }

  // Starts all nodes, gives them one view and lets them form a cluster and settle.
  void form();

  const State& state(std::uint32_t node) const { return *nodes_.at(node).state; }
  const Cluster& cluster(std::uint32_t node) const { return state(node).cluster; }
  bool is_member(std::uint32_t node) const { return state(node).role == Role::member; }
  bool has_lease(std::uint32_t node) const { return nodes_.at(node).lease > now_; }
  BucketState bucket(std::uint32_t node, std::size_t bucket) const { return nodes_.at(node).states[0][bucket]; }
  std::size_t count(std::uint32_t node, BucketState state) const;
  // The first bucket in that state there.
  std::size_t first(std::uint32_t node, BucketState state) const;
  Duration now() const { return now_ - kStart; }
  const Timing& timing() const { return timing_; }

  // Everything done since the last call, one line per action, but for heartbeats and saving: "n1 send hello 1 …". Of
  // leases: when one begins and when one is ended; one that runs out says nothing.
  std::vector<std::string> told();
  // The same with the time of each: "  530 ms  n1 send hello 1 …".
  std::vector<std::string> told_with_time();
  // The actions of a node since the last call, all of them.
  Actions take_actions(std::uint32_t node);
  const Actions& actions(std::uint32_t node) const { return nodes_.at(node).actions; }

 private:
  static constexpr Instant kStart{std::chrono::seconds(1000)};
  struct Node {
    std::optional<State> state;
    Cluster saved;
    bool frozen = false;
    std::deque<Event> inbox;
    std::vector<BucketStates> states;
    std::vector<std::array<std::uint32_t, kBuckets>> flows;
    std::vector<Opener> openers;
    Listing listing = Listing::complete;
    Instant lease{};
    Actions actions;
    NodeSet shown;                // members of its last view
    std::uint64_t last_view = 0;  // 0: none since its start
    std::uint64_t incarnation = 0;
    std::optional<Handoff> handoff;  // of the last upgrade
  };
  struct Sent {
    NodeId from;
    Message message;
  };

  Node& at(std::uint32_t node) { return nodes_.at(node); }
  void show(NodeSet members, Ring ring, LeaveReason reason, Quorum quorum);
  void step_node(std::uint32_t node, const Event& event);
  void carry_out(std::uint32_t node, const Action& action);
  void pump();
  void note(std::uint32_t node, const Action& action);
  void leave_to_successor(std::uint32_t node);

  Setup setup_;
  Timing timing_;
  std::map<std::uint32_t, Node> nodes_;
  NodeSet ring_;
  std::uint64_t view_number_ = 0;
  std::deque<Sent> in_flight_;
  std::deque<std::pair<std::uint32_t, Event>> answers_;  // of shells to their cores
  bool halted_ = false;
  std::optional<std::size_t> budget_;
  Instant now_ = kStart;
  Instant next_count_ = kStart;
  struct Told {
    Duration at;
    std::string what;
  };
  std::vector<Told> told_;
};

NodeSet set_of(std::initializer_list<std::uint32_t> nodes);

}  // namespace relais::ha
