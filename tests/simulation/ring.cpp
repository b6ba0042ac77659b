// The stream side of the simulated Corosync: order, arrival, views. Which rings there are is decided in
// ring_topology.cpp.
#include "tests/simulation/ring.h"

#include <algorithm>

namespace relais::simulation {

namespace {

using namespace std::chrono_literals;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  return Prng(hash ^ (value * 0x9e3779b97f4a7c15ULL)).next();
}

}  // namespace

RingNetwork::RingNetwork(Scheduler& scheduler, Prng& prng, const Plan& plan, Sink sink)
    : scheduler_(scheduler),
      prng_(prng),
      arbiter_prng_(plan.seed ^ 0x61726269746572ULL),
      plan_(plan),
      sink_(std::move(sink)) {}

Duration RingNetwork::draw_us(std::int64_t low, std::int64_t high) { return prng_.between(low, high) * 1us; }

bool RingNetwork::is_quorate(const Stack& stack) const {
  const Ring& ring = *stack.ring;
  if (2 * ring.members.size() > plan_.nodes.size()) return plan_.split != Split::both || stack.has_met_all;
  if (!is_half(ring)) return false;
  switch (plan_.split) {
    case Split::majority: return false;
    case Split::lowest: return ring.members.contains(NodeId(1));
    case Split::arbiter: return stack.vote != Vote::none;
    case Split::both: return stack.has_met_all;
  }
  return false;
}

void RingNetwork::connect(NodeId node, std::uint32_t process) {
  Stack& own = stack(node);
  own.connected = true;
  own.in_group = false;
  own.process = process;
  own.shown = NodeSet{};
  own.shown_ring = 0;
  push(node, {.kind = Entry::Kind::daemon_joined, .about = node, .process = process, .message = {}});
}

void RingNetwork::disconnect(NodeId node) {
  Stack& own = stack(node);
  if (!own.connected) return;
  push(node, {.kind = Entry::Kind::daemon_left, .about = node, .process = own.process, .message = {}});
  own.connected = false;
  own.in_group = false;
}

void RingNetwork::send(NodeId node, ha::Message message) {
  if (!stack(node).connected) return;
  push(node, {.kind = Entry::Kind::message,
              .about = node,
              .message = std::make_shared<const ha::Message>(std::move(message))});
}

void RingNetwork::push(NodeId node, Entry entry) {
  Stack& own = stack(node);
  entry.serial = ++next_serial_;
  own.outbox.push_back(std::move(entry));
  own.last_order = std::max(own.last_order, scheduler_.now() + draw_us(50, 900) + ring_delay_);
  scheduler_.at(own.last_order, [this, node] { order_one(node); });
}

void RingNetwork::order_one(NodeId node) {
  Stack& own = stack(node);
  if (own.outbox.empty() || !own.up || own.frozen || !own.ring || !own.ring->running) return;
  Entry entry = std::move(own.outbox.front());
  own.outbox.pop_front();
  append(own.ring, std::move(entry));
}

void RingNetwork::append(const RingPointer& ring, Entry entry) {
  ring->log.push_back(std::move(entry));
  for (const NodeId member : ring->members) schedule_arrival(ring, member, ring->log.size() - 1);
}

void RingNetwork::schedule_arrival(const RingPointer& ring, NodeId node, std::size_t index) {
  Duration& last = ring->last_arrival[node.value()];
  last = std::max(last, scheduler_.now() + draw_us(100, 2500) + stack(node).delay);
  scheduler_.at(last, [this, ring, node, index] {
    const Stack& own = stack(node);
    std::size_t& next = ring->next[node.value()];
    if (!ring->running || own.ring != ring || !own.up || own.frozen || next != index) return;
    ++next;
    receive(node, ring->log[index]);
  });
}

void RingNetwork::receive(NodeId node, const Entry& entry) {
  Stack& own = stack(node);
  own.position = mix(own.position, entry.serial);
  const std::uint32_t about = entry.about.value();
  switch (entry.kind) {
    case Entry::Kind::message:
      if (own.in_group) give(node, ha::Delivered{.from = entry.about, .message = *entry.message}, 0us);
      return;
    case Entry::Kind::daemon_joined: {
      own.seen.nodes.insert(entry.about);
      own.seen.process[about] = entry.process;
      const bool is_own = entry.about == node && own.connected && own.process == entry.process;
      if (is_own) own.in_group = true;
      NodeSet joined = is_own ? own.seen.nodes : NodeSet{};
      joined.insert(entry.about);
      if (own.in_group) show_view(node, joined, {}, draw_us(0, 3000));
      return;
    }
    case Entry::Kind::daemon_left:
      if (own.seen.process[about] != entry.process) return;
      own.seen.nodes.erase(entry.about);
      own.seen.process[about] = 0;
      if (!own.in_group || entry.about == node) return;
      return show_view(node, {}, {{.node = entry.about, .reason = ha::LeaveReason::daemon_down}}, draw_us(0, 3000));
  }
}

void RingNetwork::show_view(NodeId node, NodeSet joined, std::vector<ha::ViewChanged::Left> left, Duration skew) {
  Stack& own = stack(node);
  ha::ViewChanged view;
  std::uint64_t fingerprint = own.ring->id;
  for (const NodeId member : own.seen.nodes) {
    fingerprint = mix(fingerprint, (std::uint64_t{own.seen.process[member.value()]} << 8) + member.value());
  }
  view.view = ha::ViewId(fingerprint);
  view.members = own.seen.nodes;
  view.joined = joined;
  view.left = std::move(left);
  view.quorate = is_quorate(own);
  view.expected = static_cast<std::uint32_t>(plan_.nodes.size());
  view.ring_nodes = static_cast<std::uint32_t>(own.ring->members.size());
  view.quorum = view.expected / 2 + 1;
  view.same_ring = own.shown_ring == own.ring->id;
  own.shown = own.seen.nodes;
  own.shown_ring = own.ring->id;
  own.shown_quorate = view.quorate;
  give(node, std::move(view), skew);
}

void RingNetwork::give(NodeId node, ha::Event event, Duration skew) {
  Stack& own = stack(node);
  own.last_ready = std::max(own.last_ready, scheduler_.now() + skew);
  sink_(node, StreamItem{.event = std::move(event), .position = own.position, .ready_at = own.last_ready});
}

std::vector<RingNetwork::Entry> RingNetwork::rest_of_old_ring(NodeId node, NodeSet together) const {
  std::vector<Entry> rest;
  const RingPointer& ring = stack(node).ring;
  if (!ring) return rest;
  std::size_t received_by_one = 0;
  for (const NodeId other : together) received_by_one = std::max(received_by_one, ring->next[other.value()]);
  for (std::size_t i = ring->next[node.value()]; i < ring->log.size(); ++i) {
    const Entry& entry = ring->log[i];
    if (i < received_by_one || together.contains(entry.about)) rest.push_back(entry);
  }
  return rest;
}

void RingNetwork::enter_ring(NodeId node, const RingPointer& ring, const Group& daemons, NodeSet together,
                             NodeSet restarted) {
  Stack& own = stack(node);
  own.ring = ring;
  own.vote = chosen_ == ring && own.hears_arbiter ? Vote::given : Vote::none;
  ++own.vote_number;
  own.has_met_all = own.has_met_all || ring->members.size() == plan_.nodes.size();
  own.seen = daemons;
  own.position = mix(0, ring->id);
  std::erase_if(own.outbox, [](const Entry& entry) { return entry.kind != Entry::Kind::message; });
  for (std::size_t i = 0; i < own.outbox.size(); ++i) {
    own.last_order = std::max(own.last_order, scheduler_.now() + draw_us(50, 3000));
    scheduler_.at(own.last_order, [this, node] { order_one(node); });
  }
  if (!own.connected) return;
  const NodeSet continuing = own.in_group ? (own.shown & daemons.nodes & together) - restarted : NodeSet{};
  std::vector<ha::ViewChanged::Left> left;
  for (const NodeId gone : own.shown - continuing) {
    const bool stack_is_here = together.contains(gone);
    // A merge may show a node as joined without ever having shown it as left.
    if (daemons.nodes.contains(gone) && !stack_is_here && prng_.chance(500)) continue;
    const auto reason = stack_is_here ? ha::LeaveReason::daemon_down : ha::LeaveReason::node_down;
    left.push_back({.node = gone, .reason = reason});
  }
  own.in_group = true;
  show_view(node, daemons.nodes - continuing, std::move(left), draw_us(0, 7000));
}

}  // namespace relais::simulation
