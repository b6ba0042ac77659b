// Which Corosync relaisd started: see run_record.h.
#include "ha/corosync/run_record.h"

#include "base/siphash.h"

#include <sstream>
#include <vector>

namespace relais::corosync {

std::string format_run_record(const RunRecord& record) {
  return std::to_string(record.process) + " " + std::to_string(record.start_ticks) + " " +
         std::to_string(record.fingerprint) + "\n";
}

std::optional<RunRecord> parse_run_record(std::string_view text) {
  std::istringstream in{std::string(text)};
  RunRecord record;
  std::string more;
  if (!(in >> record.process >> record.start_ticks >> record.fingerprint) || (in >> more) || record.process <= 0) {
    return std::nullopt;
  }
  return record;
}

std::uint64_t fingerprint_of(std::string_view configuration, std::span<const std::uint8_t> authkey) {
  std::vector<std::uint8_t> bytes(configuration.begin(), configuration.end());
  bytes.push_back(0);
  bytes.insert(bytes.end(), authkey.begin(), authkey.end());
  // Recognises a change, keeps no secret: the record is readable by root only, as the key is.
  constexpr SipKey kKey{.k0 = 0x72656c6169732072, .k1 = 0x756e207265636f72};
  return siphash13(kKey, bytes);
}

}  // namespace relais::corosync
