// Which function carries out which command, and the commands that ask one question.
#include "daemon/cli/commands.h"

#include "daemon/cli/command_parts.h"
#include "daemon/cli/machine.h"
#include "daemon/cli/render_records.h"
#include "daemon/cli/render_status.h"
#include "daemon/control/json.h"

#include <algorithm>
#include <ostream>

namespace relais::cli {
namespace {

// Names are a courtesy: without them nodes are shown by id.
NodeNames fetch_names(const Session& session) {
  NodeNames names;
  const auto status = session.client.status();
  if (!status) return names;
  for (const control::NodeStatus& node : status->value.nodes) names[node.id] = node.name;
  return names;
}

struct Runner {
  const Session& session;

  ExitCode operator()(const ShowStatus&) const { return show_status(session); }
  ExitCode operator()(const Watch&) const { return watch_status(session); }
  ExitCode operator()(const AskWho& command) const { return ask_who(session, command); }
  ExitCode operator()(const MoveNode& command) const { return move_node(session, command); }
  ExitCode operator()(const ChangeWeight& command) const { return change_weight(session, command); }
  ExitCode operator()(const UpgradeDaemon& command) const { return upgrade_daemon(session, command); }
  ExitCode operator()(const ShowEvents& command) const { return show_events(session, command); }
  ExitCode operator()(const ShowReceipts&) const { return show_receipts(session); }
  ExitCode operator()(const PrintSwitchConfig& command) const { return print_switch_config(session, command); }
  ExitCode operator()(const CheckConfig& command) const { return check_config(session, command); }
  ExitCode operator()(const PrintConfig& command) const { return print_config(session, command); }
  ExitCode operator()(const RunDoctor& command) const { return run_doctor(session, command); }
  ExitCode operator()(const ShowVersion&) const { return show_version(session); }
  ExitCode operator()(const ShowHelp& command) const {
    session.console.out << command.text;
    return ExitCode::ok;
  }
};

}  // namespace

ExitCode run(const Invocation& invocation, const Console& console) {
  const Session session{
      .console = console, .socket = invocation.global.socket, .client = Client(invocation.global.socket)};
  return std::visit(Runner{session}, invocation.command);
}

ExitCode report(const Console& console, const Error& error, ExitCode exit) {
  console.out.flush();
  if (console.output == Output::json) {
    console.err << error_json(error) << "\n";
    return exit;
  }
  console.err << "relais: " << printable(error.what) << "\n";
  if (!error.way_out.empty()) console.err << "        " << printable(error.way_out) << "\n";
  return exit;
}

ExitCode report_from_relaisd(const Session& session, const Error& error) {
  return report(session.console, error, exit_code_of(error));
}

void print_line(const Session& session, const std::string& text) {
  session.console.out << text;
  if (!text.ends_with('\n')) session.console.out << '\n';
  session.console.out.flush();
}

ExitCode show_status(const Session& session) {
  const auto status = session.client.status();
  if (!status) return report_from_relaisd(session, status.error());
  const bool json = session.console.output == Output::json;
  print_line(session, json ? status->json : render_status(status->value, session.console.style));
  return ExitCode::ok;
}

ExitCode ask_who(const Session& session, const AskWho& command) {
  const auto who = session.client.who(command.address);
  if (!who) return report_from_relaisd(session, who.error());
  if (session.console.output == Output::json) {
    print_line(session, who->json);
  } else {
    print_line(session, render_who(who->value, fetch_names(session), session.console.style));
  }
  const bool answered =
      who->value.current && !who->value.vips.empty() &&
      std::none_of(who->value.vips.begin(), who->value.vips.end(), [](const auto& vip) { return vip.owner == 0; });
  return answered ? ExitCode::ok : ExitCode::failed;
}

ExitCode change_weight(const Session& session, const ChangeWeight& command) {
  const control::Order order{.node = command.node, .vip = command.vip, .weight = command.weight};
  const auto done = session.client.send_order(OrderTarget::weight, order);
  if (!done) return report_from_relaisd(session, done.error());
  if (session.console.output == Output::json) {
    print_line(session, weight_json(command));
  } else {
    print_line(session, command.node + ": weight " + std::to_string(command.weight) + " for " +
                            (command.vip ? "VIP " + *command.vip : "all VIPs") +
                            " ordered; relais watch shows the moves");
  }
  return ExitCode::ok;
}

ExitCode show_receipts(const Session& session) {
  const auto receipts = session.client.receipts();
  if (!receipts) return report_from_relaisd(session, receipts.error());
  if (session.console.output == Output::json) {
    print_line(session, receipts->json);
  } else {
    print_line(session, render_receipts(receipts->value.receipts, fetch_names(session), session.console.style));
  }
  return ExitCode::ok;
}

ExitCode show_version(const Session& session) {
  const auto relaisd = session.client.version();
  std::optional<std::string> running;
  if (relaisd) running = relaisd->value.version;
  if (session.console.output == Output::json) {
    print_line(session, version_json(RELAIS_VERSION, running));
  } else {
    print_line(session, std::string("relais ") + RELAIS_VERSION + "\n" +
                            (running ? "relaisd " + printable(*running) + " (running)"
                                     : "relaisd: " + printable(relaisd.error().what)));
  }
  return ExitCode::ok;
}

}  // namespace relais::cli
