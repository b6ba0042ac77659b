// What happens to the core: ordered events from the ring, time, and what the shell observed.
#pragma once

#include "base/ids.h"
#include "base/node_set.h"
#include "ha/core/message.h"

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace relais::ha {

// Why a member left a view.
enum class LeaveReason : std::uint8_t {
  node_down,    // the ring dropped the node: crash, cut, orderly end of corosync
  daemon_down,  // its relaisd ended (or left the group), the node is still in the ring
};

// Membership as of one point of the ordered stream. Emitted only when Corosync's group and quorum services agree on the
// ring.
struct ViewChanged {
  struct Left {
    NodeId node;
    LeaveReason reason = LeaveReason::node_down;
    bool operator==(const Left&) const = default;
  };
  ViewId view;
  NodeSet members;         // nodes with a running relaisd in the ring, with us
  NodeSet joined;          // of those: not with us in the previous view (also: restarted in between)
  std::vector<Left> left;  // with us in the previous view, not now (or restarted: then also in `joined`)
  bool quorate = false;
  bool same_ring = false;        // as in the previous view: only daemons came or went, no node was in another ring
  std::uint32_t ring_nodes = 0;  // in the ring, with a relaisd or without
  std::uint32_t quorum = 0;      // votes needed
  std::uint32_t expected = 0;    // votes configured
  bool operator==(const ViewChanged&) const = default;
};

// A message in its place of the ordered stream (own ones too).
struct Delivered {
  NodeId from;
  Message message;
  bool operator==(const Delivered&) const = default;
};

// Corosync died, hung up or answered with an error: nothing is known any more.
struct RingLost {
  std::string why;
  bool operator==(const RingLost&) const = default;
};

// Time has passed. The shell sends one at next_wakeup(), and every half second at least.
struct Tick {
  bool operator==(const Tick&) const = default;
};

// TCP connections on the VIPs that this node's kernel has (any state but LISTEN and TIME_WAIT), per VIP and bucket.
struct FlowsCounted {
  std::vector<std::array<std::uint32_t, kBuckets>> vips;
  bool operator==(const FlowsCounted&) const = default;
};

// The answer to ListOpeners.
struct OpenersListed {
  Epoch move;
  std::vector<Opener> openers;  // at most kMaxOpeners
  bool complete = true;         // false: there were more, or they could not be listed
  bool operator==(const OpenersListed&) const = default;
};

// An operator's order that this node was asked to carry out.
struct Ordered {
  std::variant<SetDrained, SetWeight> order;
  bool operator==(const Ordered&) const = default;
};

// relaisd was asked to end; asked again: to end at once.
struct StopRequested {
  bool operator==(const StopRequested&) const = default;
};

// What the shell finds of this node's front. Until the first one it is taken to be well.
struct FrontObserved {
  Front front = Front::well;
  bool operator==(const FrontObserved&) const = default;
};

// relaisd was asked to replace itself by another program, which is ready to run.
struct UpgradeRequested {
  bool operator==(const UpgradeRequested&) const = default;
};

// The successor could not be started; the old relaisd stays in charge.
struct UpgradeFailed {
  std::string why;
  bool operator==(const UpgradeFailed&) const = default;
};

using Event = std::variant<ViewChanged, Delivered, RingLost, Tick, FlowsCounted, OpenersListed, Ordered, StopRequested,
                           FrontObserved, UpgradeRequested, UpgradeFailed>;

}  // namespace relais::ha
