// Which Corosync relaisd started, and with which configuration: kept in the run directory, so that the next relaisd
// knows whether the Corosync that it finds is the one that it wants.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace relais::corosync {

struct RunRecord {
  std::int32_t process = 0;
  std::uint64_t start_ticks = 0;  // of the process
  std::uint64_t fingerprint = 0;  // of what it was started with
  bool operator==(const RunRecord&) const = default;
};

// One line; parse(format(r)) == r. Nothing for a damaged line.
std::string format_run_record(const RunRecord& record);
std::optional<RunRecord> parse_run_record(std::string_view text);

// Differs if the configuration or the key differs.
std::uint64_t fingerprint_of(std::string_view configuration, std::span<const std::uint8_t> authkey);

}  // namespace relais::corosync
