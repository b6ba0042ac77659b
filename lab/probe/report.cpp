// The figures of a run, computed from its record.
#include "lab/probe/report.h"

#include "base/invariant.h"

#include <algorithm>

namespace relais::probe {

namespace {

double ms(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

std::string outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return "ok";
    case Outcome::failed: return "failed";
    case Outcome::refused: return "refused";
    case Outcome::reset: return "reset";
  }
  return "";
}

bool is_delayed(const Attempt& attempt) { return attempt.connect && *attempt.connect > kDelayed; }
bool is_affected(const Attempt& attempt) { return attempt.outcome != Outcome::ok || is_delayed(attempt); }

struct Window {
  Instant from;
  Instant to;  // exclusive
  bool holds(Instant when) const { return from <= when && when < to; }
};

void count_outcome(PhaseReport& phase, Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: ++phase.ok; break;
    case Outcome::failed: ++phase.failed; break;
    case Outcome::refused: ++phase.refused; break;
    case Outcome::reset: ++phase.reset; break;
  }
}

void note_trouble(PhaseReport& phase, const Record& record, const Attempt& attempt) {
  if (attempt.outcome == Outcome::ok || phase.troubles.size() >= kMaxTroubles) return;
  const double start_ms = ms(attempt.start - record.begin);
  phase.troubles.push_back({.start_ms = start_ms,
                            .source = record.sources[attempt.source].to_string(),
                            .outcome = outcome_name(attempt.outcome),
                            .node = attempt.node == kNobody ? "" : record.nodes[attempt.node],
                            .connected_ms = attempt.connect ? start_ms + ms(*attempt.connect) : -1});
}

void widen_outage(PhaseReport& phase, double start_ms) {
  phase.outage_from_ms = phase.outage_from_ms < 0 ? start_ms : std::min(phase.outage_from_ms, start_ms);
  phase.outage_to_ms = std::max(phase.outage_to_ms, start_ms);
  phase.outage_ms = phase.outage_to_ms - phase.outage_from_ms;
}

double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void add_attempts(PhaseReport& phase, const Record& record, const Window& window) {
  std::vector<double> connects;
  std::map<std::uint32_t, std::vector<std::uint64_t>> nodes_by_source;
  for (const auto& attempt : record.attempts) {
    if (!window.holds(attempt.start)) continue;
    ++phase.attempts;
    count_outcome(phase, attempt.outcome);
    if (is_delayed(attempt)) ++phase.delayed;
    if (attempt.retransmitted > 0) ++phase.retransmitted;
    if (attempt.connect) connects.push_back(ms(*attempt.connect));
    if (attempt.node != kNobody) {
      ++phase.answers[record.nodes[attempt.node]];
      nodes_by_source[attempt.source].push_back(attempt.node);
    }
    if (is_affected(attempt)) widen_outage(phase, ms(attempt.start - record.begin));
    note_trouble(phase, record, attempt);
  }
  phase.median_connect_ms = median(connects);
  phase.slowest_connect_ms = connects.empty() ? 0 : *std::max_element(connects.begin(), connects.end());
  for (auto& [source, nodes] : nodes_by_source) {
    std::sort(nodes.begin(), nodes.end());
    nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
    if (nodes.size() < 2) continue;
    SharedAddress shared{.address = record.sources[source].to_string(), .nodes = {}};
    for (const auto node : nodes) shared.nodes.push_back(record.nodes[node]);
    phase.shared_addresses.push_back(std::move(shared));
  }
}

void add_long_lived(PhaseReport& phase, const Record& record, const Window& window) {
  for (const auto& opened : record.long_opened) {
    if (!window.holds(opened.when)) continue;
    ++(opened.again ? phase.long_reopened : phase.long_opened);
    ++phase.long_opened_by_node[record.nodes[opened.node]];
  }
  for (const auto& broken : record.long_broken) {
    if (!window.holds(broken.when)) continue;
    phase.long_breaks.push_back(
        {.at_ms = ms(broken.when - record.begin), .node = record.nodes[broken.node], .unheard_ms = ms(broken.unheard)});
    ++phase.long_broken_by_node[record.nodes[broken.node]];
    phase.long_slowest_notice_ms = std::max(phase.long_slowest_notice_ms, ms(broken.unheard));
  }
  phase.duplicates = static_cast<std::uint64_t>(
      std::count_if(record.duplicates.begin(), record.duplicates.end(),
                    [&](const Duplicate& duplicate) { return window.holds(duplicate.when); }));
}

std::string end_name(End end) {
  switch (end) {
    case End::reset: return "reset";
    case End::closed: return "closed";
  }
  return "";
}

IdleReport idle_of(const Record& record, const Window& window) {
  IdleReport idle;
  for (const auto& opened : record.idle_opened) {
    if (!window.holds(opened.when)) continue;
    ++idle.opened;
    ++idle.opened_by_node[record.nodes[opened.node]];
  }
  std::vector<double> after;
  for (const auto& broken : record.idle_broken) {
    if (!window.holds(broken.when)) continue;
    ++idle.broken_by_node[record.nodes[broken.node]];
    idle.breaks.push_back({.at_ms = ms(broken.when - record.begin),
                           .node = record.nodes[broken.node],
                           .source = broken.source.to_string(),
                           .end = end_name(broken.end)});
    after.push_back(ms(broken.when - window.from));
  }
  idle.median_after_ms = median(after);
  idle.slowest_after_ms = after.empty() ? 0 : *std::max_element(after.begin(), after.end());
  return idle;
}

PhaseReport report_of(const Record& record, const std::string& name, const Window& window) {
  PhaseReport phase;
  phase.name = name;
  phase.start_ms = ms(window.from - record.begin);
  phase.end_ms = ms(std::min(window.to, record.end) - record.begin);
  add_attempts(phase, record, window);
  add_long_lived(phase, record, window);
  phase.idle = idle_of(record, window);
  return phase;
}

std::vector<TimelineSlot> timeline_of(const Record& record) {
  std::vector<TimelineSlot> slots;
  std::vector<std::vector<double>> connects;
  for (const auto& attempt : record.attempts) {
    const auto index = static_cast<std::size_t>((attempt.start - record.begin) / kSlot);
    if (slots.size() <= index) slots.resize(index + 1);
    connects.resize(slots.size());
    if (attempt.connect) connects[index].push_back(ms(*attempt.connect));
    if (attempt.outcome != Outcome::ok) {
      ++slots[index].lost;
    } else if (is_delayed(attempt)) {
      ++slots[index].delayed;
    } else {
      ++slots[index].answers[record.nodes[attempt.node]];
    }
  }
  for (std::size_t i = 0; i < slots.size(); ++i) {
    slots[i].median_connect_ms = median(connects[i]);
    slots[i].slowest_connect_ms = connects[i].empty() ? 0 : *std::max_element(connects[i].begin(), connects[i].end());
  }
  return slots;
}

}  // namespace

NodeIndex Record::node_index(const std::string& name) {
  const auto found = std::find(nodes.begin(), nodes.end(), name);
  if (found != nodes.end()) return static_cast<NodeIndex>(found - nodes.begin());
  if (nodes.size() > 255) return kNobody;
  nodes.push_back(name);
  return static_cast<NodeIndex>(nodes.size() - 1);
}

Report make_report(const Record& record) {
  INVARIANT(!record.phases.empty(), "a run begins with a phase");
  Report report;
  report.begin_wall_ms = record.begin_wall_ms;
  report.duration_ms = ms(record.end - record.begin);
  report.own_delay_ms = ms(record.latest);
  for (std::size_t i = 0; i < record.phases.size(); ++i) {
    const Instant to = i + 1 < record.phases.size() ? record.phases[i + 1].when : Instant::max();
    report.phases.push_back(report_of(record, record.phases[i].name, {record.phases[i].when, to}));
  }
  report.total = report_of(record, "total", {record.begin, Instant::max()});
  for (const auto& attempt : record.attempts) {
    if (attempt.node == kNobody) continue;
    ++report.addresses[record.sources[attempt.source].to_string()][record.nodes[attempt.node]];
  }
  report.timeline = timeline_of(record);
  return report;
}

}  // namespace relais::probe
