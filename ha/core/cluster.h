// The replicated state: equal on every member, because every member applies the same ordered events to it.
#pragma once

#include "base/ids.h"
#include "base/node_set.h"

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

namespace relais::ha {

// Fingerprint of a ring id and the list of daemons in it: two nodes that have the same ViewId see the same members.
using ViewId = StrongId<struct ViewIdTag, std::uint64_t>;

// One bucket of one VIP.
struct Bucket {
  NodeId owner;       // answers new clients; while a move is under way, still the old owner until it has released
  NodeId standby;     // takes over if the owner dies; never the owner; kNoNode if there is no other node
  Epoch move;         // the handover or claim under way; 0 = none
  NodeSet leftovers;  // nodes that may still have connections here, and are not the owner
  bool operator==(const Bucket&) const = default;
};

using BucketTable = std::array<Bucket, kBuckets>;

// Why buckets move.
enum class Cause : std::uint8_t {
  formed = 0,         // the cluster started, nobody owned them
  node_died = 1,      // the ring dropped the node
  daemon_died = 2,    // relaisd ended, the node is still in the ring: grace
  declared_dead = 3,  // relaisd is silent (frozen): grace
  left = 4,           // orderly stop of relaisd
  joined = 5,         // a node came (back) and gets its share
  drain = 6,
  resume = 7,
  weight = 8,
  front_lost = 9,   // its front is dead while its heartbeats live
  front_back = 10,  // its front, or the gateway of all, works again
};

constexpr std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::formed: return "formed";
    case Cause::node_died: return "node died";
    case Cause::daemon_died: return "daemon died";
    case Cause::declared_dead: return "declared dead";
    case Cause::left: return "left";
    case Cause::joined: return "joined";
    case Cause::drain: return "drain";
    case Cause::resume: return "resume";
    case Cause::weight: return "weight";
    case Cause::front_lost: return "front lost";
    case Cause::front_back: return "front back";
  }
  return "?";
}

// What a node knows of its way to the clients, from good to bad.
enum class Front : std::uint8_t {
  well = 0,
  doubtful = 1,    // on its way from one side to the other: the gateway has missed a question, or answers again
  no_gateway = 2,  // no gateway has answered for some questions in a row
  no_carrier = 3,  // the front interface is down, gone or without a cable
};

constexpr std::string_view to_string(Front front) {
  switch (front) {
    case Front::well: return "well";
    case Front::doubtful: return "doubtful";
    case Front::no_gateway: return "no gateway";
    case Front::no_carrier: return "no carrier";
  }
  return "?";
}

// How far a move has come.
enum class MovePhase : std::uint8_t {
  planned = 0,   // handover: the new owner prepares
  holding = 1,   // handover: the new owner is ready, the old one is about to release
  claiming = 2,  // takeover or formation: the new owner waits until no previous owner can hold a lease
};

// All buckets that go from one node to another for one reason at one time.
struct Move {
  NodeId from;  // kNoNode: from nobody (formed)
  NodeId to;
  Cause cause = Cause::formed;
  MovePhase phase = MovePhase::planned;
  std::uint16_t buckets = 0;     // how many, over all VIPs, when it was planned
  std::uint32_t flows_kept = 0;  // handover: connections that the old owner keeps as leftovers
  std::uint32_t flows_lost = 0;  // takeover: connections that the dead node last reported
  bool cut_off = false;          // handover: the old owner's front was dead when the new owner was ready
  bool operator==(const Move&) const = default;
};

// Whether a member's daemon is there. One that upgrades itself goes and comes back as the same member (upgrade.cpp).
enum class Presence : std::uint8_t {
  here = 0,
  upgrading = 1,  // it has announced that it will be away for a moment
  away = 2,       // it is: its data plane answers by itself, under the lease that was announced
};

// What is known of a configured node beyond its membership; survives its absence.
struct NodeRecord {
  bool drained = false;
  bool grace = false;                  // it was removed; it may come back to its connections
  bool retiring = false;               // its daemon was asked to stop: it gets nothing more
  Front front = Front::well;           // as it said
  bool front_lost = false;             // and what follows from all of them: others serve in its place (front.cpp)
  std::vector<std::uint16_t> weights;  // per VIP
  std::uint64_t incarnation = 0;
  std::uint64_t config_hash = 0;
  std::uint64_t heartbeat = 0;    // sequence of its last heartbeat in the ordered stream
  std::uint32_t connections = 0;  // that heartbeat's count
  Presence presence = Presence::here;
  // Other than 0: it may have a lease of up to this length, earned by an announcement, not by heartbeats. Who becomes a
  // member meanwhile waits as long before it takes anything over from it.
  std::uint32_t long_lease_ms = 0;
  bool brief_grace = false;  // the grace is that of a node that is gone from the ring
  bool operator==(const NodeRecord&) const = default;
};

struct Cluster {
  Epoch epoch;                         // counts changes; also numbers moves
  NodeSet members;                     // nodes that have this state and may own buckets
  std::map<NodeId, NodeRecord> nodes;  // every configured node
  std::vector<BucketTable> vips;       // by VipId
  std::map<Epoch, Move> moves;         // under way
  Cause cause = Cause::formed;         // of the last change that may move buckets; what is left over moves for it too
  bool operator==(const Cluster&) const = default;
};

// The members whose daemon is there: those that acknowledge, set the pace, answer joiners.
NodeSet present_members(const Cluster& cluster);

// The members that are away for an upgrade, or about to be.
NodeSet upgrading_members(const Cluster& cluster);

// Whether a state that came from outside holds together: `vips` tables, members that are nodes, buckets whose move
// exists.
bool is_sound(const Cluster& cluster, std::size_t vips);

}  // namespace relais::ha
