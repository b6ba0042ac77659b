// All that one node's core knows: what it was set up with, the replicated state, and what is its own.
#pragma once

#include "base/bucket_state.h"
#include "base/ids.h"
#include "base/node_set.h"
#include "base/time.h"
#include "ha/core/cluster.h"
#include "ha/core/event.h"
#include "ha/core/timing.h"

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace relais::ha {

struct Settings {
  NodeId self;
  std::uint64_t incarnation = 0;    // random per start; the shell draws it
  std::uint64_t config_hash = 0;
  std::string version;
  Timing timing;
  std::map<NodeId, std::vector<std::uint16_t>> weights;   // every configured node: its configured weight per VIP
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

struct Heard {
  std::uint64_t sequence = 0;       // of the last heartbeat delivered
  Instant at{};                     // when it was delivered here
  std::uint64_t acked_mine = 0;     // the highest own heartbeat that the peer says it has
  std::uint32_t connections = 0;
  bool operator==(const Heard&) const = default;
};

struct SentHeartbeat {
  std::uint64_t sequence = 0;
  Instant at{};
  bool operator==(const SentHeartbeat&) const = default;
};

struct State {
  Settings settings;

  Role role = Role::outside;
  ViewChanged view;                       // the last one
  Cluster cluster;                        // replicated; meaningful as a member, else the last known
  bool cluster_is_known = false;          // from a snapshot or from disk

  // Heartbeats and lease.
  std::uint64_t next_sequence = 1;
  Instant next_heartbeat_at{};
  std::deque<SentHeartbeat> sent;         // not yet acknowledged by enough members
  std::map<NodeId, Heard> heard;
  Instant lease_until{};

  // A claim waits until every node outside is past its fence.
  std::map<NodeId, Instant> fence_until;

  // Joining.
  Instant next_hello_at{};
  std::map<NodeId, Hello> hellos;         // of this view
  std::optional<std::vector<Delivered>> log;   // since our own hello was delivered, to replay after the snapshot
  Instant view_since{};

  // Own data plane and connections.
  std::vector<BucketStates> applied;
  std::vector<std::array<std::uint32_t, kBuckets>> flows;
  bool flows_known = false;
  std::vector<std::array<Instant, kBuckets>> leftover_since;   // Instant{} = not leftover
  std::vector<std::array<std::uint8_t, kBuckets>> zero_counts; // consecutive counts of 0 connections

  // When things began, for receipts; local.
  std::map<Epoch, Instant> move_started;
  std::map<NodeId, Instant> suspected_at;
  std::map<NodeId, Instant> grace_until;
  std::map<NodeId, std::int64_t> detect_us;
};

}  // namespace relais::ha
