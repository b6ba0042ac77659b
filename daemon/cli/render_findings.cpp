// `relais doctor` for people.
#include "daemon/cli/render_findings.h"

#include <algorithm>

namespace relais::cli {
namespace {

Paint paint_of(doctor::Severity severity) {
  switch (severity) {
    case doctor::Severity::error: return Paint::bad;
    case doctor::Severity::warning: return Paint::warning;
    case doctor::Severity::note: return Paint::strong;
  }
  return Paint::plain;
}

std::string render_finding(const doctor::Finding& finding, const Style& style) {
  std::string label(doctor::to_string(finding.severity));
  const std::string blanks(9 - label.size(), ' ');
  std::string text = painted(paint_of(finding.severity), label, style) + blanks + printable(finding.what) + "\n";
  if (!finding.why.empty()) text += "         why: " + printable(finding.why) + "\n";
  if (!finding.fix.empty()) text += "         fix: " + printable(finding.fix) + "\n";
  return text;
}

std::uint64_t count_of(const doctor::Findings& findings, doctor::Severity severity) {
  return static_cast<std::uint64_t>(std::count_if(
      findings.begin(), findings.end(), [&](const doctor::Finding& finding) { return finding.severity == severity; }));
}

}  // namespace

std::string render_findings(const doctor::Findings& findings, const std::vector<std::string>& unseen,
                            const Style& style) {
  std::string text;
  for (const doctor::Finding& finding : findings) text += render_finding(finding, style);
  if (!unseen.empty()) text += painted(Paint::strong, "not looked at:", style) + "\n";
  for (const std::string& gap : unseen) text += "  " + printable(gap) + "\n";
  if (findings.empty())
    return text + painted(Paint::good, "nothing found that keeps relais from working", style) + "\n";
  return text + counted(count_of(findings, doctor::Severity::error), "error") + ", " +
         counted(count_of(findings, doctor::Severity::warning), "warning") + ", " +
         counted(count_of(findings, doctor::Severity::note), "note") + "\n";
}

}  // namespace relais::cli
