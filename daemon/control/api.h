// What the control API says: plain values, the contract between relaisd and everything that asks it. json.h turns them
// into JSON and back; docs/control-api.md describes them. Units are in the names. Fields may be added, never renamed.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace relais::control {

struct NodeStatus {
  std::uint32_t id = 0;
  std::string name;
  bool self = false;
  bool in_ring = false;  // its relaisd is in the view of the node that answers
  bool member = false;   // has the cluster state, may own buckets
  bool drained = false;
  bool retiring = false;           // its relaisd was asked to stop and hands over
  bool upgrading = false;          // its relaisd replaces itself: it keeps its share
  bool grace = false;              // it was removed, and may come back to its connections
  std::string front = "well";      // its way to the clients: "well", "doubtful", "no gateway", "no carrier"
  bool front_lost = false;         // so the others serve in its place
  bool config_differs = false;     // its configuration is not ours
  std::uint32_t connections = 0;   // TCP connections on VIPs that it last reported
  std::int64_t heard_ms_ago = -1;  // last heartbeat; -1: none since both are members
  // Heartbeat links over which the node that answers hears nothing of it.
  std::vector<std::uint32_t> dead_links;
  bool operator==(const NodeStatus&) const = default;
};

struct BucketStatus {
  std::uint32_t owner = 0;  // node id; 0: nobody
  std::uint32_t standby = 0;
  bool moving = false;
  std::vector<std::uint32_t> leftovers;
  bool operator==(const BucketStatus&) const = default;
};

struct ShareStatus {
  std::uint32_t node = 0;
  std::uint16_t weight = 0;  // as configured or ordered, also while the node is drained or away
  std::uint16_t buckets = 0;
  std::uint16_t leftover_buckets = 0;
  bool operator==(const ShareStatus&) const = default;
};

struct VipStatus {
  std::string name;
  std::string address;
  std::string mac;
  std::vector<ShareStatus> shares;        // by node
  std::vector<BucketStatus> buckets;      // 256
  std::vector<std::string> local_states;  // 256: this node's data plane: foreign, leftover, shadow, adopt, serve
  std::uint32_t connections = 0;          // on this node
  bool operator==(const VipStatus&) const = default;
};

struct DataPlaneStatus {
  std::string mode;  // "xdp-native", "xdp-generic", "tc-only", "none"
  std::string why;   // why not a better mode; empty if native
  std::string interface;
  std::map<std::string, std::uint64_t> verdicts;  // packets by verdict since load
  std::map<std::string, std::uint64_t> hold;      // openers by what became of them in the SYN hold; empty: no hold
  std::uint64_t held_now = 0;
  bool operator==(const DataPlaneStatus&) const = default;
};

struct MoveStatus {
  std::uint64_t epoch = 0;
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::string cause;
  std::string phase;  // "planned", "holding", "claiming"
  std::uint16_t buckets = 0;
  bool operator==(const MoveStatus&) const = default;
};

// The last upgrade of the relaisd that answers, or the one by which it came.
struct UpgradeStatus {
  std::string state = "none";  // "none", "checking", "announced", "resuming", "done", "failed", "restarted"
  std::string text;            // for people: of "failed" and "restarted", why
  bool operator==(const UpgradeStatus&) const = default;
};

struct Status {
  std::string cluster;
  std::string version;
  std::uint32_t self = 0;
  std::string role;  // "outside", "joining", "member", "stopping"
  std::string why;   // if not a member: why, for people
  bool quorate = false;
  std::uint32_t votes = 0;
  std::uint32_t quorum = 0;
  std::uint32_t expected_votes = 0;
  std::int64_t lease_left_ms = 0;  // 0: none
  std::int64_t lease_ms = 0;       // its full length
  std::int64_t token_ms = 0;
  std::int64_t detection_ms = 0;
  std::string timing_preset;
  std::uint64_t epoch = 0;
  std::string config_hash;
  std::string two_node;  // the rule: "none", "lowest", "arbiter", "both"
  std::string arbiter;   // "connected", "no connection: WHY", "not running: WHY"; empty: the rule has none
  std::string corosync;  // "running", "checking", "replacing", "waiting: WHY", "idle", "stopping"
  std::vector<NodeStatus> nodes;
  std::vector<VipStatus> vips;
  std::vector<MoveStatus> moves;
  DataPlaneStatus data_plane;
  UpgradeStatus upgrade;
  bool operator==(const Status&) const = default;
};

struct WhoVip {
  std::string vip;
  std::string address;
  std::uint32_t owner = 0;
  std::string owner_name;
  std::uint32_t standby = 0;
  std::string standby_name;
  std::vector<std::uint32_t> leftovers;  // nodes that may still have older connections of this client
  bool moving = false;
  std::string why;  // one sentence
  bool operator==(const WhoVip&) const = default;
};

struct Who {
  std::string address;
  std::uint32_t bucket = 0;
  bool current = false;      // false: this node is no member or has no lease; it says what it knew last
  std::vector<WhoVip> vips;  // of the same address family
  bool operator==(const Who&) const = default;
};

struct EventRecord {
  std::uint64_t id = 0;      // increases by one on this node
  std::int64_t time_ms = 0;  // wall clock, Unix epoch
  std::string severity;      // "info", "warning", "error"
  std::string kind;          // stable word
  std::uint32_t node = 0;    // about whom; 0: the cluster
  std::string text;
  bool operator==(const EventRecord&) const = default;
};

struct ReceiptRecord {
  std::uint64_t epoch = 0;
  std::int64_t time_ms = 0;  // wall clock when the move was finished
  std::uint32_t from = 0;    // 0: nobody
  std::uint32_t to = 0;
  std::string cause;
  std::uint16_t buckets = 0;
  double detect_ms = 0;    // last heartbeat of the dead node to its removal; 0 for a planned move
  double takeover_ms = 0;  // removal (or plan) to serving
  std::uint32_t flows_kept = 0;
  std::uint32_t flows_lost = 0;
  bool abandoned = false;
  bool operator==(const ReceiptRecord&) const = default;
};

// The answer to /v1/events.
struct EventList {
  std::vector<EventRecord> events;  // by id, ascending
  std::uint64_t last_id = 0;        // the newest id of this node; 0: no event yet
  std::string run;                  // which life of relaisd numbers them; ask with it
  bool operator==(const EventList&) const = default;
};

// The answer to /v1/receipts.
struct ReceiptList {
  std::vector<ReceiptRecord> receipts;  // oldest first
  bool operator==(const ReceiptList&) const = default;
};

// The answer to /v1/version.
struct Version {
  std::string version;
  std::uint32_t api = 1;  // the number in /v1/
  bool operator==(const Version&) const = default;
};

// Body of POST /v1/drain, /v1/resume, /v1/weight.
struct Order {
  std::string node;                     // name or id
  std::optional<std::string> vip;       // weight only: name; absent: all
  std::optional<std::uint16_t> weight;  // weight only
  bool operator==(const Order&) const = default;
};

// Body of POST /v1/upgrade.
struct UpgradeOrder {
  std::optional<std::string> binary;  // absolute path; absent: the file of the relaisd that runs
  bool operator==(const UpgradeOrder&) const = default;
};

// The answer to a request that cannot be carried out.
struct Failure {
  std::string error;
  std::string way_out;
  bool operator==(const Failure&) const = default;
};

}  // namespace relais::control
