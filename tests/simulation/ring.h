// A simulated Corosync, as far as a client can see it (/docs/architecture.md; the rules are Corosync 3.1's, measured):
//  - agreed, totally ordered delivery within a ring, to each node with a delay of its own;
//  - at a fault the ring stands still for everybody; after token + consensus the parts form new rings;
//  - those that go on together first deliver the same rest of the old ring: all that one of them has received or sent.
//  A node
//    that was cut off has a prefix of that, and maybe messages of its own that nobody else ever gets;
//  - what is sent meanwhile is delivered in the next ring;
//  - a daemon that joins or ends within a ring is an ordered entry of the same stream;
//  - an arbiter gives its vote to the half that asks first, and to the other once it hears less of that one: whoever
//    had the vote and lives may learn that late (ring_arbiter.cpp).
#pragma once

#include "base/ids.h"
#include "base/node_set.h"
#include "base/prng.h"
#include "ha/core/event.h"
#include "tests/simulation/plan.h"
#include "tests/simulation/scheduler.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace relais::simulation {

inline constexpr std::size_t kSlots = 17;  // node ids 1..16

// One event of a daemon's stream. `position` is equal on two nodes exactly if they were given the same stream so far,
// counted from the beginning of the ring.
struct StreamItem {
  ha::Event event;
  std::uint64_t position = 0;
  Duration ready_at{};
};

class RingNetwork {
 public:
  using Sink = std::function<void(NodeId, StreamItem)>;

  RingNetwork(Scheduler& scheduler, Prng& prng, const Plan& plan, Sink sink);

  // Corosync on a node.
  void start(NodeId node);
  void crash(NodeId node);
  void freeze(NodeId node);
  void thaw(NodeId node);
  bool is_up(NodeId node) const { return stack(node).up; }
  bool is_ready(NodeId node) const;  // has formed its first ring: a daemon can connect

  // Whether a message of a node that died or was cut off came to some only with the next ring, because it had reached
  // others.
  bool had_late_messages() const { return had_late_messages_; }
  // Whether a ring was formed at a time between these.
  bool formed_between(Duration begin, Duration end) const {
    return std::ranges::any_of(formed_at_, [&](Duration at) { return begin <= at && at <= end; });
  }

  // In a half that has the arbiter's vote no more, or never had it, whatever its Corosync believes.
  bool has_lost_vote(NodeId node) const;

  // relaisd on it. `process` is new for each start.
  void connect(NodeId node, std::uint32_t process);
  void disconnect(NodeId node);
  void send(NodeId node, ha::Message message);

  // The network.
  void cut(NodeSet nodes, Duration learns_later);
  void heal(NodeSet nodes);
  void stumble(NodeId node);
  void lose_arbiter(NodeSet nodes);  // the connection to it, or corosync-qdevice stands still
  void find_arbiter(NodeSet nodes);
  void set_node_delay(NodeId node, Duration delay);
  void set_ring_delay(Duration delay) { ring_delay_ = delay; }

 private:
  struct Group {
    NodeSet nodes;
    std::array<std::uint32_t, kSlots> process{};
  };
  struct Entry {
    enum class Kind : std::uint8_t { message, daemon_joined, daemon_left };
    Kind kind = Kind::message;
    NodeId about;
    std::uint32_t process = 0;
    std::shared_ptr<const ha::Message> message;
    std::uint64_t serial = 0;  // unique
  };
  struct Ring {
    std::uint64_t id = 0;
    NodeSet members;
    std::vector<Entry> log;
    bool running = true;
    Duration halted_at{};
    std::array<std::size_t, kSlots> next{};  // per node: the first entry that it has not received
    std::array<Duration, kSlots> last_arrival{};
  };
  using RingPointer = std::shared_ptr<Ring>;
  // What a node's Corosync counts for the arbiter.
  enum class Vote : std::uint8_t {
    none,
    given,
    outdated,  // the arbiter has given it to others since
  };
  struct Stack {
    bool up = false;
    bool frozen = false;
    bool settling = false;  // sees itself alone first
    std::uint32_t component = 0;
    Duration learns_later{};
    Duration delay{};
    bool hears_arbiter = true;
    Vote vote = Vote::none;         // for `ring`
    std::uint64_t vote_number = 0;  // of that value: an end that was planned for an older one does not count
    RingPointer ring;
    Group seen;                // the daemons, at this node's place in the stream
    std::deque<Entry> outbox;  // sent, but not in a ring's order yet
    Duration last_order{};
    std::uint64_t position = 0;
    // The client.
    bool connected = false;
    bool has_met_all = false;  // since Corosync started here
    bool in_group = false;     // its own joining has been delivered
    std::uint32_t process = 0;
    NodeSet shown;  // members of the last view that it was given
    std::uint64_t shown_ring = 0;
    bool shown_quorate = false;
    Duration last_ready{};
  };
  struct Formation {
    NodeSet group;
    std::uint64_t number = 0;
  };

  Stack& stack(NodeId node) { return stacks_[node.value()]; }
  const Stack& stack(NodeId node) const { return stacks_[node.value()]; }
  Duration draw_us(std::int64_t low, std::int64_t high);

  void forget_corosync(NodeId node);
  void topology_changed();
  std::vector<NodeSet> groups() const;
  void halt_broken_rings(const std::vector<NodeSet>& groups);
  void halt(Ring& ring);
  bool resume_if_short(NodeSet group);
  bool may_resume(const Ring& ring);
  void plan_formation(NodeSet group);
  Duration draw_formation_time(NodeSet group);
  void form(NodeSet group);
  std::vector<Entry> rest_of_old_ring(NodeId node, NodeSet together) const;
  NodeSet going_together(NodeId node, NodeSet group) const;
  void enter_ring(NodeId node, const RingPointer& ring, const Group& daemons, NodeSet together, NodeSet restarted);
  void settle_later(NodeId node);

  void push(NodeId node, Entry entry);
  void order_one(NodeId node);
  void append(const RingPointer& ring, Entry entry);
  void schedule_arrival(const RingPointer& ring, NodeId node, std::size_t index);
  void receive(NodeId node, const Entry& entry);
  void show_view(NodeId node, NodeSet joined, std::vector<ha::ViewChanged::Left> left, Duration skew);
  void give(NodeId node, ha::Event event, Duration skew);
  bool is_quorate(const Stack& stack) const;
  bool is_half(const Ring& ring) const { return 2 * ring.members.size() == plan_.nodes.size(); }

  // ring_arbiter.cpp
  Duration draw_arbiter_us(std::int64_t low, std::int64_t high);
  std::size_t heard_by_arbiter(const Ring& ring) const;
  bool prefers(std::size_t heard) const;
  void ask_arbiter(const RingPointer& ring);
  void choose(const RingPointer& ring);
  void move_vote_if_free();
  void give_vote(NodeId node, const RingPointer& ring);
  void end_vote_within(NodeId node, Duration limit);
  void end_vote(NodeId node);
  void catch_up_with_arbiter(NodeId node);
  void show_quorum_soon(NodeId node);
  void show_quorum(NodeId node);

  Scheduler& scheduler_;
  Prng& prng_;
  Prng arbiter_prng_;  // of its own, so that runs without an arbiter do not depend on it
  const Plan& plan_;
  Sink sink_;
  std::array<Stack, kSlots> stacks_;
  std::vector<RingPointer> rings_;     // that some node is in
  std::vector<Formation> formations_;  // under way
  RingPointer chosen_;                 // by the arbiter
  Duration ring_delay_{};
  bool had_late_messages_ = false;
  std::vector<Duration> formed_at_;
  std::uint64_t next_ring_ = 0;
  std::uint64_t next_formation_ = 0;
  std::uint64_t next_serial_ = 0;
  std::uint32_t next_component_ = 0;
};

}  // namespace relais::simulation
