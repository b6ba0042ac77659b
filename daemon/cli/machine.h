// JSON of what the control API does not define: relais(1), "MACHINE OUTPUT". Each is one line without newline. Pure.
#pragma once

#include "base/result.h"
#include "daemon/cli/progress.h"
#include "daemon/config/diff.h"
#include "daemon/config/error.h"
#include "daemon/doctor/finding.h"

#include <optional>
#include <string>
#include <vector>

namespace relais::cli {

// {"error", "way_out"}
std::string error_json(const Error& error);
// {"node", "order", "buckets_left", "connections_left", "done", "note"}
std::string progress_json(MoveOrder order, const Progress& progress);
// {"node", "order", "done"}: what --no-wait can say
std::string ordered_json(const MoveNode& command);
// {"node", "vip": text or null, "weight"}
std::string weight_json(const ChangeWeight& command);
// {"file", "valid", "errors": [{"line", "column", "what", "way_out"}], "not_in_use": [text] or null}
std::string config_check_json(const std::string& file, const config::Errors& errors,
                              const std::optional<std::vector<config::Difference>>& differences);
// {"findings": [{"severity", "what", "why", "fix"}], "not_looked_at": [text]}
std::string findings_json(const doctor::Findings& findings, const std::vector<std::string>& unseen);
// {KEY: TEXT}
std::string text_json(const std::string& key, const std::string& text);
// {"relais", "relaisd": text or null}
std::string version_json(const std::string& own, const std::optional<std::string>& relaisd);

}  // namespace relais::cli
