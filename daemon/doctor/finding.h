// What doctor says: a finding with its reason and its fix.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relais::doctor {

enum class Severity : std::uint8_t {
  error,    // relais does not work, or not safely, until this is put right
  warning,  // it works, but worse or with a risk
  note,     // good to know
};

constexpr std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::error: return "error";
    case Severity::warning: return "warning";
    case Severity::note: return "note";
  }
  return "?";
}

struct Finding {
  Severity severity = Severity::note;
  std::string what;  // one sentence
  std::string why;   // what it does to clients or to the cluster
  std::string fix;   // the command, or what to edit
  bool operator==(const Finding&) const = default;
};

using Findings = std::vector<Finding>;

}  // namespace relais::doctor
