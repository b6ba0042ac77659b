// `relais who`, `events`, `receipts` and `version` for people. Pure.
#pragma once

#include "daemon/cli/style.h"
#include "daemon/control/api.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace relais::cli {

// Names by id; a node without one is shown as "node 3".
using NodeNames = std::map<std::uint32_t, std::string>;

std::string render_who(const control::Who& who, const NodeNames& names, const Style& style);

// One line: time (UTC), id, severity, kind, text.
std::string render_event(const control::EventRecord& event, const Style& style);

// Newest last, as a table; one sentence if there are none.
std::string render_receipts(std::span<const control::ReceiptRecord> receipts, const NodeNames& names,
                            const Style& style);

// Milliseconds since the Unix epoch as "2026-01-31 23:59:59.123Z".
std::string utc_time(std::int64_t time_ms);

}  // namespace relais::cli
