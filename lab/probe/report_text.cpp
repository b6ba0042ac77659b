// The report as JSON and as a table.
#include "lab/probe/report.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace relais::probe {

namespace {

using nlohmann::json;

json idle_json(const IdleReport& idle) {
  json breaks = json::array();
  for (const auto& broken : idle.breaks) {
    breaks.push_back({{"at_ms", broken.at_ms}, {"node", broken.node}, {"source", broken.source}, {"end", broken.end}});
  }
  return {{"opened", idle.opened},
          {"broken", idle.breaks.size()},
          {"opened_by_node", idle.opened_by_node},
          {"broken_by_node", idle.broken_by_node},
          {"breaks", breaks},
          {"median_after_ms", idle.median_after_ms},
          {"slowest_after_ms", idle.slowest_after_ms}};
}

json long_breaks_json(const PhaseReport& phase) {
  json breaks = json::array();
  for (const auto& broken : phase.long_breaks) {
    breaks.push_back({{"at_ms", broken.at_ms}, {"node", broken.node}, {"unheard_ms", broken.unheard_ms}});
  }
  return breaks;
}

json phase_json(const PhaseReport& phase) {
  json shared = json::array();
  for (const auto& address : phase.shared_addresses) {
    shared.push_back({{"address", address.address}, {"nodes", address.nodes}});
  }
  json troubles = json::array();
  for (const auto& trouble : phase.troubles) {
    troubles.push_back({{"start_ms", trouble.start_ms},
                        {"source", trouble.source},
                        {"outcome", trouble.outcome},
                        {"node", trouble.node},
                        {"connected_ms", trouble.connected_ms}});
  }
  return {{"name", phase.name},
          {"start_ms", phase.start_ms},
          {"end_ms", phase.end_ms},
          {"attempts", phase.attempts},
          {"ok", phase.ok},
          {"failed", phase.failed},
          {"refused", phase.refused},
          {"reset", phase.reset},
          {"delayed", phase.delayed},
          {"syn_retransmitted", phase.retransmitted},
          {"median_connect_ms", phase.median_connect_ms},
          {"slowest_connect_ms", phase.slowest_connect_ms},
          {"outage_ms", phase.outage_ms},
          {"outage_from_ms", phase.outage_from_ms},
          {"outage_to_ms", phase.outage_to_ms},
          {"duplicates", phase.duplicates},
          {"long",
           {{"opened", phase.long_opened},
            {"reopened", phase.long_reopened},
            {"broken", phase.long_breaks.size()},
            {"broken_by_node", phase.long_broken_by_node},
            {"opened_by_node", phase.long_opened_by_node},
            {"breaks", long_breaks_json(phase)},
            {"slowest_notice_ms", phase.long_slowest_notice_ms}}},
          {"idle", idle_json(phase.idle)},
          {"answers", phase.answers},
          {"addresses_answered_by_several", shared},
          {"troubles", troubles}};
}

json timeline_json(const std::vector<TimelineSlot>& slots) {
  json list = json::array();
  for (const auto& slot : slots) {
    list.push_back({{"answers", slot.answers},
                    {"delayed", slot.delayed},
                    {"lost", slot.lost},
                    {"median_connect_ms", slot.median_connect_ms},
                    {"slowest_connect_ms", slot.slowest_connect_ms}});
  }
  return list;
}

std::string row(const PhaseReport& phase) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(), "%-14.14s %7llu %7llu %6llu %7llu %5llu %7llu %9.1f %9.0f %6llu/%-4llu ",
                phase.name.c_str(), static_cast<unsigned long long>(phase.attempts),
                static_cast<unsigned long long>(phase.ok), static_cast<unsigned long long>(phase.failed),
                static_cast<unsigned long long>(phase.refused), static_cast<unsigned long long>(phase.reset),
                static_cast<unsigned long long>(phase.delayed), phase.slowest_connect_ms, phase.outage_ms,
                static_cast<unsigned long long>(phase.long_breaks.size()),
                static_cast<unsigned long long>(phase.long_opened) + phase.long_reopened);
  std::string line = text.data();
  for (const auto& [node, answers] : phase.answers) line += " " + node + ":" + std::to_string(answers);
  return line + "\n";
}

// "idle in crash: 66 broken (n2:66), half within 310 ms and all within 420 ms of the phase's begin"
std::string idle_line(const PhaseReport& phase) {
  std::array<char, 128> times{};
  std::snprintf(times.data(), times.size(), "half within %.0f ms and all within %.0f ms of the phase's begin",
                phase.idle.median_after_ms, phase.idle.slowest_after_ms);
  std::string nodes;
  for (const auto& [node, count] : phase.idle.broken_by_node) nodes += " " + node + ":" + std::to_string(count);
  return "idle in " + phase.name + ": " + std::to_string(phase.idle.breaks.size()) + " broken (" + nodes.substr(1) +
         "), " + times.data() + "\n";
}

std::string idle_lines(const Report& report) {
  if (report.total.idle.opened == 0) return "";
  std::string lines = "idle connections: " + std::to_string(report.total.idle.opened) + " opened, " +
                      std::to_string(report.total.idle.breaks.size()) + " broken\n";
  for (const auto& phase : report.phases) {
    if (!phase.idle.breaks.empty()) lines += idle_line(phase);
  }
  return lines;
}

}  // namespace

std::string to_json(const Report& report) {
  json phases = json::array();
  for (const auto& phase : report.phases) phases.push_back(phase_json(phase));
  const json all = {{"begin_wall_ms", report.begin_wall_ms},
                    {"duration_ms", report.duration_ms},
                    {"own_delay_ms", report.own_delay_ms},
                    {"phases", phases},
                    {"total", phase_json(report.total)},
                    {"addresses", report.addresses},
                    {"slot_ms", std::chrono::milliseconds(kSlot.count() / 1000000).count()},
                    {"timeline", timeline_json(report.timeline)}};
  return all.dump(1) + "\n";
}

std::string to_table(const Report& report) {
  std::string table =
      "phase            tried      ok failed refused reset delayed slowest ms outage ms broken/opened  answers\n";
  for (const auto& phase : report.phases) table += row(phase);
  if (report.phases.size() > 1) table += row(report.total);
  table += idle_lines(report);
  const auto& shared = report.total.shared_addresses;
  table += "addresses answered by more than one node: " + std::to_string(shared.size()) + " of " +
           std::to_string(report.addresses.size()) + "\n";
  if (report.own_delay_ms > 20) {
    table +=
        "note: this machine held the probe up by " + std::to_string(static_cast<int>(report.own_delay_ms)) + " ms\n";
  }
  return table;
}

}  // namespace relais::probe
