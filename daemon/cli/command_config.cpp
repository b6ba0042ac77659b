// The commands that need no relaisd: configuration, switches, doctor.
#include "daemon/cli/command_parts.h"
#include "daemon/cli/machine.h"
#include "daemon/cli/render_findings.h"
#include "daemon/config/diff.h"
#include "daemon/config/parse.h"
#include "daemon/config/print.h"
#include "daemon/config/switch_config.h"
#include "daemon/doctor/collect.h"
#include "daemon/doctor/diagnose.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ostream>

namespace relais::cli {
namespace {

bool is_json(const Session& session) { return session.console.output == Output::json; }

// A file that may not be read is a matter of permission, not of its contents.
ExitCode exit_of_invalid(const std::string& file) {
  return ::access(file.c_str(), R_OK) != 0 && errno == EACCES ? ExitCode::not_permitted : ExitCode::findings;
}

// Errors go to standard error; with --json as the one error that a script looks for there.
ExitCode report_invalid(const Session& session, const std::string& file, const config::Errors& errors) {
  session.console.out.flush();
  if (is_json(session)) {
    session.console.err << error_json(
                               {.what = config::describe(file, errors), .way_out = "relais config check " + file})
                        << "\n";
  } else {
    session.console.err << config::describe(file, errors);
  }
  return exit_of_invalid(file);
}

// What relaisd does not know of the file yet; nothing if it cannot be asked.
std::optional<std::vector<config::Difference>> differences_to_running(const Session& session,
                                                                      const config::Cluster& cluster) {
  const auto text = session.client.configuration();
  if (!text) return std::nullopt;
  const auto running = config::parse(*text);
  if (!running) return std::nullopt;
  return config::diff(*running, cluster);
}

std::string describe(const config::Difference& difference) {
  return "not in use yet: " + printable(difference.what) +
         (difference.effect == config::Effect::live ? " (relais weight, or restart relaisd)" : " (restart relaisd)");
}

}  // namespace

ExitCode check_config(const Session& session, const CheckConfig& command) {
  const auto cluster = config::load(command.config_file);
  const auto differences = cluster ? differences_to_running(session, *cluster) : std::nullopt;
  if (is_json(session)) {
    print_line(session,
               config_check_json(command.config_file, cluster ? config::Errors{} : cluster.error(), differences));
    return cluster ? ExitCode::ok : exit_of_invalid(command.config_file);
  }
  if (!cluster) return report_invalid(session, command.config_file, cluster.error());
  print_line(session, command.config_file + ": valid (" + counted(cluster->nodes.size(), "node") + ", " +
                          counted(cluster->vips.size(), "VIP") + ", configuration " +
                          config::hash_text(config::hash_of(*cluster)) + ")");
  for (const config::Difference& difference : differences.value_or(std::vector<config::Difference>{})) {
    print_line(session, describe(difference));
  }
  return ExitCode::ok;
}

ExitCode print_config(const Session& session, const PrintConfig& command) {
  std::string text;
  if (command.config_file) {
    const auto cluster = config::load(*command.config_file);
    if (!cluster) return report_invalid(session, *command.config_file, cluster.error());
    text = config::print(*cluster);
  } else {
    auto running = session.client.configuration();
    if (!running) return report_from_relaisd(session, running.error());
    text = std::move(*running);
  }
  print_line(session, is_json(session) ? text_json("toml", text) : text);
  return ExitCode::ok;
}

ExitCode print_switch_config(const Session& session, const PrintSwitchConfig& command) {
  const auto cluster = config::load(command.config_file);
  if (!cluster) return report_invalid(session, command.config_file, cluster.error());
  const auto vendor = config::parse_vendor(command.vendor);
  if (!vendor) return report(session.console, vendor.error(), ExitCode::usage);
  const auto text = config::render_switch_config(*cluster, *vendor, {.ports = command.ports, .vlan = command.vlan});
  if (!text) return report(session.console, text.error(), ExitCode::usage);
  print_line(session, is_json(session) ? text_json("commands", *text) : *text);
  return ExitCode::ok;
}

ExitCode run_doctor(const Session& session, const RunDoctor& command) {
  const auto answer = session.client.status();
  std::optional<control::Status> status;
  std::optional<std::string> node;
  if (answer) {
    status = answer->value;
    for (const control::NodeStatus& known : status->nodes) {
      if (known.self) node = known.name;
    }
  }
  const bool may_ask = answer || exit_code_of(answer.error()) != ExitCode::not_permitted;
  const auto cluster = config::load(command.config_file);
  doctor::Facts facts = doctor::collect_facts({.config = doctor::facts_of(cluster, command.config_file, node),
                                               .relaisd_pid = doctor::find_listener(session.socket),
                                               .may_ask_relaisd = may_ask});
  if (!answer) {
    facts.unseen.push_back("relaisd's own view: " + answer.error().what + (may_ask ? "" : " (run doctor as root)"));
  }
  const doctor::Findings findings = doctor::diagnose(facts, status);
  print_line(session, is_json(session) ? findings_json(findings, facts.unseen)
                                       : render_findings(findings, facts.unseen, session.console.style));
  const bool broken = std::any_of(findings.begin(), findings.end(), [](const doctor::Finding& finding) {
    return finding.severity == doctor::Severity::error;
  });
  return broken ? ExitCode::findings : ExitCode::ok;
}

}  // namespace relais::cli
