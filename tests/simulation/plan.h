// What happens in one simulated run, drawn from its seed before it starts: the cluster, its clocks, and every fault.
#pragma once

#include "base/ids.h"
#include "base/node_set.h"
#include "base/prng.h"
#include "base/time.h"
#include "ha/core/timing.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relais::simulation {

// What a run is for; it decides which faults are drawn and which bounds are checked at its end.
enum class Kind : std::uint8_t {
  orderly,    // drain, resume, weights, stop and start: no bucket may be unanswered for more than a moment
  crash,      // one node dies, nothing else: its buckets are answered again within detection + 150 ms
  upgrades,   // daemons are replaced, one after the other or at once: no bucket moves or is unanswered at all
  single,     // one fault of any kind
  halves,     // the halves lose each other, and the arbiter's vote changes hands
  scattered,  // the ring falls apart into single nodes: who opens then need not send again
  chaos,      // several, overlapping
};

enum class FaultKind : std::uint8_t {
  node_crash,           // everything on the node is gone; it boots again after `lasts`
  daemon_crash,         // relaisd is killed; its data plane goes on by itself; a new relaisd after `lasts`
  daemon_crash_inside,  // the same, in the middle of carrying out one step's actions (`amount` of them are done)
  daemon_freeze,        // SIGSTOP of relaisd: its events queue up
  corosync_crash,       // Corosync is killed, and started again after `lasts`
  corosync_freeze,      // SIGSTOP of Corosync: the node sees nothing, the others drop it
  cut,                  // the nodes are apart from the others, and learn it when the others do
  cut_one_way,          // the same, but they learn it up to 1.2 x token later
  arbiter_lost,         // the nodes and the arbiter are apart, or corosync-qdevice stands still there
  ring_stumbles,        // the ring forms again with the same members
  slow_node,            // everything reaches the node `amount` us later
  slow_daemon,          // relaisd gets the processor `amount` us late
  slow_ring,            // every message takes `amount` us longer
  stop,                 // orderly stop of relaisd; started again after `lasts`
  upgrade,              // relaisd is replaced by another, which needs `lasts` to come; amount 0: dies, and starts anew
  drain,                // an operator's order at any node; taken back after `lasts`
  front_lost,           // its front is dead for its clients: `amount` is the ha::Front that it finds
  weight,               // an operator's order: weight `amount` for all VIPs
};

// What Corosync says of the halves of an even cluster.
enum class Split : std::uint8_t {
  majority,  // neither is quorate
  lowest,    // the half with node 1 is
  arbiter,   // one of them, whichever asked first; the other once the arbiter hears less of that
  both,      // both, of two nodes that have met
};

struct Fault {
  Duration at{};
  FaultKind kind = FaultKind::node_crash;
  NodeSet nodes;
  Duration lasts{};
  std::uint32_t amount = 0;
};

struct NodePlan {
  NodeId id;
  std::int64_t rate_ppm = 0;
  Duration clock_offset{};
  Duration starts_at{};
  std::vector<std::uint16_t> weights;  // per VIP
};

struct Plan {
  std::uint64_t seed = 0;
  Kind kind = Kind::orderly;
  ha::Timing timing;
  Split split = Split::majority;
  std::size_t vips = 1;
  std::vector<NodePlan> nodes;  // ids 1, 2, …
  std::vector<Fault> faults;    // by time
  Duration faults_begin{};      // nothing goes wrong before
  Duration faults_end{};        // everything is mended by then; from here on the cluster must settle
  Duration count_interval{};    // between two counts of connections
  std::uint32_t opens_per_second = 0;
  Duration longest_connection{};
  Duration longest_way{};           // to a client and back
  std::uint32_t loss_permille = 0;  // of the segments that open a connection, on the way to each node and back
};

Plan draw_plan(std::uint64_t seed);

// The canonical text: the first lines of every run's output.
std::string to_text(const Plan& plan);

std::string_view to_string(Kind kind);
std::string_view to_string(FaultKind kind);
std::string_view to_string(Split split);

}  // namespace relais::simulation
