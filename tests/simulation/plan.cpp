// Draws plans. Every choice is one draw of the seed's generator, in a fixed order.
#include "tests/simulation/plan.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace relais::simulation {

namespace {

using namespace std::chrono_literals;

constexpr std::array kAllKinds{FaultKind::node_crash,    FaultKind::daemon_crash,   FaultKind::daemon_crash_inside,
                               FaultKind::daemon_freeze, FaultKind::corosync_crash, FaultKind::corosync_freeze,
                               FaultKind::cut,           FaultKind::cut_one_way,    FaultKind::ring_stumbles,
                               FaultKind::slow_node,     FaultKind::slow_daemon,    FaultKind::slow_ring,
                               FaultKind::stop,          FaultKind::drain,          FaultKind::weight,
                               FaultKind::front_lost};
constexpr std::array kOrderlyKinds{FaultKind::stop, FaultKind::drain, FaultKind::weight, FaultKind::front_lost};

template <std::size_t N>
FaultKind pick(Prng& prng, const std::array<FaultKind, N>& kinds) {
  return kinds[prng.below(N)];
}

Duration draw_ms(Prng& prng, std::int64_t low, std::int64_t high) { return prng.between(low, high) * 1ms; }

Kind draw_kind(Prng& prng) {
  const std::uint64_t drawn = prng.below(10);
  if (drawn == 0) return Kind::orderly;
  if (drawn == 1) return Kind::crash;
  return drawn < 5 ? Kind::single : Kind::chaos;
}

// The product's timing, with the slow parts shortened so that a run sees all of them. Chaos also draws a longer
// heartbeat: the rules are the same, and there is less to compute.
ha::Timing draw_timing(Prng& prng, Kind kind) {
  constexpr std::array tokens{100ms, 200ms, 1000ms};
  const std::size_t choices = kind == Kind::crash ? 2 : tokens.size();
  ha::Timing timing = ha::timing_for_token(tokens[prng.below(choices)]);
  const Duration heartbeat = kind == Kind::chaos ? 50ms : timing.heartbeat;
  timing.heartbeat = std::max(timing.heartbeat, heartbeat);
  timing.lease = timing.detection + 2 * timing.heartbeat + 35ms;
  timing.hold = std::min<Duration>(timing.lease + timing.guard + 60ms, 880ms);
  timing.silence = timing.lease + timing.guard;
  timing.grace = draw_ms(prng, 1000, 4000);
  timing.leftover_minimum = draw_ms(prng, 200, 600);
  timing.drain_limit = prng.chance(200) ? draw_ms(prng, 500, 1500) : Duration::zero();
  return timing;
}

NodePlan draw_node(Prng& prng, std::uint32_t id, std::size_t vips) {
  NodePlan node{.id = NodeId(id)};
  node.rate_ppm = prng.between(-500, 500);
  node.clock_offset = 1000s + draw_ms(prng, 0, 1000000);
  node.starts_at = prng.chance(850) ? draw_ms(prng, 0, 300) : draw_ms(prng, 300, 3000);
  for (std::size_t vip = 0; vip < vips; ++vip) {
    const auto odd_weight = static_cast<std::uint16_t>(prng.below(5));
    node.weights.push_back(prng.chance(700) ? std::uint16_t{1} : odd_weight);
  }
  return node;
}

NodeSet draw_side(Prng& prng, std::size_t nodes) {
  NodeSet side;
  const std::uint64_t size = prng.chance(500) ? 1 : 1 + prng.below(std::max<std::size_t>(nodes / 2, 1));
  while (side.size() < size) side.insert(NodeId(static_cast<std::uint32_t>(1 + prng.below(nodes))));
  return side;
}

Duration draw_length(Prng& prng, const ha::Timing& timing) {
  // From far below the token to far above every limit.
  switch (prng.below(4)) {
    case 0: return timing.token * prng.between(1, 100) / 100;
    case 1: return timing.lease * prng.between(50, 150) / 100;
    case 2: return draw_ms(prng, 100, 1500);
    default: return draw_ms(prng, 1000, 5000);
  }
}

std::uint32_t draw_amount(Prng& prng, FaultKind kind) {
  switch (kind) {
    case FaultKind::slow_node: return static_cast<std::uint32_t>(prng.between(1000, 80000));
    case FaultKind::slow_daemon: return static_cast<std::uint32_t>(prng.between(1000, 100000));
    case FaultKind::slow_ring: return static_cast<std::uint32_t>(prng.between(1000, 40000));
    case FaultKind::weight: return static_cast<std::uint32_t>(prng.below(5));
    case FaultKind::front_lost: return static_cast<std::uint32_t>(prng.between(1, 3));
    case FaultKind::daemon_crash_inside:
    case FaultKind::upgrade: return static_cast<std::uint32_t>(prng.below(4));
    case FaultKind::node_crash:
    case FaultKind::daemon_crash:
    case FaultKind::daemon_freeze:
    case FaultKind::corosync_crash:
    case FaultKind::corosync_freeze:
    case FaultKind::cut:
    case FaultKind::cut_one_way:
    case FaultKind::arbiter_lost:
    case FaultKind::ring_stumbles:
    case FaultKind::stop:
    case FaultKind::drain: return 0;
  }
  return 0;
}

Fault draw_fault(Prng& prng, const Plan& plan, Duration span) {
  Fault fault;
  fault.at = plan.faults_begin + draw_ms(prng, 0, to_ms(span));
  switch (plan.kind) {
    case Kind::orderly: fault.kind = pick(prng, kOrderlyKinds); break;
    case Kind::crash: fault.kind = FaultKind::node_crash; break;
    case Kind::upgrades: fault.kind = FaultKind::upgrade; break;
    case Kind::halves:
    case Kind::scattered:
    case Kind::single:
    case Kind::chaos: fault.kind = pick(prng, kAllKinds); break;
  }
  const bool has_sides = fault.kind == FaultKind::cut || fault.kind == FaultKind::cut_one_way;
  fault.nodes = has_sides ? draw_side(prng, plan.nodes.size()) : NodeSet{};
  if (!has_sides) fault.nodes.insert(NodeId(static_cast<std::uint32_t>(1 + prng.below(plan.nodes.size()))));
  fault.lasts = draw_length(prng, plan.timing);
  fault.amount = draw_amount(prng, fault.kind);
  return fault;
}

void sort_faults(Plan& plan) {
  std::ranges::stable_sort(plan.faults, {}, &Fault::at);
  for (const Fault& fault : plan.faults) plan.faults_end = std::max(plan.faults_end, fault.at + fault.lasts);
}

void draw_faults(Prng& prng, Plan& plan) {
  std::uint64_t count = 1;
  if (plan.kind == Kind::orderly) count = 1 + prng.below(4);
  if (plan.kind == Kind::chaos) count = 2 + prng.below(7);
  const Duration span = draw_ms(prng, 200, 3000);
  for (std::uint64_t i = 0; i < count; ++i) plan.faults.push_back(draw_fault(prng, plan, span));
  plan.faults_end = plan.faults_begin + span;
  sort_faults(plan);
}

// A generator of its own for the finer choice: the rest of the plan does not depend on it.
Split draw_split(std::uint64_t seed, std::size_t size, Prng& prng) {
  if (size % 2 != 0 || !prng.chance(500)) return Split::majority;
  Prng finer(seed ^ 0x73706c6974ULL);
  if (size == 2 && finer.chance(250)) return Split::both;
  return finer.chance(600) ? Split::arbiter : Split::lowest;
}

Fault draw_upgrade(Prng& prng, const Plan& plan) {
  const bool is_good = plan.kind == Kind::upgrades;
  Fault fault{.at = draw_ms(prng, to_ms(plan.faults_begin), to_ms(plan.faults_end)),
              .kind = FaultKind::upgrade,
              .nodes = {},
              .lasts = is_good ? draw_ms(prng, 5, 2500) : draw_length(prng, plan.timing),
              .amount = is_good ? 1 : draw_amount(prng, FaultKind::upgrade)};
  fault.nodes.insert(NodeId(static_cast<std::uint32_t>(1 + prng.below(plan.nodes.size()))));
  return fault;
}

// From numbers of their own, so that what else goes wrong in a seed's run does not depend on them.
void draw_upgrades(Plan& plan) {
  Prng prng(plan.seed + 0x75706772616465);
  if (plan.kind == Kind::crash || !prng.chance(plan.kind == Kind::chaos ? 500 : 250)) return;
  if (plan.kind == Kind::orderly) {
    plan.kind = Kind::upgrades;
    for (NodePlan& node : plan.nodes) node.starts_at = std::min<Duration>(node.starts_at, 300ms);
  }
  if (plan.kind != Kind::chaos && plan.kind != Kind::halves) plan.faults.clear();
  const std::uint64_t count = plan.kind == Kind::single ? 1 : 1 + prng.below(4);
  for (std::uint64_t i = 0; i < count; ++i) plan.faults.push_back(draw_upgrade(prng, plan));
  sort_faults(plan);
}

NodeSet all_nodes(const Plan& plan) {
  NodeSet all;
  for (const NodePlan& node : plan.nodes) all.insert(node.id);
  return all;
}

NodeSet draw_half(Prng& prng, std::size_t nodes) {
  NodeSet half;
  while (2 * half.size() < nodes) half.insert(NodeId(static_cast<std::uint32_t>(1 + prng.below(nodes))));
  return half;
}

// One of these, or all of them.
NodeSet draw_some(Prng& prng, NodeSet nodes) {
  while (nodes.size() > 1 && prng.chance(300)) nodes.erase(nodes.lowest());
  return nodes;
}

// The machine of each of these nodes stands still: its Corosync, its relaisd, or both.
void draw_pause(Prng& prng, Plan& plan, NodeSet nodes, Fault pause) {
  const bool has_corosync = prng.chance(800);
  const bool has_daemon = !has_corosync || prng.chance(300);
  for (const NodeId node : nodes) {
    pause.nodes = NodeSet(std::uint64_t{1} << node.value());
    pause.kind = FaultKind::corosync_freeze;
    if (has_corosync) plan.faults.push_back(pause);
    pause.kind = FaultKind::daemon_freeze;
    if (has_daemon) plan.faults.push_back(pause);
  }
}

// One half after the other loses the arbiter, the first one often just when the rings have formed; and nodes pause.
void draw_flapping(Prng& prng, Plan& plan, NodeSet half, const Fault& cut) {
  Duration next = cut.at + plan.timing.token * prng.between(190, 330) / 100;
  const std::uint64_t changes = 1 + prng.below(4);
  for (std::uint64_t i = 0; i < changes && next < cut.at + cut.lasts; ++i) {
    const Duration apart = prng.chance(500) ? draw_length(prng, plan.timing) : draw_ms(prng, 500, 3000);
    plan.faults.push_back(
        {.at = next, .kind = FaultKind::arbiter_lost, .nodes = draw_some(prng, half), .lasts = apart});
    if (prng.chance(300)) {
      plan.faults.push_back(
          {.at = next + draw_ms(prng, 0, 1000), .kind = FaultKind::ring_stumbles, .nodes = half, .lasts = 0ms});
    }
    const Fault pause{.at = next + draw_ms(prng, 0, 1000), .nodes = {}, .lasts = draw_length(prng, plan.timing)};
    if (prng.chance(250)) draw_pause(prng, plan, draw_some(prng, half), pause);
    next += apart * prng.between(20, 150) / 100;
    half = all_nodes(plan) - half;
  }
}

// A half that has the vote, because the other has lost the arbiter for a moment, pauses: mostly so long that the other
// gets the vote and goes on.
void draw_standstill(Prng& prng, Plan& plan, NodeSet half, Fault& cut) {
  const ha::Timing& timing = plan.timing;
  plan.faults.push_back({.at = cut.at,
                         .kind = FaultKind::arbiter_lost,
                         .nodes = all_nodes(plan) - half,
                         .lasts = timing.detection + 600ms});
  const Fault pause{.at = cut.at + timing.detection + draw_ms(prng, 600, 2000),
                    .nodes = {},
                    .lasts = prng.chance(800) ? timing.lease + timing.arbiter_lag + draw_ms(prng, 700, 2500)
                                              : draw_length(prng, timing)};
  draw_pause(prng, plan, half, pause);
  cut.lasts = std::max(cut.lasts, pause.at + pause.lasts + draw_ms(prng, 0, 1000) - cut.at);
}

// The heartbeat links between two halves are cut, and the arbiter's vote changes hands.
void draw_parting(Prng& prng, Plan& plan, Duration at) {
  const NodeSet half = draw_half(prng, plan.nodes.size());
  const ha::Timing& timing = plan.timing;
  Fault cut{.at = at,
            .kind = prng.chance(500) ? FaultKind::cut_one_way : FaultKind::cut,
            .nodes = half,
            .lasts = timing.detection + timing.lease + timing.arbiter_lag + draw_ms(prng, 0, 5000)};
  const NodeSet first = prng.chance(500) ? half : all_nodes(plan) - half;
  if (prng.chance(500)) {
    draw_standstill(prng, plan, first, cut);
  } else {
    draw_flapping(prng, plan, first, cut);
  }
  plan.faults.push_back(cut);
}

// From numbers of their own, as with upgrades.
void draw_halves(Plan& plan) {
  Prng prng(plan.seed + 0x68616c766573);
  if (plan.split != Split::arbiter) return;
  plan.timing.arbiter_lag = draw_ms(prng, 500, 1500);
  if (plan.kind != Kind::single && plan.kind != Kind::chaos) return;
  if (!prng.chance(900)) return;
  if (plan.kind == Kind::single) {
    plan.kind = Kind::halves;
    plan.faults.clear();
  }
  const std::uint64_t partings = 1 + prng.below(3);
  for (std::uint64_t i = 0; i < partings; ++i) {
    draw_parting(prng, plan, plan.faults_begin + draw_ms(prng, 0, i == 0 ? 1000 : 8000));
  }
  sort_faults(plan);
}

// The ring falls apart into single nodes, as it does around one that hears nothing, for about as long as openers are
// held. From numbers of their own, as with upgrades.
void draw_scattering(Plan& plan) {
  Prng prng(plan.seed + 0x73636174746572);
  if ((plan.kind != Kind::single && plan.kind != Kind::chaos) || !prng.chance(100)) return;
  if (plan.kind == Kind::single) {
    plan.kind = Kind::scattered;
    plan.faults.clear();
    for (NodePlan& node : plan.nodes) node.starts_at = std::min<Duration>(node.starts_at, 300ms);
  }
  Fault cut{.at = plan.faults_begin + draw_ms(prng, 0, 1000), .kind = FaultKind::cut, .nodes = {}};
  cut.lasts = plan.timing.detection + draw_ms(prng, 0, to_ms(plan.timing.hold) / 3);
  for (const NodePlan& node : plan.nodes) {
    cut.nodes = NodeSet(std::uint64_t{1} << node.id.value());
    plan.faults.push_back(cut);
  }
  sort_faults(plan);
}

std::size_t draw_size(Prng& prng, Kind kind) {
  if (kind == Kind::crash) return static_cast<std::size_t>(prng.between(3, 6));
  constexpr std::array<std::size_t, 12> sizes{2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 8};
  return sizes[prng.below(sizes.size())];
}

}  // namespace

Plan draw_plan(std::uint64_t seed) {
  Prng prng(seed);
  Plan plan{.seed = seed};
  plan.kind = draw_kind(prng);
  plan.timing = draw_timing(prng, plan.kind);
  const std::size_t size = draw_size(prng, plan.kind);
  plan.split = draw_split(seed, size, prng);
  plan.vips = prng.chance(250) ? 2 : 1;
  for (std::uint32_t id = 1; id <= size; ++id) plan.nodes.push_back(draw_node(prng, id, plan.vips));
  for (std::uint16_t& weight : plan.nodes[prng.below(size)].weights) weight = 1;
  if (plan.kind == Kind::crash) {
    for (NodePlan& node : plan.nodes) node.starts_at = std::min<Duration>(node.starts_at, 300ms);
  }
  // Chaos does not always wait until the cluster stands.
  const bool early = plan.kind == Kind::chaos && prng.chance(300);
  plan.faults_begin = early ? draw_ms(prng, 100, 2500) : draw_ms(prng, 4000, 4500) + plan.timing.detection;
  plan.count_interval = draw_ms(prng, 200, 1000);
  plan.opens_per_second = static_cast<std::uint32_t>(prng.between(10, 100));
  plan.longest_way = draw_ms(prng, 1, to_ms(plan.timing.hold_settle) - 10);
  plan.loss_permille = prng.chance(300) ? static_cast<std::uint32_t>(prng.between(5, 100)) : 0;
  plan.longest_connection = prng.chance(300) ? draw_ms(prng, 2000, 6000) : draw_ms(prng, 50, 1500);
  draw_faults(prng, plan);
  draw_halves(plan);
  draw_upgrades(plan);
  draw_scattering(plan);
  return plan;
}

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::orderly: return "orderly";
    case Kind::crash: return "crash";
    case Kind::upgrades: return "upgrades";
    case Kind::halves: return "halves";
    case Kind::scattered: return "scattered";
    case Kind::single: return "single";
    case Kind::chaos: return "chaos";
  }
  return "?";
}

std::string_view to_string(FaultKind kind) {
  switch (kind) {
    case FaultKind::node_crash: return "node crashes";
    case FaultKind::daemon_crash: return "relaisd is killed";
    case FaultKind::daemon_crash_inside: return "relaisd is killed inside of a step";
    case FaultKind::daemon_freeze: return "relaisd freezes";
    case FaultKind::corosync_crash: return "corosync is killed";
    case FaultKind::corosync_freeze: return "corosync freezes";
    case FaultKind::cut: return "cut off";
    case FaultKind::cut_one_way: return "cut off, learns it late";
    case FaultKind::arbiter_lost: return "the arbiter is lost";
    case FaultKind::ring_stumbles: return "ring forms again";
    case FaultKind::slow_node: return "slow node";
    case FaultKind::slow_daemon: return "slow relaisd";
    case FaultKind::slow_ring: return "slow ring";
    case FaultKind::stop: return "orderly stop";
    case FaultKind::upgrade: return "upgrade";
    case FaultKind::drain: return "drain";
    case FaultKind::weight: return "weight";
    case FaultKind::front_lost: return "front lost";
  }
  return "?";
}

std::string_view to_string(Split split) {
  switch (split) {
    case Split::majority: return "by majority";
    case Split::lowest: return "lowest half goes on";
    case Split::arbiter: return "arbiter";
    case Split::both: return "both halves go on";
  }
  return "?";
}

std::string to_text(const Plan& plan) {
  std::array<char, 256> line{};
  const auto print = [&](auto... values) {
    std::snprintf(line.data(), line.size(), values...);
    return std::string(line.data()) + "\n";
  };
  const auto ms = [](Duration duration) { return static_cast<long long>(to_ms(duration)); };
  std::string text = print("seed %llu: %s, %zu nodes, %zu VIPs, %s", static_cast<unsigned long long>(plan.seed),
                           std::string(to_string(plan.kind)).c_str(), plan.nodes.size(), plan.vips,
                           std::string(to_string(plan.split)).c_str());
  text += print("  clients: %u connections/s, %lld ms there and back, %u of 1000 openers and answers lost",
                plan.opens_per_second, ms(plan.longest_way), plan.loss_permille);
  text +=
      print("  token %lld, heartbeat %lld, lease %lld, grace %lld, leftover %lld, drain limit %lld, arbiter %lld ms",
            ms(plan.timing.token), ms(plan.timing.heartbeat), ms(plan.timing.lease), ms(plan.timing.grace),
            ms(plan.timing.leftover_minimum), ms(plan.timing.drain_limit), ms(plan.timing.arbiter_lag));
  for (const NodePlan& node : plan.nodes) {
    std::string weights;
    for (const std::uint16_t weight : node.weights) weights += " " + std::to_string(weight);
    text += print("  node %u: clock %+lld ppm, starts at %lld ms, weights%s", node.id.value(),
                  static_cast<long long>(node.rate_ppm), ms(node.starts_at), weights.c_str());
  }
  for (const Fault& fault : plan.faults) {
    std::string nodes;
    for (const NodeId node : fault.nodes) nodes += " " + std::to_string(node.value());
    text += print("  %6lld ms: %s, node%s, for %lld ms, %u", ms(fault.at), std::string(to_string(fault.kind)).c_str(),
                  nodes.c_str(), ms(fault.lasts), fault.amount);
  }
  return text;
}

}  // namespace relais::simulation
