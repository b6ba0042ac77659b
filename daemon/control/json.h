// The control API's values as JSON text and back: the one place that knows how api.h looks on the wire.
//
// Writing never fails; bytes that are not UTF-8 are replaced. Reading is strict on types and ranges, ignores fields
// that it does not know (a newer peer may send more), and leaves a field that is absent or null at its default. An
// error names the field: "vips[0].buckets[17].owner: expected an integer from 0 to 4294967295, found a string".
#pragma once

#include "base/result.h"
#include "daemon/control/api.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace relais::control {

inline constexpr std::size_t kMaxJsonBytes = 4 * 1024 * 1024;  // a Status of 16 VIPs has about 400 KiB
inline constexpr std::size_t kMaxJsonDepth = 16;               // a Status has 5 levels

std::string to_json(const Status& status);
std::string to_json(const Who& who);
std::string to_json(const EventList& events);
std::string to_json(const EventRecord& event);
std::string to_json(const ReceiptList& receipts);
std::string to_json(const ReceiptRecord& receipt);
std::string to_json(const Version& version);
std::string to_json(const Order& order);
std::string to_json(const UpgradeStatus& upgrade);
std::string to_json(const UpgradeOrder& order);
std::string to_json(const Failure& failure);

// Errors: too long, too deep, not JSON, not an object, a field of the wrong type or out of its range.
Result<Status> parse_status(std::string_view text);
Result<Who> parse_who(std::string_view text);
Result<EventList> parse_events(std::string_view text);
Result<ReceiptList> parse_receipts(std::string_view text);
Result<Version> parse_version(std::string_view text);
Result<Order> parse_order(std::string_view text);
Result<UpgradeOrder> parse_upgrade_order(std::string_view text);
Result<Failure> parse_failure(std::string_view text);

}  // namespace relais::control
