// Messages between the daemons, multicast in total order by Corosync. Plain values; ha/wire turns them into bytes.
// A message is a statement of its sender about itself, or an operator's command. What a receiver may conclude is in
// the file that carries it out (machine.h has the list).
#pragma once

#include "base/address.h"
#include "base/bucket_state.h"
#include "base/ids.h"
#include "base/node_set.h"
#include "base/opener.h"
#include "base/time.h"
#include "ha/core/cluster.h"

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace relais::ha {

using BucketSet = std::bitset<kBuckets>;

// "I live, this is my n-th heartbeat, and these heartbeats of others have been delivered to me."
struct Heartbeat {
  struct Ack {
    NodeId node;
    std::uint64_t sequence = 0;
    bool operator==(const Ack&) const = default;
  };
  std::uint64_t sequence = 0;
  std::uint32_t connections = 0;  // TCP connections on VIPs that this node has, for receipts
  NodeSet members;                // of the cluster state that the sender has; empty: it has none
  std::vector<Ack> acks;          // only from a member that has the state
  NodeSet upgrading;              // members whose announced lease the sender has noted
  bool operator==(const Heartbeat&) const = default;
};

// "I want to be a member." Sent on every view in which the sender is not one, and again until it is.
struct Hello {
  std::uint64_t incarnation = 0;  // random per start of the daemon
  std::uint32_t attempt = 0;      // counts hellos of this incarnation
  std::uint64_t config_hash = 0;
  std::uint64_t common_hash = 0;       // see Settings
  Epoch epoch;                         // of the state that the sender knows; 0 = none
  std::vector<std::uint16_t> weights;  // per VIP: its own, as configured
  std::vector<BucketSet> leftovers;    // per VIP: where it still has connections
  std::string version;                 // of the sender's relaisd
  Front front = Front::well;           // of the sender
  // The incarnation whose share and lease the sender has taken over; 0: none, and the sender holds no lease.
  std::uint64_t resumes = 0;
  // For so long from now on another node may have a lease by an upgrade that the sender knows of or cannot know of.
  std::uint32_t unsure_ms = 0;
  bool operator==(const Hello&) const = default;
};

// "This is the state as of `for_node`'s hello `incarnation`; from here on it is a member", or, when nobody has the
// state, "these nodes form the cluster, starting from this state".
struct Snapshot {
  NodeId for_node;                // kNoNode: forming; then `forming` names the members
  std::uint64_t incarnation = 0;  // of for_node
  std::uint32_t attempt = 0;      // of for_node's hello
  NodeSet forming;
  Cluster cluster;
  bool operator==(const Snapshot&) const = default;
};

// Handover step 1, from the new owner: "I am ready for the buckets of move `epoch`."
struct Holding {
  Epoch move;
  bool operator==(const Holding&) const = default;
};

// Handover step 2, from the old owner, after its data plane has stopped accepting new connections.
inline constexpr std::size_t kMaxOpeners = 8192;  // in one message
struct Released {
  Epoch move;
  std::uint32_t flows = 0;      // connections that it keeps (they become leftovers)
  std::vector<Opener> openers;  // that it has accepted; those that are opening stay with it, sent again too
  bool complete = true;         // whether `openers` has all that the new owner may be holding
  bool operator==(const Released&) const = default;
};

// "I have no connection left in these buckets of this VIP and drop their packets from now on."
struct Cleared {
  VipId vip;
  BucketSet buckets;
  bool operator==(const Cleared&) const = default;
};

// "I have not heard `node` since its heartbeat `sequence`." If nobody has, it is declared dead.
struct Suspect {
  NodeId node;
  std::uint64_t sequence = 0;
  bool operator==(const Suspect&) const = default;
};

// "The grace of `node` is over": what it had is given up, and its clients are told.
struct GraceOver {
  NodeId node;
  bool operator==(const GraceOver&) const = default;
};

// Orderly stop, begun: "Take my share over; I keep the connections that I have for a while."
struct Retiring {
  bool operator==(const Retiring&) const = default;
};

// Orderly stop, done: "I answer nobody any more." The sender's lease has ended before this was sent.
struct Leaving {
  bool operator==(const Leaving&) const = default;
};

// Operator: take `node` out of service (drained) or back into it. Idempotent.
struct SetDrained {
  NodeId node;
  bool drained = false;
  bool operator==(const SetDrained&) const = default;
};

// Operator (and later: a service's health): weight of `node` for `vip`. Idempotent.
struct SetWeight {
  NodeId node;
  VipId vip;
  std::uint16_t weight = 0;
  bool operator==(const SetWeight&) const = default;
};

// From a new owner, for the receipts of all nodes: "I serve what I got by move `move`."
struct Claimed {
  Epoch move;
  std::int64_t detect_us = 0;    // takeover: last heartbeat of the dead node to its removal; handover: 0
  std::int64_t takeover_us = 0;  // removal (or plan) to claim
  bool operator==(const Claimed&) const = default;
};

// "This is how my front is." Said when it changes, and again in each view until it has been heard.
struct FrontHealth {
  Front front = Front::well;
  bool operator==(const FrontHealth&) const = default;
};

// One TCP connection with a VIP, for the client book.
struct Client {
  VipId vip;
  std::uint16_t vip_port = 0;
  std::uint16_t port = 0;
  IpAddress address;
  auto operator<=>(const Client&) const = default;
};

// "These connections have come and gone since my last list." For the client books of the others, who tickle the
// clients of a node that has died. No part of the replicated state: it is large, changes each second, may be incomplete
// and decides nothing; so the core ignores it, and the shell keeps it.
struct Clients {
  std::uint32_t sequence = 0;  // of the sender's lists; a gap shows that some were not delivered here
  bool begins = false;         // a list from the start: what was told before is out of date once this one is complete
  bool complete = false;       // with this message all has been told
  std::vector<Client> added;
  std::vector<Client> removed;
  bool operator==(const Clients&) const = default;
};

// "My daemon replaces itself: for so long from the sending of this on I answer without a heartbeat, as soon as all of
// you have noted this." Taken only while nobody else is at it.
struct Upgrading {
  std::uint32_t for_ms = 0;
  bool operator==(const Upgrading&) const = default;
};

// "The lease that `node` announced is over": from itself, it has none but what its heartbeats earn; from another, so
// much time has passed. A node that is still away then is no member any more.
struct UpgradeOver {
  NodeId node;
  bool operator==(const UpgradeOver&) const = default;
};

using Body = std::variant<Heartbeat, Hello, Snapshot, Holding, Released, Cleared, Suspect, GraceOver, Leaving,
                          SetDrained, SetWeight, Claimed, Retiring, FrontHealth, Clients, Upgrading, UpgradeOver>;

// An operator's command: it says the same whenever it arrives.
inline bool is_order(const Body& body) {
  return std::holds_alternative<SetDrained>(body) || std::holds_alternative<SetWeight>(body);
}

struct Message {
  ViewId view;  // the view in which the sender sent it: what arrives in a later one is re-checked or dropped
  Body body;
  bool operator==(const Message&) const = default;
};

}  // namespace relais::ha
