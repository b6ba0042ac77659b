// The arbiter of an even cluster (corosync-qnetd with algorithm ffsplit): which ring it gives its vote to, and what the
// nodes' Corosyncs know of that. A vote is for one ring; each node hears of it over a connection of its own, so the
// nodes of a half may think differently of it. See docs/decisions/0004-two-nodes.md for the bounds.
#include "tests/simulation/ring.h"

#include <algorithm>
#include <utility>

namespace relais::simulation {

namespace {

using namespace std::chrono_literals;

}  // namespace

Duration RingNetwork::draw_arbiter_us(std::int64_t low, std::int64_t high) {
  return arbiter_prng_.between(low, high) * 1us;
}

bool RingNetwork::has_lost_vote(NodeId node) const {
  const Stack& own = stack(node);
  return plan_.split == Split::arbiter && own.ring && is_half(*own.ring) && own.vote != Vote::given;
}

void RingNetwork::lose_arbiter(NodeSet nodes) {
  for (const NodeId node : nodes) {
    stack(node).hears_arbiter = false;
    end_vote_within(node, 2 * plan_.timing.arbiter_lag);
  }
  move_vote_if_free();
}

void RingNetwork::find_arbiter(NodeSet nodes) {
  for (const NodeId node : nodes) {
    stack(node).hears_arbiter = true;
    catch_up_with_arbiter(node);
  }
  move_vote_if_free();
}

// Who has been away hears first that its vote is over, if it is: its old connection has ended. So nobody gets a vote
// back without having noticed that it was gone.
void RingNetwork::catch_up_with_arbiter(NodeId node) {
  Stack& own = stack(node);
  if (plan_.split != Split::arbiter || !own.hears_arbiter || !own.up || own.frozen) return;
  if (own.vote == Vote::outdated) {
    end_vote_within(node, 7ms);
  } else if (own.vote == Vote::given) {
    ++own.vote_number;  // the arbiter has not missed it
  }
  const RingPointer ring = own.ring;
  scheduler_.after(draw_arbiter_us(8000, 500000), [this, node, ring] {
    if (ring && chosen_ == ring) give_vote(node, ring);
  });
}

// Those in it that the arbiter hears.
std::size_t RingNetwork::heard_by_arbiter(const Ring& ring) const {
  return static_cast<std::size_t>(std::ranges::count_if(ring.members, [&](NodeId node) {
    const Stack& own = stack(node);
    return own.up && !own.frozen && own.hears_arbiter && own.ring.get() == &ring;
  }));
}

// The half of which more is heard has the vote; of two equal ones, the one that has it. Where a half has formed, no
// larger ring is left.
bool RingNetwork::prefers(std::size_t heard) const {
  const std::size_t before = chosen_ && is_half(*chosen_) ? heard_by_arbiter(*chosen_) : 0;
  return heard > before;
}

// Before the nodes enter the ring: who hears the arbiter gets the vote when it does.
void RingNetwork::ask_arbiter(const RingPointer& ring) {
  if (plan_.split != Split::arbiter || 2 * ring->members.size() < plan_.nodes.size()) return;
  const auto heard = std::ranges::count_if(ring->members, [&](NodeId node) { return stack(node).hears_arbiter; });
  if (!is_half(*ring) || prefers(static_cast<std::size_t>(heard))) choose(ring);
}

void RingNetwork::choose(const RingPointer& ring) {
  chosen_ = ring;
  for (const NodePlan& planned : plan_.nodes) {
    Stack& own = stack(planned.id);
    if (own.vote == Vote::none) continue;
    own.vote = Vote::outdated;
    end_vote_within(planned.id, plan_.timing.arbiter_lag);
  }
}

// The half that the arbiter refused asks again when it may get the vote.
void RingNetwork::move_vote_if_free() {
  if (plan_.split != Split::arbiter) return;
  scheduler_.after(draw_arbiter_us(1000, 500000), [this] {
    const std::size_t first = arbiter_prng_.below(plan_.nodes.size());
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      const RingPointer ring = stack(plan_.nodes[(first + i) % plan_.nodes.size()].id).ring;
      if (!ring || ring == chosen_ || !ring->running || !is_half(*ring) || !prefers(heard_by_arbiter(*ring))) continue;
      choose(ring);
      for (const NodeId node : ring->members) give_vote(node, ring);
    }
  });
}

void RingNetwork::give_vote(NodeId node, const RingPointer& ring) {
  Stack& own = stack(node);
  if (chosen_ != ring || own.ring != ring || !own.up || own.frozen || !own.hears_arbiter) return;
  if (own.vote == Vote::given) return;
  if (own.vote == Vote::outdated) end_vote(node);
  const bool is_unnoticed = own.connected && own.in_group && own.shown_quorate;
  if (is_unnoticed || !ring->running) {
    scheduler_.after(draw_arbiter_us(1000, 20000), [this, node, ring] { give_vote(node, ring); });
    return;
  }
  own.vote = Vote::given;
  ++own.vote_number;
  show_quorum(node);
}

void RingNetwork::end_vote_within(NodeId node, Duration limit) {
  if (stack(node).vote == Vote::none) return;
  const std::int64_t percent = arbiter_prng_.chance(400) ? 100 : arbiter_prng_.between(0, 100);
  scheduler_.after(limit * percent / 100, [this, node, number = stack(node).vote_number] {
    if (stack(node).vote_number == number) end_vote(node);
  });
}

void RingNetwork::end_vote(NodeId node) {
  stack(node).vote = Vote::none;
  ++stack(node).vote_number;
  show_quorum(node);
}

void RingNetwork::show_quorum_soon(NodeId node) {
  if (plan_.split != Split::arbiter) return;
  scheduler_.after(draw_arbiter_us(0, 7000), [this, node] { show_quorum(node); });
}

// What changes while the node or its ring stands still is shown when it goes on.
void RingNetwork::show_quorum(NodeId node) {
  const Stack& own = stack(node);
  if (!own.ring || !own.ring->running || !own.up || own.frozen || !own.connected || !own.in_group) return;
  if (is_quorate(own) != own.shown_quorate) show_view(node, {}, {}, draw_arbiter_us(0, 7000));
}

}  // namespace relais::simulation
