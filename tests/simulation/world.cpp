// Machines and their relaisd: what daemon/node does with the core, on simulated time.
#include "tests/simulation/world.h"

#include "base/overload.h"
#include "tests/simulation/describe.h"

#include <algorithm>
#include <cstdio>

namespace relais::simulation {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kTraceLines = 80;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  return Prng(hash ^ (value * 0x9e3779b97f4a7c15ULL)).next();
}

ha::Settings settings_of(const Plan& plan, NodeId id, std::uint64_t incarnation) {
  ha::Settings settings{.self = id, .incarnation = incarnation, .config_hash = 1, .version = "simulated"};
  settings.timing = plan.timing;
  if (plan.split == Split::arbiter) settings.split = ha::SplitRule::arbiter;
  if (plan.split == Split::both) settings.split = ha::SplitRule::both;
  settings.vips = plan.vips;
  for (const NodePlan& node : plan.nodes) settings.weights[node.id] = node.weights;
  return settings;
}

}  // namespace

World::World(const RunOptions& options)
    : options_(options),
      plan_(draw_plan(options.seed)),
      prng_(options.seed ^ 0x72656c616973ULL),
      ring_(scheduler_, prng_, plan_, [this](NodeId id, StreamItem item) { on_stream(id, std::move(item)); }),
      checks_(plan_) {
  result_.seed = options.seed;
  result_.plan = to_text(plan_);
  for (const NodePlan& planned : plan_.nodes) {
    SimNode& added = nodes_.emplace_back();
    added.id = planned.id;
    added.clock = {.rate_ppm = planned.rate_ppm, .offset = planned.clock_offset};
    scheduler_.at(planned.starts_at, [this, id = planned.id] {
      if (!node(id).up) boot(id);
    });
  }
  scheduler_.at(1s, [this] { open_connection(); });
  schedule_faults();
}

RunResult World::run() {
  // What happens between the last step and the next one belongs to the run: a violation may be found there.
  while (!scheduler_.empty() && !checks_.violation() && !reached_last_step_ && !is_over()) scheduler_.run_one();
  if (!checks_.violation() && !reached_last_step_) check_bounds();
  result_.longest_gap = checks_.longest_gap();
  for (const SimNode& node : nodes_) {
    if (!node.daemon) continue;
    const ClusterPrint print = print_of(node.daemon->cluster);
    result_.fingerprint = mix(result_.fingerprint, print.nodes ^ print.buckets ^ print.moves ^ print.epoch);
  }
  if (checks_.violation()) result_.violation = *checks_.violation();
  return result_;
}

bool World::is_over() {
  if (!mended_) return false;
  if (!Checks::unsettled(nodes_, now()).empty()) {
    settled_since_ = Duration{-1};
    const Duration bound = plan_.faults_end + 12s + plan_.timing.grace + 8 * plan_.timing.detection;
    if (now() < bound) return false;
    checks_.fail("I10: not settled " + std::to_string(to_ms(now() - plan_.faults_end)) +
                 " ms after the last fault: " + Checks::unsettled(nodes_, now()));
    return true;
  }
  if (settled_since_ < Duration{}) settled_since_ = now();
  result_.settled_after = settled_since_ - plan_.faults_end;
  return now() - settled_since_ > 100ms;
}

// Whether stops and dead fronts together may leave nobody for some seconds: a node that was stopped takes some to be
// back, as does one whose front is well again.
bool World::may_be_without_any_front() const {
  constexpr Duration kBack = 5s;
  const auto takes_out = [](const Fault& fault) {
    return fault.kind == FaultKind::stop || fault.kind == FaultKind::front_lost;
  };
  return std::ranges::any_of(plan_.faults, [&](const Fault& fault) {
    if (!takes_out(fault)) return false;
    NodeSet out;
    for (const Fault& other : plan_.faults) {
      const bool overlaps = other.at <= fault.at && fault.at < other.at + other.lasts + kBack;
      if (takes_out(other) && overlaps) out = out | other.nodes;
    }
    return out.size() == plan_.nodes.size();
  });
}

void World::check_bounds() {
  const auto gap_within = [&](Duration bound, const char* what) {
    const Duration gap = checks_.longest_gap();
    if (gap > bound)
      checks_.fail("I9: nobody answered for a bucket for " + std::to_string(to_ms(gap)) + " ms" + what + ", until " +
                   std::to_string(to_ms(checks_.longest_gap_end())) + " ms of the run");
  };
  const auto wait_within = [&](Duration bound, const char* what) {
    if (plan_.loss_permille == 0 && result_.longest_wait > bound) {
      checks_.fail("I13: a client waited " + std::to_string(to_ms(result_.longest_wait)) + " ms for an answer" + what);
    }
  };
  const ha::Timing& timing = plan_.timing;
  const bool is_owed_an_answer = plan_.kind == Kind::crash || plan_.kind == Kind::upgrades ||
                                 (plan_.kind == Kind::orderly && !may_be_without_any_front());
  if (is_owed_an_answer && plan_.loss_permille == 0 && result_.unanswered > 0)
    checks_.fail("I13: " + std::to_string(result_.unanswered) + " openers were never answered");
  if (plan_.kind == Kind::crash) {
    // A last heartbeat that had reached some and comes to the others with the new ring may have renewed the lease just
    // then.
    const Duration fence = ring_.had_late_messages() ? timing.silence : Duration{};
    wait_within(timing.detection + 150ms + fence, " after a crash");
    return gap_within(timing.detection + 150ms + fence, " after a crash");
  }
  if (plan_.kind == Kind::scattered) {
    const Duration gap = checks_.longest_gap();
    if (gap < timing.hold) wait_within(gap + timing.hold_settle + ha::kHoldPoll + 30ms, " of a ring that fell apart");
    return;
  }
  if (plan_.kind == Kind::upgrades) {
    const std::uint64_t moves = result_.takeovers + result_.handovers - moves_before_faults_;
    if (moves > 0) checks_.fail("upgrades have moved buckets " + std::to_string(moves) + " times");
    wait_within(60ms, " in an upgrade");
    return gap_within(Duration{}, " in an upgrade");
  }
  if (plan_.kind != Kind::orderly) return;
  const auto stops = std::ranges::count(plan_.faults, FaultKind::stop, &Fault::kind);
  if (stops == 0) {
    // What a node has got that was cut off then may have been answered: the next owner waits whether its client goes
    // on.
    const bool cuts = std::ranges::count(plan_.faults, FaultKind::front_lost, &Fault::kind) > 0;
    wait_within(60ms + (cuts ? timing.hold_settle : Duration{}), " in a handover");
    // A node that boots makes the ring form anew; a handover that is under way waits for it.
    const Duration end = checks_.longest_gap_end();
    const bool formed = ring_.formed_between(end - checks_.longest_gap(), end);
    return gap_within(formed ? 30ms + plan_.timing.token : 30ms, " in a handover");
  }
  // Somebody with a weight must be left; and it may have to wait for a fence of its own.
  const bool all_have_weight =
      std::ranges::none_of(plan_.faults, [](const Fault& fault) { return fault.kind == FaultKind::weight; }) &&
      std::ranges::all_of(plan_.nodes, [](const NodePlan& node) { return !std::ranges::count(node.weights, 0); });
  if (stops == 1 && plan_.nodes.size() > 2 && all_have_weight)
    gap_within(timing.silence + 100ms, " in an orderly stop");
}

void World::trace(const std::string& line) {
  if (options_.trace == Trace::off) return;
  char head[48];
  std::snprintf(head, sizeof head, "%7llu %11.3f ms  ", static_cast<unsigned long long>(result_.steps),
                static_cast<double>(now().count()) / 1e6);
  result_.trace.push_back(head + line);
  if (result_.trace.size() > kTraceLines && options_.last_step == std::numeric_limits<std::uint64_t>::max()) {
    result_.trace.pop_front();
  }
}

void World::boot(NodeId id) {
  SimNode& own = node(id);
  own.up = true;
  own.stopped = false;
  own.data_plane = DataPlane{};
  own.data_plane.states.assign(plan_.vips, BucketStates{});
  own.data_plane.answering.assign(plan_.vips, {});
  own.data_plane.serving.assign(plan_.vips, {});
  own.data_plane.flows.assign(plan_.vips, {});
  trace("node " + std::to_string(id.value()) + " boots");
  ring_.start(id);
  start_daemon_when_ready(id, own.process);
}

void World::start_daemon_when_ready(NodeId id, std::uint32_t process) {
  SimNode& own = node(id);
  if (!own.up || own.daemon || own.process != process) return;
  if (ring_.is_ready(id)) return start_daemon(id);
  scheduler_.after(50ms, [this, id, process] { start_daemon_when_ready(id, process); });
}

void World::start_daemon(NodeId id) {
  SimNode& own = node(id);
  ++own.process;
  own.stopped = false;
  own.frozen = false;
  own.inbox.clear();
  own.dies_after.reset();
  own.armed_for = Duration{};
  trace("node " + std::to_string(id.value()) + " starts relaisd");
  // The rule for a start: no lease, and nothing answers (docs/invariants.md I3).
  carry_out(own, ha::SetLease{});
  carry_out(own, ha::ForgetOpeners{});
  const std::uint64_t incarnation = (++next_incarnation_ << 32) + prng_.below(1U << 31);
  own.daemon =
      ha::initial_state(settings_of(plan_, id, incarnation), own.saved.value_or(ha::Cluster{}), own.clock.local(now()));
  for (std::size_t vip = 0; vip < plan_.vips; ++vip) {
    carry_out(own, ha::ApplyStates{VipId(static_cast<std::uint8_t>(vip)), own.daemon->applied[vip]});
  }
  ring_.connect(id, own.process);
  arm_timer(own);
  if (own.front != ha::Front::well) step(own, ha::FrontObserved{own.front});
  if (own.daemon) count_flows(id, own.process);
}

// The process is gone; the kernel goes on with what it was told.
void World::kill_daemon(NodeId id) {
  SimNode& own = node(id);
  if (!own.daemon) return;
  trace("node " + std::to_string(id.value()) + " loses relaisd");
  own.daemon.reset();
  own.held.clear();
  own.settling.clear();
  own.inbox.clear();
  ++own.process;
  note_membership(own);
  own.frozen = false;
  ring_.disconnect(id);
}

// exec: the process ends for the ring, its data plane goes on, and another core takes over what it left.
void World::replace_daemon(SimNode& node) {
  ha::Handoff handoff{.incarnation = node.daemon->settings.incarnation,
                      .lease_until = node.daemon->lease_until,
                      .states = node.data_plane.states,
                      .cluster = node.daemon->cluster};
  kill_daemon(node.id);
  node.away_since = now();
  ++result_.upgrades;
  if (node.exec.outcome == ExecPlan::Outcome::resumes) node.handoff = std::move(handoff);
  scheduler_.after(node.exec.lasts, [this, id = node.id, process = node.process] { start_successor(id, process); });
}

void World::start_successor(NodeId id, std::uint32_t process) {
  SimNode& own = node(id);
  if (!own.up || own.daemon || own.process != process) return;
  if (!own.handoff) return start_daemon_when_ready(id, process);
  if (!ring_.is_ready(id)) {
    scheduler_.after(50ms, [this, id, process] { start_successor(id, process); });
    return;
  }
  trace("node " + std::to_string(id.value()) + " starts the successor of its relaisd");
  ++own.process;
  own.armed_for = Duration{};
  const std::uint64_t incarnation = (++next_incarnation_ << 32) + prng_.below(1U << 31);
  own.daemon = ha::resumed_state(settings_of(plan_, id, incarnation), *own.handoff, own.clock.local(now()));
  own.handoff.reset();
  ring_.connect(id, own.process);
  arm_timer(own);
  count_flows(id, own.process);
}

void World::lose_power(NodeId id) {
  SimNode& own = node(id);
  trace("node " + std::to_string(id.value()) + " crashes");
  own.up = false;
  ring_.crash(id);
  own.daemon.reset();
  own.held.clear();
  own.settling.clear();
  own.inbox.clear();
  own.frozen = false;
  own.is_member = false;
  own.is_owed = false;
  own.handoff.reset();
  own.away_since = Duration{};
  own.data_plane = DataPlane{};
  ++own.process;
}

void World::on_stream(NodeId id, StreamItem item) {
  SimNode& own = node(id);
  const Duration ready_at = item.ready_at + (own.lag > 0us ? prng_.between(0, own.lag.count()) * 1ns : Duration{});
  own.inbox.push_back(std::move(item));
  scheduler_.at(ready_at, [this, id] { work_off(id); });
}

void World::work_off(NodeId id) {
  SimNode& own = node(id);
  while (own.daemon && !own.frozen && !own.inbox.empty() && own.inbox.front().ready_at <= now() &&
         !checks_.violation()) {
    const StreamItem item = std::move(own.inbox.front());
    own.inbox.pop_front();
    own.position = item.position;
    step(own, item.event);
  }
}

void World::step(SimNode& node, const ha::Event& event) {
  reached_last_step_ = reached_last_step_ || result_.steps >= options_.last_step;
  if (!node.daemon || reached_last_step_) return;
  ++result_.steps;
  if (options_.trace == Trace::on) trace("node " + std::to_string(node.id.value()) + " < " + describe(event));
  ha::Step done = ha::step(std::move(*node.daemon), event, node.clock.local(now()));
  node.daemon = std::move(done.state);
  result_.fingerprint =
      mix(result_.fingerprint, event.index() + (std::uint64_t{node.id.value()} << 8) + (done.actions.size() << 16) +
                                   static_cast<std::uint64_t>(now().count() << 24));
  for (const ha::Action& action : done.actions) {
    if (node.dies_after && (*node.dies_after)-- == 0) {
      node.dies_after.reset();
      return kill_daemon(node.id);
    }
    carry_out(node, action);
    if (!node.daemon) return;
  }
  note_membership(node);
  checks_.on_step(node, event);
  checks_.note_answers(nodes_, now());
  arm_timer(node);
}

void World::carry_out(SimNode& node, const ha::Action& action) {
  if (options_.trace == Trace::on) trace("node " + std::to_string(node.id.value()) + "   > " + describe(action));
  DataPlane& plane = node.data_plane;
  std::visit(Overload{
                 [&](const ha::ApplyStates& apply) {
                   const std::size_t vip = apply.vip.value();
                   note_claim(node, plane.states[vip], apply.states);
                   plane.states[vip] = apply.states;
                   for (std::size_t i = 0; i < kBuckets; ++i) {
                     plane.serving[vip][i] = apply.states[i] == BucketState::serve;
                     plane.answering[vip][i] = plane.serving[vip][i] || apply.states[i] == BucketState::adopt;
                   }
                   checks_.on_data_plane(nodes_, node, now());
                 },
                 [&](const ha::SetLease& lease) {
                   plane.lease = lease.until;
                   node.away_since = Duration{};
                   checks_.on_data_plane(nodes_, node, now());
                 },
                 [&](const ha::Multicast& multicast) {
                   result_.takeovers += std::holds_alternative<ha::Claimed>(multicast.body) ? 1 : 0;
                   result_.handovers += std::holds_alternative<ha::Released>(multicast.body) ? 1 : 0;
                   const auto* snapshot = std::get_if<ha::Snapshot>(&multicast.body);
                   if (snapshot != nullptr && snapshot->for_node == kNoNode) forget_protection(everybody());
                   ring_.send(node.id, ha::Message{.view = node.daemon->view.view, .body = multicast.body});
                 },
                 [&](const ha::ListOpeners& list) {
                   scheduler_.after(prng_.between(1, 12) * 1ms, [this, id = node.id, process = node.process, list] {
                     list_openers(id, process, list);
                   });
                 },
                 [&](const ha::LeaveOpeners& leave) { leave_openers(node, leave); },
                 [&](const ha::ForgetOpeners&) { plane.openers_since = node.clock.local(now()); },
                 [&](const ha::DecideHeld& decide) { decide_held(node, decide); },
                 [&](const ha::DestroyFlows& flows) { destroy_flows(node, flows); },
                 [&](const ha::AskClients&) {},
                 [&](const ha::Tickle& tickle) {
                   const BucketMask outside = tickle.buckets & ~plane.serving[tickle.vip.value()];
                   if (outside.any()) checks_.fail("a tickle for buckets that are not served: nobody would be reset");
                 },
                 [&](const ha::SaveCluster&) { node.saved = node.daemon->cluster; },
                 [&](const ha::Report& report) {
                   // The others have never known its connections.
                   if (report.kind == "yielded") node.is_owed = false;
                   if (report.kind == "left-out" && plan_.split != Split::both)
                     checks_.fail("a member was left out in its own view");
                 },
                 [&](const ha::Receipt&) {},
                 [&](const ha::StartSuccessor&) { replace_daemon(node); },
                 [&](const ha::StopNow&) {
                   kill_daemon(node.id);
                   if (mended_) start_daemon_when_ready(node.id, node.process);
                 },
             },
             action);
}

void World::note_membership(SimNode& node) {
  const bool is_member = node.daemon && node.daemon->role == ha::Role::member;
  if (is_member && !node.is_member) {
    node.member_since = now();
    node.is_owed = !ring_.has_lost_vote(node.id);  // to the half that has it, this one does not exist
  }
  const bool was_removed_while_frozen = node.thawed_at == now();
  if (!is_member && node.is_member && !node.frozen && !was_removed_while_frozen)
    node.owed_until = now() + plan_.timing.grace * 999 / 1000;
  node.is_member = is_member;
}

void World::arm_timer(SimNode& node) {
  const Instant local = node.clock.local(now());
  const Instant wakeup = std::clamp<Instant>(ha::next_wakeup(*node.daemon), local + 1ms, local + 500ms);
  const Duration at = node.clock.true_time(wakeup);
  if (node.armed_for > now() && at >= node.armed_for) return;
  node.armed_for = at;
  const Duration late =
      prng_.between(0, 1000) * 1us + (node.lag > 0us ? prng_.between(0, node.lag.count()) * 1ns : Duration{});
  scheduler_.at(at + late, [this, id = node.id, at, process = node.process] {
    if (this->node(id).process == process) tick(id, at);
  });
}

void World::tick(NodeId id, Duration armed_for) {
  SimNode& own = node(id);
  if (!own.daemon || own.armed_for != armed_for) return;
  if (own.frozen) return;
  own.armed_for = Duration{};
  step(own, ha::Tick{});
}

void World::count_flows(NodeId id, std::uint32_t process) {
  SimNode& own = node(id);
  if (!own.daemon || own.process != process) return;
  prune_openers(own);
  if (!own.frozen) step(own, ha::FlowsCounted{own.data_plane.flows});
  if (!own.daemon || own.process != process) return;
  const bool hurry = own.daemon->role == ha::Role::joining && !own.daemon->flows_known;
  scheduler_.after(hurry ? Duration(30ms) : plan_.count_interval, [this, id, process] { count_flows(id, process); });
}

RunResult run(const RunOptions& options) { return World(options).run(); }

std::string replay_command(const RunResult& result) {
  return "simulation --seed " + std::to_string(result.seed) + " --steps " + std::to_string(result.steps) + " --trace";
}

}  // namespace relais::simulation
