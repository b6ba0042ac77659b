// What happened on this node since relaisd started: a bounded memory of events and receipts, and totals that never
// shrink. Pure: time comes with the records.
#pragma once

#include "daemon/control/api.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace relais::control {

class EventLog {
 public:
  struct Bounds {
    std::size_t events = 1000;
    std::size_t receipts = 1000;
  };

  // `run` is a text that no other life of relaisd has.
  explicit EventLog(std::string run) : EventLog(std::move(run), Bounds{}) {}
  EventLog(std::string run, Bounds bounds) : run_(std::move(run)), bounds_(bounds) {}

  // Keeps the event under the next id, which it returns; the record's own id is ignored. Ids begin with 1. The oldest
  // event is forgotten when the bound is reached.
  std::uint64_t add(EventRecord event);
  // Keeps the receipt; the oldest is forgotten when the bound is reached.
  void add(ReceiptRecord receipt);

  // The events that are newer than `id`, oldest first. `id` is of the life `run` (empty: of this one). Everything is
  // newer than an id of an earlier life, and than one that this log has not given yet.
  EventList events_after(std::uint64_t id, std::string_view run) const;
  // All receipts, oldest first.
  ReceiptList receipts() const;

  // Since the start, forgotten ones too: events by severity, finished moves by cause.
  const std::map<std::string, std::uint64_t>& events_by_severity() const { return events_by_severity_; }
  const std::map<std::string, std::uint64_t>& moves_by_cause() const { return moves_by_cause_; }

 private:
  std::string run_;
  Bounds bounds_;
  std::uint64_t last_id_ = 0;
  std::deque<EventRecord> events_;
  std::deque<ReceiptRecord> receipts_;
  std::map<std::string, std::uint64_t> events_by_severity_;
  std::map<std::string, std::uint64_t> moves_by_cause_;
};

}  // namespace relais::control
