// All that one node's core knows: what it was set up with, the replicated state, and what is its own.
#pragma once

#include "base/bucket_state.h"
#include "base/ids.h"
#include "base/node_set.h"
#include "base/time.h"
#include "ha/core/cluster.h"
#include "ha/core/event.h"
#include "ha/core/message.h"
#include "ha/core/timing.h"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace relais::ha {

// Which half of an even cluster goes on when it is split in two (docs/decisions/0004-two-nodes.md).
enum class SplitRule : std::uint8_t {
  fixed,    // none, or the half with the lowest node: decided for ever, so the other half never goes on
  arbiter,  // the half that has the arbiter's vote, which may change hands
  both,     // both of two nodes
};

struct Settings {
  NodeId self;
  std::uint64_t incarnation = 0;  // random per start; the shell draws it
  std::uint64_t config_hash = 0;
  // Of what nodes must agree on to be one cluster (VIPs in their order, timing, quorum rule): leases and bucket tables
  // of those that differ mean different things, so they never become members together.
  std::uint64_t common_hash = 0;
  std::string version;
  Timing timing;
  SplitRule split = SplitRule::fixed;
  std::map<NodeId, std::vector<std::uint16_t>> weights;  // every configured node: its configured weight per VIP
  std::map<NodeId, std::string> names;                   // for reports only; without one it is "node 7"
  std::vector<std::string> vip_names;                    // the same
  std::size_t vips = 0;
  bool operator==(const Settings&) const = default;
};

// This node's part in the cluster.
enum class Role : std::uint8_t {
  outside,   // no ring, or no quorum: answers nobody
  joining,   // quorate, asking for the state
  member,    // has the state
  stopping,  // orderly stop under way
};

struct NumberedHeartbeat {
  std::uint64_t sequence = 0;
  Instant at{};  // own: sent; others': delivered here
  bool operator==(const NumberedHeartbeat&) const = default;
};

// What this node heard from a member in this membership; local, unlike NodeRecord.
struct Heard {
  Instant at{};                  // when its last heartbeat (or its acceptance) was delivered here
  std::uint64_t acked_mine = 0;  // the highest own heartbeat that it says it has
  bool in_view = false;          // a heartbeat of it has been delivered in this view
  // Its heartbeats of about one lease, the newest last; the first may be its acceptance, as number 0.
  std::deque<NumberedHeartbeat> delivered;
  bool operator==(const Heard&) const = default;
};

// This node's own upgrade, from its announcement on.
struct Upgrade {
  Instant announced_at{};
  std::uint64_t confirm_from = 0;  // heartbeats from this one on were sent after the announcement came back; 0: not yet
  NodeSet confirmed;               // members that have noted it, by such a heartbeat
  bool operator==(const Upgrade&) const = default;
};

// What a daemon leaves to the one that replaces it.
struct Handoff {
  std::uint64_t incarnation = 0;  // of the one that left
  Instant lease_until{};
  std::vector<BucketStates> states;  // as they are in the data plane
  Cluster cluster;
  bool operator==(const Handoff&) const = default;
};

// When the lease of a node that is no member has ended for certain, and the cluster's epoch in which this was reckoned.
struct Fence {
  Instant until{};
  Epoch since{};
};

struct State {
  Settings settings;

  Role role = Role::outside;
  ViewChanged view;  // the last one
  Instant view_since{};
  Cluster cluster;  // replicated; current as a member, else the last known (epoch 0: none)

  // Heartbeats and lease.
  std::uint64_t next_sequence = 1;
  Instant next_heartbeat_at{};
  std::deque<NumberedHeartbeat> sent;  // newest last; what is older than the lease is dropped
  std::uint64_t self_delivered = 0;    // sequence of the last own heartbeat that came back
  std::map<NodeId, Heard> heard;       // members other than this node
  std::map<NodeId, std::vector<Heartbeat::Ack>> acknowledgements;  // what each member, this node too, said last
  Instant accepted_at{};                                           // when the last member was accepted
  std::map<NodeId, Instant> joined_at;     // since this node did: what was said before, they do not know
  std::map<NodeId, Instant> suspected_at;  // when this node last said so
  Instant lease_until{};                   // Instant{}: no lease
  bool lease_ran_out = false;              // and the operator was told

  // A claim waits until every node outside the membership is past its fence: then its lease has run out.
  std::map<NodeId, Fence> fences;
  Instant took_over_at{};        // when it last got buckets of a node that is gone or cut off, or founded
  Instant holds_until{};         // who has lost its membership goes on holding openers until then
  bool let_in_due = false;       // what is held for the own buckets waits for a lease that lasts
  std::set<Epoch> holding_said;  // moves for which this node has said, in this view, that it is ready
  Instant claims_settle_at{};    // until then somebody may still let in what it held when it claimed
  Instant cut_off_settles_at{};  // the same of what it held when it got the buckets of a node that was cut off
  std::set<Epoch> claimed;       // moves that this node has claimed and told the others about

  // Upgrades: of this node, and of others. A node in `long_lease_until` may have its announced lease until then, member
  // or not; kept over every change of role.
  std::optional<Upgrade> upgrade;
  std::uint64_t resumes = 0;    // incarnation whose place this daemon wants to take; 0: none, or it has it
  bool has_long_lease = false;  // lease_until is the announced one, not an earned one
  std::map<NodeId, Instant> long_lease_until;
  std::map<NodeId, Instant> said_over_at;  // when this node last said so
  Instant unsure_until{};                  // a former life may have noted an announced lease that ends until then

  // Joining.
  Instant next_hello_at{};
  std::uint32_t hello_attempt = 0;
  std::map<NodeId, Hello> hellos;  // delivered in this view
  Instant next_founding_at{};      // do not propose to found a cluster more often than that
  // Who is a member of a cluster, as this view's stream says: heartbeats, hellos and snapshots. Equal on all nodes of
  // the view, members or not. As long as there is one, nobody forms another cluster.
  NodeSet members_heard;
  std::optional<std::vector<Delivered>> log;  // since our own last hello was delivered, to replay after the snapshot
  std::map<NodeId, Hello> hellos_before_log;  // `hellos` as of then

  // Own data plane and connections.
  std::vector<BucketStates> applied;
  std::vector<std::array<std::uint32_t, kBuckets>> flows;
  bool flows_known = false;                                     // counted since the last change of role
  std::vector<std::array<Instant, kBuckets>> leftover_since;    // released, or found left over; Instant{}: neither
  std::vector<std::array<std::uint8_t, kBuckets>> zero_counts;  // consecutive counts without a connection
  std::vector<BucketSet> half_open_ended;                       // leftover buckets whose half-open connections are gone

  // Own front, as the shell sees it.
  Front front = Front::well;
  Instant front_well_since{};
  std::optional<Front> front_said;  // in this view
  Instant front_lost_since{};       // Instant{}: not lost

  // Connections that have died with a node, or with its front, by node and VIP: their clients are tickled by whoever
  // serves the bucket, as soon as it does.
  std::map<NodeId, std::vector<BucketSet>> orphans;

  // For receipts and for ending graces.
  std::map<Epoch, Instant> move_started;
  std::map<NodeId, Duration> detect;  // last removal: from its last heartbeat to its removal
  std::map<NodeId, Instant> grace_until;
  Instant retire_until{};  // asked to end: hand over first, but not longer than this; Instant{}: not asked
  Instant stop_at{};       // stopping: not later than this
};

}  // namespace relais::ha
