// One function per command; run() chooses. Each returns the exit code of relais(1).
#pragma once

#include "daemon/cli/client.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/invocation.h"

#include <string>

namespace relais::cli {

// What all commands need.
struct Session {
  const Console& console;
  std::string socket;
  Client client;
};

// An error of the control API: where to write it and what it means.
ExitCode report_from_relaisd(const Session& session, const Error& error);
// Text as it is, with a newline at its end.
void print_line(const Session& session, const std::string& text);

ExitCode show_status(const Session& session);
ExitCode watch_status(const Session& session);
ExitCode ask_who(const Session& session, const AskWho& command);
ExitCode move_node(const Session& session, const MoveNode& command);
ExitCode change_weight(const Session& session, const ChangeWeight& command);
ExitCode upgrade_daemon(const Session& session, const UpgradeDaemon& command);
ExitCode show_events(const Session& session, const ShowEvents& command);
ExitCode show_receipts(const Session& session);
ExitCode print_switch_config(const Session& session, const PrintSwitchConfig& command);
ExitCode check_config(const Session& session, const CheckConfig& command);
ExitCode print_config(const Session& session, const PrintConfig& command);
ExitCode run_doctor(const Session& session, const RunDoctor& command);
ExitCode show_version(const Session& session);

}  // namespace relais::cli
