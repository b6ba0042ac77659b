// What goes wrong, and how it ends. Everything that a fault begins is ended by `end` or, at the latest, by
// mend_everything.
#include "tests/simulation/world.h"

#include <algorithm>

namespace relais::simulation {

namespace {

using namespace std::chrono_literals;

constexpr Duration kOneFault = 300ms;  // two fronts that fail within that are one fault that nobody need survive

}  // namespace

NodeSet World::everybody() const {
  NodeSet all;
  for (const SimNode& own : nodes_) all.insert(own.id);
  return all;
}

void World::schedule_faults() {
  for (const Fault& fault : plan_.faults) {
    scheduler_.at(fault.at, [this, &fault] {
      trace("FAULT " + std::string(to_string(fault.kind)) + " node " + std::to_string(fault.nodes.lowest().value()));
      begin(fault);
    });
    scheduler_.at(fault.at + fault.lasts, [this, &fault] {
      trace("END of " + std::string(to_string(fault.kind)) + " node " + std::to_string(fault.nodes.lowest().value()));
      end(fault);
    });
  }
  scheduler_.at(plan_.faults_begin, [this] {
    if (plan_.kind == Kind::upgrades) checks_.forget_gaps();
    moves_before_faults_ = result_.takeovers + result_.handovers;
  });
  scheduler_.at(plan_.faults_end, [this] { mend_everything(); });
}

void World::begin_upgrade(SimNode& node, const Fault& fault) {
  if (!node.daemon || node.frozen) return;
  node.exec = {.lasts = fault.lasts,
               .outcome = fault.amount == 0 ? ExecPlan::Outcome::dies : ExecPlan::Outcome::resumes};
  step(node, ha::UpgradeRequested{});
}

void World::begin(const Fault& fault) {
  const NodeId id = fault.nodes.lowest();
  SimNode& own = node(id);
  switch (fault.kind) {
    case FaultKind::node_crash: return lose_power(id);
    case FaultKind::daemon_crash: return kill_daemon(id);
    case FaultKind::daemon_crash_inside: own.dies_after = fault.amount; return;
    case FaultKind::daemon_freeze:
      if (own.frozen || !own.daemon) return;
      own.frozen = true;
      if (own.is_member) own.owed_until = now() + plan_.timing.grace * 999 / 1000;
      return;
    case FaultKind::corosync_crash: return lose_corosync(id);
    case FaultKind::corosync_freeze:
      forget_protection(everybody());  // when it wakes up, it is the others that seem to have been away
      return ring_.freeze(id);
    case FaultKind::cut: forget_protection(everybody()); return ring_.cut(fault.nodes, Duration{});
    case FaultKind::cut_one_way:
      forget_protection(everybody());
      return ring_.cut(fault.nodes, plan_.timing.token * 12 / 10);
    case FaultKind::arbiter_lost: forget_protection(everybody()); return ring_.lose_arbiter(fault.nodes);
    case FaultKind::ring_stumbles: return ring_.stumble(id);
    case FaultKind::slow_node: return ring_.set_node_delay(id, fault.amount * 1us);
    case FaultKind::slow_daemon: own.lag = fault.amount * 1us; return;
    case FaultKind::slow_ring: return ring_.set_ring_delay(fault.amount * 1us);
    case FaultKind::stop:
      own.stopped = own.daemon.has_value();
      if (own.daemon && !own.frozen) step(own, ha::StopRequested{});
      return;
    case FaultKind::upgrade: return begin_upgrade(own, fault);
    case FaultKind::drain: return order_drained(id, true);
    case FaultKind::front_lost: return set_front(id, static_cast<ha::Front>(fault.amount));
    case FaultKind::weight:
      for (std::size_t vip = 0; vip < plan_.vips; ++vip) {
        order(id, {ha::SetWeight{.node = id,
                                 .vip = VipId(static_cast<std::uint8_t>(vip)),
                                 .weight = static_cast<std::uint16_t>(fault.amount)}});
      }
      return;
  }
}

void World::end(const Fault& fault) {
  const NodeId id = fault.nodes.lowest();
  SimNode& own = node(id);
  switch (fault.kind) {
    case FaultKind::node_crash:
      if (!own.up) boot(id);
      return;
    case FaultKind::daemon_crash:
    case FaultKind::daemon_crash_inside:
    case FaultKind::stop: own.dies_after.reset(); return start_daemon_when_ready(id, own.process);
    case FaultKind::daemon_freeze: return thaw_daemon(id);
    case FaultKind::corosync_crash:
      if (!own.up || ring_.is_up(id)) return;
      ring_.start(id);
      return reconnect_when_ready(id, own.process);
    case FaultKind::corosync_freeze: return ring_.thaw(id);
    case FaultKind::cut:
    case FaultKind::cut_one_way: return ring_.heal(fault.nodes);
    case FaultKind::arbiter_lost: return ring_.find_arbiter(fault.nodes);
    case FaultKind::ring_stumbles:
    case FaultKind::upgrade: return;
    case FaultKind::slow_node: return ring_.set_node_delay(id, Duration{});
    case FaultKind::slow_daemon: own.lag = Duration{}; return;
    case FaultKind::slow_ring: return ring_.set_ring_delay(Duration{});
    case FaultKind::drain: return order_drained(id, false);
    case FaultKind::front_lost: return set_front(id, ha::Front::well);
    case FaultKind::weight: return;
  }
}

void World::mend_everything() {
  trace("all faults are over");
  mended_ = true;
  ring_.set_ring_delay(Duration{});
  ring_.heal(everybody());
  ring_.find_arbiter(everybody());
  for (SimNode& own : nodes_) {
    own.lag = Duration{};
    own.dies_after.reset();
    ring_.set_node_delay(own.id, Duration{});
    ring_.thaw(own.id);
    thaw_daemon(own.id);
    set_front(own.id, ha::Front::well);
    if (!own.up) boot(own.id);
    if (!own.daemon && !own.handoff) start_daemon_when_ready(own.id, own.process);
  }
}

void World::thaw_daemon(NodeId id) {
  SimNode& own = node(id);
  if (!own.frozen) return;
  own.frozen = false;
  own.thawed_at = now();
  own.armed_for = Duration{};
  if (now() > own.owed_until - 30ms) own.is_owed = false;
  // Whichever the event loop sees first: the timer or the ring.
  if (prng_.chance(500)) step(own, ha::Tick{});
  work_off(id);
  set_front(id, own.front);
  if (own.daemon) arm_timer(own);
}

void World::set_front(NodeId id, ha::Front front) {
  SimNode& own = node(id);
  if (front != ha::Front::well && front != own.front) {
    const bool is_second = std::ranges::any_of(
        nodes_, [&](const SimNode& other) { return other.id != id && now() < other.front_lost_at + kOneFault; });
    // What came to those two only waits for its retry.
    if (is_second) {
      for (auto& [opener, client] : clients_) client.began = Duration{-1};
    }
    own.front_lost_at = now();
  }
  own.front = front;
  if (own.daemon && !own.frozen) step(own, ha::FrontObserved{front});
}

void World::order(NodeId at, ha::Ordered ordered) {
  SimNode& asked = node(at);
  if (asked.daemon && !asked.frozen) step(asked, ordered);
}

// Any node can be asked; the first one that is a member and answers is.
void World::order_drained(NodeId id, bool drained) {
  for (const SimNode& asked : nodes_) {
    if (!asked.is_member || asked.frozen) continue;
    return order(asked.id, {ha::SetDrained{.node = id, .drained = drained}});
  }
}

void World::lose_corosync(NodeId id) {
  SimNode& own = node(id);
  forget_protection(plan_.split != Split::majority ? everybody() : NodeSet(std::uint64_t{1} << id.value()));
  ring_.crash(id);
  scheduler_.after(prng_.between(6, 16) * 1ms, [this, id, process = own.process] {
    SimNode& loser = node(id);
    if (!loser.daemon || loser.process != process) return;
    on_stream(id, StreamItem{.event = ha::RingLost{"killed"}, .position = 0, .ready_at = now()});
  });
}

void World::reconnect_when_ready(NodeId id, std::uint32_t process) {
  SimNode& own = node(id);
  if (!own.daemon || own.process != process) return;
  if (ring_.is_ready(id) && !own.frozen) return ring_.connect(id, process);
  scheduler_.after(50ms, [this, id, process] { reconnect_when_ready(id, process); });
}

// What these nodes have is not owed protection until they are members again: the others may take them for dead.
void World::forget_protection(NodeSet nodes) {
  for (SimNode& own : nodes_) {
    if (nodes.contains(own.id)) own.is_owed = false;
  }
}

}  // namespace relais::simulation
