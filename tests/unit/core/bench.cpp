// The bench: see bench.h.
#include "tests/unit/core/bench.h"

#include "base/overload.h"
#include "tests/simulation/describe.h"

#include <algorithm>

namespace relais::ha {

namespace {

using namespace std::chrono_literals;

constexpr Duration kTick = 5ms;
constexpr Duration kCountInterval = 500ms;

bool is_routine(const Action& action) {
  const auto* multicast = std::get_if<Multicast>(&action);
  return std::holds_alternative<SaveCluster>(action) ||
         (multicast != nullptr && std::holds_alternative<Heartbeat>(multicast->body));
}

}  // namespace

NodeSet set_of(std::initializer_list<std::uint32_t> nodes) {
  NodeSet set;
  for (const std::uint32_t node : nodes) set.insert(NodeId(node));
  return set;
}

Bench::Bench(Setup setup) : setup_(std::move(setup)), timing_(timing_for_token(setup_.token)) {
  timing_.drain_limit = setup_.drain_limit;
  timing_.arbiter_lag = setup_.arbiter_lag;
  for (std::uint32_t id = 1; id <= setup_.nodes; ++id) {
    Node& node = nodes_[id];
    node.states.assign(setup_.vips, BucketStates{});
    node.flows.assign(setup_.vips, {});
  }
}

void Bench::start(std::uint32_t node) { start_with_common_hash(node, 0); }

void Bench::start_with_common_hash(std::uint32_t node, std::uint64_t hash) {
  Node& own = at(node);
  own.incarnation += 1000 + node;
  Settings settings{
      .self = NodeId(node), .incarnation = own.incarnation, .config_hash = 7, .common_hash = hash, .version = "test"};
  settings.timing = timing_;
  settings.split = setup_.split;
  settings.vips = setup_.vips;
  for (std::uint32_t id = 1; id <= setup_.nodes; ++id) {
    const auto weight = setup_.weights.find(id);
    const std::uint16_t value = weight == setup_.weights.end() ? std::uint16_t{1} : weight->second;
    settings.weights[NodeId(id)] = std::vector<std::uint16_t>(setup_.vips, value);
  }
  own.state = initial_state(std::move(settings), own.saved, now_);
  own.states = own.state->applied;
  own.lease = Instant{};
  own.frozen = false;
  own.inbox.clear();
  own.shown = NodeSet{};
  own.last_view = 0;
}

void Bench::start_all() {
  for (const auto& [id, node] : nodes_) start(id);
}

void Bench::kill(std::uint32_t node) {
  at(node).state.reset();
  at(node).inbox.clear();
}

void Bench::leave_to_successor(std::uint32_t node) {
  Node& own = at(node);
  own.handoff = Handoff{.incarnation = own.state->settings.incarnation,
                        .lease_until = own.state->lease_until,
                        .states = own.states,
                        .cluster = own.state->cluster};
  kill(node);
}

void Bench::start_successor(std::uint32_t node) {
  Node& own = at(node);
  const Instant lease = own.lease;
  const Handoff handoff = *own.handoff;
  start(node);
  own.state = resumed_state(own.state->settings, handoff, now_);
  own.states = handoff.states;
  own.lease = lease;
}

void Bench::thaw(std::uint32_t node) {
  Node& own = at(node);
  own.frozen = false;
  std::deque<Event> missed;
  missed.swap(own.inbox);
  for (const Event& event : missed) step_node(node, event);
  pump();
}

void Bench::view(NodeSet members, Ring ring, LeaveReason reason) {
  show(members, ring, reason, 2 * members.size() > setup_.nodes ? Quorum::there : Quorum::missing);
}

void Bench::inquorate_view(NodeSet members) { show(members, Ring::fresh, LeaveReason::node_down, Quorum::missing); }

void Bench::quorate_view(NodeSet members) { show(members, Ring::fresh, LeaveReason::node_down, Quorum::there); }

void Bench::show(NodeSet members, Ring ring, LeaveReason reason, Quorum quorum) {
  ++view_number_;
  ring_ = members;
  halted_ = false;
  std::map<std::uint32_t, std::uint64_t> came_from;
  for (const NodeId id : members) came_from[id.value()] = at(id.value()).last_view;
  for (const NodeId id : members) {
    Node& node = at(id.value());
    if (!node.state) continue;
    ViewChanged event{.view = ViewId(view_number_), .members = members, .quorate = quorum == Quorum::there};
    for (const NodeId other : members) {
      if (node.last_view == 0 || came_from.at(other.value()) != node.last_view) event.joined.insert(other);
    }
    for (const NodeId gone : node.shown - members) event.left.push_back({.node = gone, .reason = reason});
    event.same_ring = ring == Ring::same && node.last_view != 0;
    event.ring_nodes = static_cast<std::uint32_t>(members.size());
    event.expected = setup_.nodes + (setup_.split == SplitRule::arbiter ? 1 : 0);
    event.quorum = event.expected / 2 + 1;
    node.shown = members;
    node.last_view = view_number_;
    step_node(id.value(), event);
  }
  pump();
}

void Bench::lose_ring(std::uint32_t node) {
  give(node, RingLost{"killed"});
  at(node).shown = NodeSet{};
  at(node).last_view = 0;
}

void Bench::step_node(std::uint32_t node, const Event& event) {
  Node& own = at(node);
  if (!own.state) return;
  if (own.frozen) {
    const bool is_timer = std::holds_alternative<Tick>(event) || std::holds_alternative<FlowsCounted>(event);
    if (!is_timer) own.inbox.push_back(event);
    return;
  }
  Step done = ha::step(std::move(*own.state), event, now_);
  own.state = std::move(done.state);
  for (const Action& action : done.actions) {
    note(node, action);
    carry_out(node, action);
  }
}

void Bench::carry_out(std::uint32_t node, const Action& action) {
  Node& own = at(node);
  own.actions.push_back(action);
  std::visit(Overload{
                 [&](const ApplyStates& apply) { own.states[apply.vip.value()] = apply.states; },
                 [&](const SetLease& lease) { own.lease = lease.until; },
                 [&](const Multicast& multicast) { send_as(node, multicast.body); },
                 [&](const ListOpeners& list) {
                   answers_.emplace_back(node, OpenersListed{.move = list.move,
                                                             .openers = own.openers,
                                                             .complete = own.listing == Listing::complete});
                 },
                 [&](const LeaveOpeners&) {},
                 [&](const ForgetOpeners&) {},
                 [&](const DecideHeld&) {},
                 [&](const DestroyFlows&) {},
                 [&](const AskClients&) {},
                 [&](const Tickle&) {},
                 [&](const SaveCluster&) { own.saved = own.state->cluster; },
                 [&](const Report&) {},
                 [&](const Receipt&) {},
                 [&](const StopNow&) { own.state.reset(); },
                 [&](const StartSuccessor&) { leave_to_successor(node); },
             },
             action);
}

void Bench::note(std::uint32_t node, const Action& action) {
  if (is_routine(action)) return;
  if (const auto* lease = std::get_if<SetLease>(&action)) {
    const bool had = at(node).lease > now_;
    const bool has = lease->until > now_;
    if (had == has) return;
    told_.push_back({now(), "n" + std::to_string(node) + (has ? " has a lease" : " no lease")});
    return;
  }
  told_.push_back({now(), "n" + std::to_string(node) + " " + simulation::describe(action)});
}

void Bench::send_as(std::uint32_t node, Body body) {
  in_flight_.push_back({.from = NodeId(node), .message = {.view = at(node).state->view.view, .body = std::move(body)}});
}

void Bench::send_from_outside(NodeId from, Body body) {
  in_flight_.push_back({.from = from, .message = {.view = ViewId(view_number_), .body = std::move(body)}});
}

void Bench::pump() {
  while (!answers_.empty() || (!halted_ && !in_flight_.empty())) {
    if (!answers_.empty()) {
      const auto [node, answer] = std::move(answers_.front());
      answers_.pop_front();
      step_node(node, answer);
      continue;
    }
    if (budget_ && (*budget_)-- == 0) return halt();
    const Sent sent = std::move(in_flight_.front());
    in_flight_.pop_front();
    for (const NodeId id : ring_) step_node(id.value(), Delivered{.from = sent.from, .message = sent.message});
  }
}

void Bench::give(std::uint32_t node, const Event& event) {
  step_node(node, event);
  pump();
}

void Bench::run(Duration duration) {
  const Instant end = now_ + duration;
  while (now_ < end) {
    now_ += kTick;
    const bool counts = now_ >= next_count_;
    if (counts) next_count_ = now_ + kCountInterval;
    for (auto& [id, node] : nodes_) {
      step_node(id, Tick{});
      if (counts) step_node(id, FlowsCounted{node.flows});
    }
    pump();
  }
}

void Bench::form() {
  start_all();
  NodeSet all;
  for (const auto& [id, node] : nodes_) all.insert(NodeId(id));
  view(all);
  run(2s);
  told();
  for (auto& [id, node] : nodes_) node.actions.clear();
}

std::size_t Bench::count(std::uint32_t node, BucketState state) const {
  return static_cast<std::size_t>(std::ranges::count(nodes_.at(node).states[0], state));
}

std::size_t Bench::first(std::uint32_t node, BucketState state) const {
  const BucketStates& states = nodes_.at(node).states[0];
  return static_cast<std::size_t>(std::ranges::find(states, state) - states.begin());
}

std::vector<std::string> Bench::told() {
  std::vector<std::string> result;
  for (Told& told : told_) result.push_back(std::move(told.what));
  told_.clear();
  return result;
}

std::vector<std::string> Bench::told_with_time() {
  std::vector<std::string> result;
  for (const Told& told : told_) {
    const std::string time = std::to_string(told.at / 1ms);
    result.push_back(std::string(time.size() < 6 ? 6 - time.size() : 0, ' ') + time + " ms  " + told.what);
  }
  told_.clear();
  return result;
}

Actions Bench::take_actions(std::uint32_t node) {
  Actions result;
  result.swap(at(node).actions);
  return result;
}

}  // namespace relais::ha
