// The bounded memory of events and receipts.
#include "daemon/control/event_log.h"

#include <algorithm>
#include <utility>

namespace relais::control {

std::uint64_t EventLog::add(EventRecord event) {
  event.id = ++last_id_;
  ++events_by_severity_[event.severity];
  events_.push_back(std::move(event));
  if (events_.size() > bounds_.events) events_.pop_front();
  return last_id_;
}

void EventLog::add(ReceiptRecord receipt) {
  if (!receipt.abandoned) ++moves_by_cause_[receipt.cause];
  receipts_.push_back(std::move(receipt));
  if (receipts_.size() > bounds_.receipts) receipts_.pop_front();
}

EventList EventLog::events_after(std::uint64_t id, std::string_view run) const {
  if (id > last_id_ || (!run.empty() && run != run_)) id = 0;
  const auto first = std::ranges::upper_bound(events_, id, {}, &EventRecord::id);
  return {.events = {first, events_.end()}, .last_id = last_id_, .run = run_};
}

ReceiptList EventLog::receipts() const { return {.receipts = {receipts_.begin(), receipts_.end()}}; }

}  // namespace relais::control
