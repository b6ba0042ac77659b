// One simulated run: nodes, ring, clients and faults of a plan, stepped until the cluster has settled or a rule is
// broken.
#pragma once

#include "base/prng.h"
#include "tests/simulation/checks.h"
#include "tests/simulation/node.h"
#include "tests/simulation/plan.h"
#include "tests/simulation/ring.h"
#include "tests/simulation/scheduler.h"

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace relais::simulation {

enum class Trace : std::uint8_t { off, on };

struct RunOptions {
  std::uint64_t seed = 1;
  std::uint64_t last_step = std::numeric_limits<std::uint64_t>::max();
  Trace trace = Trace::off;
};

struct RunResult {
  std::uint64_t seed = 0;
  std::uint64_t steps = 0;        // of all nodes' cores together
  std::uint64_t fingerprint = 0;  // of everything that happened
  std::string violation;          // empty: none
  std::string plan;               // its text
  std::deque<std::string> trace;  // the last lines, if asked for
  Duration settled_after{};       // the end of the faults
  Duration longest_wait{};        // of a client for the answer to its opener, once the cluster stood
  std::uint64_t unanswered = 0;   // openers that nobody answered, sent again or not, once the cluster stood
  Duration longest_gap{};         // for which some bucket was not answered, once the cluster stood
  std::uint64_t connections = 0;  // opened
  std::uint64_t takeovers = 0;    // claimed
  std::uint64_t handovers = 0;    // released
  std::uint64_t upgrades = 0;     // daemons replaced under an announced lease
};

RunResult run(const RunOptions& options);

// The command that repeats a run up to the step at which it failed.
std::string replay_command(const RunResult& result);

// How far apart the nodes work on one frame.
inline constexpr Duration kSpread = std::chrono::microseconds(300);

// A client that opens one connection.
struct Client {
  std::uint8_t vip = 0;
  std::uint8_t bucket = 0;
  Duration began{};
  Duration way{};                         // to a node and back
  std::uint32_t sent = 0;                 // how often the opener was sent
  bool has_come = false;                  // to some node: until then nobody owes an answer
  std::map<NodeId, NodeSet> accepted_by;  // who has let it in, and who was a member with it then
  NodeSet answered_by;                    // whose answers have come
  Duration answered_after{-1};            // negative: not yet
  bool met_two_halves = false;            // that both went on, and let it in
};

class World {
 public:
  explicit World(const RunOptions& options);
  RunResult run();

 private:
  SimNode& node(NodeId id) { return nodes_[id.value() - 1]; }
  Duration now() const { return scheduler_.now(); }
  void trace(const std::string& line);
  bool is_over();
  void check_bounds();
  bool may_be_without_any_front() const;

  // world.cpp: machines and relaisd
  void boot(NodeId id);
  void start_daemon_when_ready(NodeId id, std::uint32_t process);
  void start_daemon(NodeId id);
  void kill_daemon(NodeId id);
  void replace_daemon(SimNode& node);
  void start_successor(NodeId id, std::uint32_t process);
  void lose_power(NodeId id);
  void on_stream(NodeId id, StreamItem item);
  void work_off(NodeId id);
  void step(SimNode& node, const ha::Event& event);
  void carry_out(SimNode& node, const ha::Action& action);
  void note_membership(SimNode& node);
  void arm_timer(SimNode& node);
  void tick(NodeId id, Duration armed_for);
  void count_flows(NodeId id, std::uint32_t process);

  // faults.cpp
  void schedule_faults();
  void begin_upgrade(SimNode& node, const Fault& fault);
  void begin(const Fault& fault);
  void end(const Fault& fault);
  void mend_everything();
  void thaw_daemon(NodeId id);
  void set_front(NodeId id, ha::Front front);
  void order(NodeId at, ha::Ordered ordered);
  void order_drained(NodeId id, bool drained);  // tidy: allow bool-parameter: a value of the world, not a choice
  void lose_corosync(NodeId id);
  void reconnect_when_ready(NodeId id, std::uint32_t process);
  NodeSet everybody() const;
  void forget_protection(NodeSet nodes);

  // clients.cpp
  void open_connection();
  void send_opener(std::uint64_t opener);
  void close_connection(NodeId id, std::uint64_t connection);
  void destroy_flows(SimNode& node, const ha::DestroyFlows& flows);

  // openers.cpp: what the data planes and the holds do with connection openers
  void receive_opener(SimNode& node, std::uint64_t opener);
  void hold_opener(SimNode& node, std::uint64_t opener);
  void accept_opener(SimNode& node, std::uint64_t opener);
  void note_claim(SimNode& node, const BucketStates& before, const BucketStates& after);
  void send_answer(SimNode& node, std::uint64_t opener);
  void receive_answer(NodeId from, std::uint64_t opener);
  void list_openers(NodeId id, std::uint32_t process, const ha::ListOpeners& list);
  void leave_openers(SimNode& node, const ha::LeaveOpeners& leave);
  void decide_held(SimNode& node, const ha::DecideHeld& decide);
  void let_in_settled(NodeId id, std::uint32_t process, std::uint64_t opener);
  void let_in(NodeId id, std::uint64_t opener);
  void prune_openers(SimNode& node);
  bool is_lost() { return plan_.loss_permille > 0 && prng_.chance(plan_.loss_permille); }

  RunOptions options_;
  Plan plan_;
  Prng prng_;
  Scheduler scheduler_;
  std::vector<SimNode> nodes_;
  RingNetwork ring_;
  Checks checks_;
  RunResult result_;
  std::map<std::uint64_t, Client>
      clients_;  // by the number of their opener; of those that are still opening, or have been
  std::uint64_t next_opener_ = 0;
  std::uint64_t next_incarnation_ = 0;
  bool mended_ = false;
  bool reached_last_step_ = false;
  std::uint64_t moves_before_faults_ = 0;
  Duration settled_since_{-1};
};

}  // namespace relais::simulation
