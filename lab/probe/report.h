// The figures of a run, computed from its record. Pure.
#pragma once

#include "lab/probe/record.h"

#include <map>
#include <string>
#include <vector>

namespace relais::probe {

// A connect that took longer counts as delayed: above any scheduling noise, below the first SYN retry (1 s).
inline constexpr Duration kDelayed = std::chrono::milliseconds(200);

struct SharedAddress {
  std::string address;
  std::vector<std::string> nodes;
  bool operator==(const SharedAddress&) const = default;
};

// An attempt that did not end well, told in full. Times are ms after the run's begin.
struct Trouble {
  double start_ms = 0;
  std::string source;
  std::string outcome;
  std::string node;          // "" if nobody said a name
  double connected_ms = -1;  // -1: never
  bool operator==(const Trouble&) const = default;
};

// A connection that only listened, and that the other side ended.
struct IdleBreak {
  double at_ms = 0;  // after the run's begin
  std::string node;
  std::string source;
  std::string end;  // "reset" or "closed"
  bool operator==(const IdleBreak&) const = default;
};

// A long-lived connection that broke.
struct LongBreak {
  double at_ms = 0;  // after the run's begin
  std::string node;
  double unheard_ms = 0;  // since its last echo
  bool operator==(const LongBreak&) const = default;
};

struct IdleReport {
  std::uint64_t opened = 0;
  std::map<std::string, std::uint64_t> opened_by_node;
  std::map<std::string, std::uint64_t> broken_by_node;
  std::vector<IdleBreak> breaks;  // in order of time; a connection breaks at most once
  // From the begin of the phase until a connection broke.
  double median_after_ms = 0;
  double slowest_after_ms = 0;
};

// All attempts that *started* in the phase, all long-lived and idle events that *happened* in it.
struct PhaseReport {
  std::string name;
  double start_ms = 0;  // after the run's begin
  double end_ms = 0;
  std::uint64_t attempts = 0;
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  std::uint64_t refused = 0;
  std::uint64_t reset = 0;
  std::uint64_t delayed = 0;        // connected, later than kDelayed
  std::uint64_t retransmitted = 0;  // connections whose SYN was sent more than once
  double median_connect_ms = 0;
  double slowest_connect_ms = 0;
  // The outage window: start of the first to start of the last affected attempt (delayed, failed, refused or reset).
  double outage_ms = 0;
  double outage_from_ms = -1;
  double outage_to_ms = -1;
  std::uint64_t long_opened = 0;  // first opens
  std::uint64_t long_reopened = 0;
  std::vector<LongBreak> long_breaks;  // in order of time
  double long_slowest_notice_ms = 0;   // longest time from the last echo to the knowledge that it is broken
  std::uint64_t duplicates = 0;
  std::map<std::string, std::uint64_t> answers;  // by node
  std::map<std::string, std::uint64_t> long_broken_by_node;
  std::map<std::string, std::uint64_t> long_opened_by_node;  // opens and re-opens
  IdleReport idle;
  std::vector<SharedAddress> shared_addresses;  // client addresses that more than one node answered
  std::vector<Trouble> troubles;                // at most kMaxTroubles
};
inline constexpr std::size_t kMaxTroubles = 500;

// What started within 100 ms: for the picture.
struct TimelineSlot {
  std::map<std::string, std::uint32_t> answers;  // in time, by node
  std::uint32_t delayed = 0;
  std::uint32_t lost = 0;  // failed, refused, reset
  // Of those that connected at all, whatever became of them then; 0 if none did.
  double median_connect_ms = 0;
  double slowest_connect_ms = 0;
};
inline constexpr Duration kSlot = std::chrono::milliseconds(100);

struct Report {
  std::int64_t begin_wall_ms = 0;
  double duration_ms = 0;
  double own_delay_ms = 0;  // Record::latest: how much the probe itself was held up
  std::vector<PhaseReport> phases;
  PhaseReport total;
  std::map<std::string, std::map<std::string, std::uint64_t>> addresses;  // client address -> node -> answers
  std::vector<TimelineSlot> timeline;
};

Report make_report(const Record& record);

std::string to_json(const Report& report);   // one object; docs/lab.md describes the fields
std::string to_table(const Report& report);  // for people

}  // namespace relais::probe
