// Which rings there are: what a fault does to a ring, when the parts form new ones, and when rings that see each other
// merge.
#include "tests/simulation/ring.h"

#include <algorithm>
#include <utility>

namespace relais::simulation {

namespace {

using namespace std::chrono_literals;

}  // namespace

bool RingNetwork::is_ready(NodeId node) const {
  const Stack& own = stack(node);
  return own.up && !own.frozen && own.ring != nullptr;
}

// What the network does to the node stays.
void RingNetwork::forget_corosync(NodeId node) {
  Stack& own = stack(node);
  own = Stack{.component = own.component,
              .delay = own.delay,
              .hears_arbiter = own.hears_arbiter,
              .vote_number = own.vote_number + 1};
}

void RingNetwork::start(NodeId node) {
  forget_corosync(node);
  stack(node).up = true;
  stack(node).settling = true;
  topology_changed();
}

void RingNetwork::crash(NodeId node) {
  if (!stack(node).up) return;
  forget_corosync(node);
  topology_changed();
}

void RingNetwork::freeze(NodeId node) {
  if (!stack(node).up) return;
  stack(node).frozen = true;
  topology_changed();
}

void RingNetwork::thaw(NodeId node) {
  Stack& own = stack(node);
  if (!own.up || !own.frozen) return;
  own.frozen = false;
  // A ring that has gone on without it is noticed first as "alone", mostly.
  const bool dropped = own.ring && std::ranges::any_of(own.ring->members, [&](NodeId other) {
                         return other != node && stack(other).up && stack(other).ring != own.ring;
                       });
  own.settling = dropped && prng_.chance(700);
  topology_changed();
  catch_up_with_arbiter(node);
  show_quorum_soon(node);
}

void RingNetwork::cut(NodeSet nodes, Duration learns_later) {
  ++next_component_;
  for (const NodeId node : nodes) {
    stack(node).component = next_component_;
    stack(node).learns_later = learns_later;
  }
  topology_changed();
}

void RingNetwork::heal(NodeSet nodes) {
  for (const NodeId node : nodes) {
    stack(node).component = 0;
    stack(node).learns_later = Duration{};
  }
  topology_changed();
}

void RingNetwork::stumble(NodeId node) {
  const RingPointer ring = stack(node).ring;
  if (!ring || !ring->running) return;
  halt(*ring);
  const NodeSet members = ring->members;
  std::erase_if(formations_, [&](const Formation& formation) { return !(formation.group & members).empty(); });
  const std::uint64_t number = ++next_formation_;
  formations_.push_back({.group = members, .number = number});
  scheduler_.after(draw_us(2000, 60000), [this, members, number] {
    const auto found = std::ranges::find(formations_, number, &Formation::number);
    if (found != formations_.end()) form(members);
  });
}

void RingNetwork::set_node_delay(NodeId node, Duration delay) { stack(node).delay = delay; }

void RingNetwork::topology_changed() {
  const std::vector<NodeSet> all = groups();
  halt_broken_rings(all);
  std::erase_if(formations_,
                [&](const Formation& formation) { return std::ranges::find(all, formation.group) == all.end(); });
  for (const NodeSet group : all) {
    if (std::ranges::find(formations_, group, &Formation::group) != formations_.end()) continue;
    const RingPointer& ring = stack(group.lowest()).ring;
    const bool stands = ring && ring->running && ring->members == group &&
                        std::ranges::all_of(group, [&](NodeId node) { return stack(node).ring == ring; });
    if (!stands && !resume_if_short(group)) plan_formation(group);
  }
  move_vote_if_free();
}

std::vector<NodeSet> RingNetwork::groups() const {
  std::map<std::uint32_t, NodeSet> by_component;
  std::vector<NodeSet> result;
  for (const NodePlan& node : plan_.nodes) {
    const Stack& own = stack(node.id);
    if (!own.up || own.frozen) continue;
    if (own.settling) {
      result.emplace_back();
      result.back().insert(node.id);
    } else {
      by_component[own.component].insert(node.id);
    }
  }
  for (const auto& [component, group] : by_component) result.push_back(group);
  return result;
}

void RingNetwork::halt_broken_rings(const std::vector<NodeSet>& groups) {
  rings_.clear();
  for (const NodePlan& node : plan_.nodes) {
    const RingPointer& ring = stack(node.id).ring;
    if (ring && std::ranges::find(rings_, ring) == rings_.end()) rings_.push_back(ring);
  }
  for (const RingPointer& ring : rings_) {
    const bool whole = std::ranges::any_of(groups, [&](NodeSet group) { return (ring->members - group).empty(); }) &&
                       std::ranges::all_of(ring->members, [&](NodeId node) { return stack(node).ring == ring; });
    if (!whole) halt(*ring);
  }
}

void RingNetwork::halt(Ring& ring) {
  if (!ring.running) return;
  ring.running = false;
  ring.halted_at = scheduler_.now();
}

// A fault shorter than the token is not noticed: the token is sent again. A half of one node has nobody to miss it.
bool RingNetwork::may_resume(const Ring& ring) {
  if (scheduler_.now() - ring.halted_at <= plan_.timing.token * 9 / 10) return true;
  return plan_.split == Split::arbiter && ring.members.size() == 1 && arbiter_prng_.chance(700);
}

bool RingNetwork::resume_if_short(NodeSet group) {
  const RingPointer ring = stack(group.lowest()).ring;
  if (!ring || ring->running || ring->members != group || !may_resume(*ring)) return false;
  if (!std::ranges::all_of(group, [&](NodeId node) { return stack(node).ring == ring; })) return false;
  ring->running = true;
  for (const NodeId node : group) {
    for (std::size_t i = ring->next[node.value()]; i < ring->log.size(); ++i) schedule_arrival(ring, node, i);
    for (std::size_t i = 0; i < stack(node).outbox.size(); ++i) {
      scheduler_.after(draw_us(50, 3000), [this, node] { order_one(node); });
    }
  }
  for (const NodeId node : group) show_quorum_soon(node);
  return true;
}

Duration RingNetwork::draw_formation_time(NodeSet group) {
  const Duration now = scheduler_.now();
  const auto percent = [&](Duration duration, std::int64_t low, std::int64_t high) {
    return duration * prng_.between(low, high) / 100;
  };
  Duration at = now + draw_us(5000, 80000);
  Duration learns_later{};
  bool merges = false;
  bool broken = false;
  const RingPointer& first = stack(group.lowest()).ring;
  for (const NodeId node : group) merges = merges || stack(node).ring != first;
  for (const NodeId node : group) {
    const Stack& own = stack(node);
    learns_later = std::max(learns_later, own.learns_later);
    const bool same_again = !merges && own.ring && own.ring->members == group;
    if (own.ring && !own.ring->running && !same_again) {
      broken = true;
      at = std::max(at, own.ring->halted_at + percent(plan_.timing.token, 205, 228));
    }
  }
  if (merges && !broken) at = std::max(at, now + draw_us(20000, 600000));
  return at + (learns_later > Duration{} ? percent(learns_later, 0, 100) : Duration{});
}

void RingNetwork::plan_formation(NodeSet group) {
  const std::uint64_t number = ++next_formation_;
  formations_.push_back({.group = group, .number = number});
  const Duration at = draw_formation_time(group);
  const auto is_current = [this, number] {
    return std::ranges::find(formations_, number, &Formation::number) != formations_.end();
  };
  // Rings that are about to merge stand still a moment before.
  scheduler_.at(at - draw_us(3000, 40000), [this, group, is_current] {
    if (!is_current()) return;
    for (const NodeId node : group) {
      if (stack(node).ring) halt(*stack(node).ring);
    }
  });
  scheduler_.at(at, [this, group, is_current] {
    if (is_current()) form(group);
  });
}

// Of those in the group, the ones that come from the same ring as `node`.
NodeSet RingNetwork::going_together(NodeId node, NodeSet group) const {
  NodeSet together;
  together.insert(node);
  for (const NodeId other : group) {
    if (stack(node).ring && stack(other).ring == stack(node).ring) together.insert(other);
  }
  return together;
}

void RingNetwork::form(NodeSet group) {
  std::erase_if(formations_, [&](const Formation& formation) { return formation.group == group; });
  std::array<NodeSet, kSlots> together;
  std::array<std::vector<Entry>, kSlots> rest;
  for (const NodeId node : group) {
    together[node.value()] = going_together(node, group);
    rest[node.value()] = rest_of_old_ring(node, together[node.value()]);
  }
  for (const NodeId node : group) {
    for (const Entry& entry : rest[node.value()]) {
      had_late_messages_ = had_late_messages_ || !together[node.value()].contains(entry.about);
      receive(node, entry);
    }
  }
  const auto ring = std::make_shared<Ring>();
  formed_at_.push_back(scheduler_.now());
  ring->id = ++next_ring_;
  ring->members = group;
  ask_arbiter(ring);
  Group daemons;
  NodeSet restarted;
  for (const NodeId node : group) {
    const Stack& own = stack(node);
    if (own.connected) daemons.nodes.insert(node);
    daemons.process[node.value()] = own.connected ? own.process : 0;
    for (const Entry& entry : own.outbox) {
      if (entry.kind == Entry::Kind::daemon_left) restarted.insert(node);
    }
  }
  for (const NodeId node : group) enter_ring(node, ring, daemons, together[node.value()], restarted);
  for (const NodeId node : group) settle_later(node);
  topology_changed();  // somebody else may have come into sight meanwhile
}

void RingNetwork::settle_later(NodeId node) {
  if (!stack(node).settling) return;
  const RingPointer ring = stack(node).ring;
  scheduler_.after(draw_us(20000, 400000), [this, node, ring] {
    if (stack(node).ring != ring || !stack(node).settling) return;
    stack(node).settling = false;
    topology_changed();
  });
}

}  // namespace relais::simulation
