// The CLI's own JSON objects.
#include "daemon/cli/machine.h"

#include <nlohmann/json.hpp>

namespace relais::cli {
namespace {

using Json = nlohmann::ordered_json;

// Bytes that are not UTF-8 (file names may hold any) are replaced, so this never fails.
std::string to_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace

std::string error_json(const Error& error) { return to_line({{"error", error.what}, {"way_out", error.way_out}}); }

std::string progress_json(MoveOrder order, const Progress& progress) {
  return to_line({{"node", progress.node},
                  {"order", std::string(to_string(order))},
                  {"buckets_left", progress.buckets_left},
                  {"connections_left", progress.connections_left},
                  {"done", progress.done},
                  {"note", progress.note}});
}

std::string ordered_json(const MoveNode& command) {
  return to_line({{"node", command.node}, {"order", std::string(to_string(command.order))}, {"done", false}});
}

std::string weight_json(const ChangeWeight& command) {
  return to_line(
      {{"node", command.node}, {"vip", command.vip ? Json(*command.vip) : Json(nullptr)}, {"weight", command.weight}});
}

std::string config_check_json(const std::string& file, const config::Errors& errors,
                              const std::optional<std::vector<config::Difference>>& differences) {
  Json list = Json::array();
  for (const config::ConfigError& error : errors) {
    list.push_back(
        {{"line", error.at.line}, {"column", error.at.column}, {"what", error.what}, {"way_out", error.way_out}});
  }
  Json not_in_use;  // null
  if (differences) {
    not_in_use = Json::array();
    for (const config::Difference& difference : *differences) not_in_use.push_back(difference.what);
  }
  return to_line({{"file", file}, {"valid", errors.empty()}, {"errors", list}, {"not_in_use", not_in_use}});
}

std::string findings_json(const doctor::Findings& findings, const std::vector<std::string>& unseen) {
  Json list = Json::array();
  for (const doctor::Finding& finding : findings) {
    list.push_back({{"severity", std::string(doctor::to_string(finding.severity))},
                    {"what", finding.what},
                    {"why", finding.why},
                    {"fix", finding.fix}});
  }
  return to_line({{"findings", list}, {"not_looked_at", unseen}});
}

std::string text_json(const std::string& key, const std::string& text) { return to_line({{key, text}}); }

std::string version_json(const std::string& own, const std::optional<std::string>& relaisd) {
  return to_line({{"relais", own}, {"relaisd", relaisd ? Json(*relaisd) : Json(nullptr)}});
}

}  // namespace relais::cli
