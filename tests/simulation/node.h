// One simulated machine: its clock, its data plane with the clients' connections, and its relaisd (a State of the
// core).
#pragma once

#include "base/bucket_state.h"
#include "base/ids.h"
#include "ha/core/step.h"
#include "tests/simulation/ring.h"
#include "tests/simulation/scheduler.h"

#include <array>
#include <bitset>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace relais::simulation {

using BucketMask = std::bitset<kBuckets>;

// What the data plane notes of a connection opener: see netfilter/abi/opener.h.
enum class Fate : std::uint8_t { accepted, held, went_on, kept, elsewhere };

struct NotedOpener {
  Fate fate = Fate::accepted;
  Instant since{};
  std::uint8_t vip = 0;
  std::uint8_t bucket = 0;
};

// In the hold of relaisd.
struct HeldOpener {
  std::uint8_t vip = 0;
  std::uint8_t bucket = 0;
  Instant came{};
};

struct Connection {
  std::uint8_t vip = 0;
  std::uint8_t bucket = 0;
  std::uint64_t opener = 0;
  bool established = false;
};

// What outlives relaisd: bucket states, the lease, and the kernel's sockets.
struct DataPlane {
  std::vector<BucketStates> states;
  std::vector<BucketMask> answering;  // states serve and adopt, for speed
  std::vector<BucketMask> serving;    // state serve
  Instant lease{};
  std::map<std::uint64_t, Connection> connections;
  std::vector<std::array<std::uint32_t, kBuckets>> flows;  // the connections, counted
  std::map<std::uint64_t, NotedOpener> openers;
  Instant openers_since{};  // what was noted before is forgotten
  Instant claimed_at{};     // shadow buckets became its own
};

// How relaisd's successor does when it is asked to take over.
struct ExecPlan {
  Duration lasts{};
  enum class Outcome : std::uint8_t { dies, resumes } outcome = Outcome::resumes;
};

struct SimNode {
  NodeId id;
  NodeClock clock;
  bool up = false;            // the machine
  bool frozen = false;        // relaisd only
  std::uint32_t process = 0;  // counts starts of relaisd
  std::optional<ha::State> daemon;
  std::optional<ha::Cluster> saved;  // its state file
  std::deque<StreamItem> inbox;
  std::uint64_t position = 0;  // of the last item that relaisd has processed
  DataPlane data_plane;
  Duration armed_for{};  // true time of the next tick; zero: none
  Duration lag{};        // relaisd gets the processor so late
  std::map<std::uint64_t, HeldOpener> held;
  std::map<std::uint64_t, HeldOpener> settling;  // let in when their clients would have gone on
  ha::Front front = ha::Front::well;             // as its relaisd finds it
  std::optional<std::uint32_t> dies_after;       // actions of its next step that has any
  bool stopped = false;                          // by order
  ExecPlan exec;                                 // of the next upgrade
  std::optional<ha::Handoff> handoff;            // the successor has not started yet
  Duration away_since{};                         // answers under an announced lease without a core; zero: does not

  // Whether its connections are owed protection: as a member, and until the grace is over. A fault of the ring ends
  // that until the node is accepted again, because the others may take it for dead.
  bool is_owed = false;
  Duration owed_until{};  // when not a member
  Duration thawed_at{};   // the others may have removed it while it was frozen: its grace began then
  Duration member_since{};
  bool is_member = false;

  Duration front_lost_at{-10'000'000'000};  // the last time

  // Whether frames go from clients to it and back.
  bool is_reached() const { return up && front != ha::Front::no_carrier; }
  bool has_lease(Duration now) const { return up && clock.local(now) < data_plane.lease; }
};

}  // namespace relais::simulation
