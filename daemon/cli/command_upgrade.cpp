// relais upgrade-daemon: orders the upgrade, and waits over the moment in which no relaisd answers.
#include "daemon/cli/command_parts.h"
#include "daemon/control/json.h"

#include <cerrno>
#include <chrono>
#include <thread>

namespace relais::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kStep = 100ms;
// The binary may take ten seconds to say yes, the successor five to come, and a restart after that as long again.
constexpr auto kLongest = 30s;

bool is_over(const control::UpgradeStatus& upgrade) {
  return upgrade.state == "done" || upgrade.state == "failed" || upgrade.state == "restarted" ||
         upgrade.state == "none";
}

// A failure is told to people by exit_for() alone.
void show(const Session& session, const control::UpgradeStatus& upgrade) {
  if (session.console.output == Output::json) return print_line(session, control::to_json(upgrade));
  if (is_over(upgrade) && upgrade.state != "done") return;
  print_line(session, upgrade.state + (upgrade.text.empty() ? "" : ": " + upgrade.text));
}

ExitCode exit_for(const Session& session, const control::UpgradeStatus& upgrade) {
  if (upgrade.state == "done") return ExitCode::ok;
  const std::string what = upgrade.state == "none" ? "relaisd was started anew, and does not know of the upgrade"
                                                   : upgrade.state + ": " + upgrade.text;
  return report(session.console, {.what = what, .way_out = "relais events tells more"}, ExitCode::failed);
}

// A relaisd that cannot be reached is on its way; any other answer than a status is an error.
ExitCode wait_for_outcome(const Session& session) {
  const auto end = Clock::now() + kLongest;
  control::UpgradeStatus last{.state = "", .text = ""};
  Error trouble;
  while (Clock::now() < end) {
    const auto status = session.client.status();
    trouble = status ? Error{} : status.error();
    if (status && status->value.upgrade != last) {
      last = status->value.upgrade;
      show(session, last);
    }
    if (status && is_over(last)) return exit_for(session, last);
    std::this_thread::sleep_for(kStep);
  }
  if (!trouble.what.empty()) return report_from_relaisd(session, trouble);
  return report(
      session.console,
      {.what = "the time is up and the upgrade is not over", .way_out = "see relais status and relais events"},
      ExitCode::failed);
}

}  // namespace

ExitCode upgrade_daemon(const Session& session, const UpgradeDaemon& command) {
  const auto begun = session.client.upgrade({.binary = command.binary});
  if (!begun) return report_from_relaisd(session, begun.error());
  if (command.wait == Wait::until_done) return wait_for_outcome(session);
  show(session, {.state = "checking", .text = "relais status shows what becomes of it"});
  return ExitCode::ok;
}

}  // namespace relais::cli
