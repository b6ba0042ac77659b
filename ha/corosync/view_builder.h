// Corosync's callbacks -> views and messages for the core, in an order that is safe to act on. Pure.
//
// Corosync tells about one change of the ring in several callbacks on two connections:
//   cpg:     group change (one per joining node, or one for all that left), ..., then the new ring's id
//   quorum:  the ring's id and whether this partition is quorate
// The two connections are not ordered against each other. What is known about membership before both speak of the same
// ring is half the truth: a node that has just been cut off would see the others gone and itself still quorate. So the
// builder keeps everything that cpg says from the first sign of a change on, and lets it go when quorum has spoken:
// first one ViewChanged for the whole change, then the messages, in cpg's order.
//
// A daemon that joins or leaves within a ring changes the view at once, under the quorum of that ring.
// If the ring changes again before quorum has spoken, the first change becomes a view of its own that is not quorate.
// Other nodes may have acted on it in a quorate view, one change after the other; what they decided must not be decided
// here in another way. A node that was outside for a moment asks the others for the state.
#pragma once

#include "base/ids.h"
#include "ha/core/event.h"
#include "ha/corosync/render.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <variant>
#include <vector>

namespace relais::corosync {

struct RingId {
  std::uint32_t node = 0;
  std::uint64_t sequence = 0;
  bool operator==(const RingId&) const = default;
};

// A relaisd in the process group.
struct Daemon {
  NodeId node;
  std::uint32_t process = 0;
  auto operator<=>(const Daemon&) const = default;
};

// Whether a change of the group comes with a change of the ring (then the new ring's id follows) or within it.
enum class ChangeScope : std::uint8_t { within_ring, with_ring };

// One cpg configuration change.
struct GroupChange {
  struct Left {
    Daemon daemon;
    ha::LeaveReason reason = ha::LeaveReason::node_down;
    bool operator==(const Left&) const = default;
  };
  std::vector<Daemon> members;  // after the change
  std::vector<Left> left;
  std::vector<Daemon> joined;
  ChangeScope scope = ChangeScope::within_ring;
  bool operator==(const GroupChange&) const = default;
};

enum class Quorate : std::uint8_t { no, yes };

// What the quorum service says of a ring.
struct QuorumWord {
  RingId ring;
  Quorate quorate = Quorate::no;
  std::uint32_t nodes = 0;  // in the ring
  bool operator==(const QuorumWord&) const = default;
};

// Equal on all nodes that see the same ring and the same daemons; practically never equal otherwise. (A daemon that
// ends and comes back in the same ring with the same process id gives the same id again.)
ha::ViewId view_id_of(const RingId& ring, const std::set<Daemon>& daemons);

// For one connection to Corosync: after a reconnect, start with a new one.
class ViewBuilder {
 public:
  using Events = std::vector<ha::Event>;

  ViewBuilder(NodeId self, Votes votes) : self_(self), votes_(votes) {}

  // From cpg, in its order. Each appends to `out` what may now be acted on.
  void group_changed(GroupChange change, Events& out);
  void ring_changed(const RingId& ring, Events& out);
  void delivered(ha::Delivered message, Events& out);

  // From quorum, in its order.
  void quorum_changed(const QuorumWord& word, Events& out);

  // What waits for quorum's word. It is short-lived: a caller gives the connection up if it grows without end.
  std::size_t waiting() const { return queue_.size() + held_.size(); }

  const std::optional<RingId>& ring() const { return ring_; }

 private:
  using Item = std::variant<GroupChange, RingId, ha::Delivered>;

  void run(Events& out);
  bool take(GroupChange& change, Events& out);
  bool take(const RingId& ring, Events& out);
  bool take(ha::Delivered& message, Events& out);
  const QuorumWord* word_about(const RingId& ring) const;
  bool is_superseded() const;
  void note(const GroupChange& change);
  void settle(const QuorumWord& word, Events& out);
  void show_view(Events& out);
  NodeSet take_joined(NodeSet members);
  std::vector<ha::ViewChanged::Left> take_left(NodeSet members);

  NodeId self_;
  Votes votes_;
  std::deque<Item> queue_;           // from cpg, not yet taken
  std::deque<QuorumWord> words_;     // from quorum, the newest last; of the rings that cpg may still name
  std::vector<ha::Delivered> held_;  // taken, but behind the view that is being put together
  bool changing_ = true;             // the group has changed with the ring, whose id has not been taken yet
  std::optional<RingId> ring_;       // of the last view
  QuorumWord word_;                  // about that ring

  // The group as of the last change taken, and what happened to it since the last view shown.
  std::set<Daemon> daemons_;
  NodeSet joined_;
  std::vector<ha::ViewChanged::Left> left_;
  NodeSet shown_;  // members of the last view shown; empty: none was
  std::optional<RingId> shown_ring_;
};

}  // namespace relais::corosync
