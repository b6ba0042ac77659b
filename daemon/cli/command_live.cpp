// The commands that go on for a while: watch, drain and resume with progress, events --follow.
#include "daemon/cli/command_parts.h"
#include "daemon/cli/machine.h"
#include "daemon/cli/progress.h"
#include "daemon/cli/render_records.h"
#include "daemon/cli/render_status.h"
#include "daemon/cli/screen.h"
#include "daemon/control/json.h"

#include <chrono>
#include <ctime>
#include <ostream>
#include <thread>

namespace relais::cli {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kRedraw = 500ms;  // fast enough to look live, slow enough to read
constexpr auto kProgressStep = 250ms;
constexpr auto kLongPoll = 20s;  // well below what middle-men cut; there are none on a Unix socket
constexpr auto kTryAgain = 1s;

std::int64_t wall_clock_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// On a terminal: the picture, twice a second, until the user stops. relaisd may go and come back meanwhile.
ExitCode watch_on_screen(const Session& session) {
  StopSignal stop;
  Screen screen(session.console.out);
  do {
    const auto status = session.client.status();
    const Style& style = session.console.style;
    screen.show(status ? render_status(status->value, style)
                       : painted(Paint::bad, printable(status.error().what), style) + "\n" +
                             printable(status.error().way_out) + "\n\ntrying again; Ctrl-C ends\n");
  } while (stop.wait(kRedraw) == Stopped::no);
  return ExitCode::ok;
}

void print_changes(const Session& session, const control::Status& before, const Answer<control::Status>& now) {
  const std::vector<std::string> changes = describe_changes(before, now.value);
  if (session.console.output == Output::json) {
    if (!changes.empty()) print_line(session, now.json);
    return;
  }
  for (const std::string& change : changes) print_line(session, utc_time(wall_clock_ms()) + "  " + change);
}

// Elsewhere: one line per change, beginning with everything.
ExitCode watch_as_lines(const Session& session) {
  StopSignal stop;
  auto status = session.client.status();
  if (!status) return report_from_relaisd(session, status.error());
  control::Status last;
  bool reachable = true;
  do {
    if (status) {
      print_changes(session, last, *status);
      last = status->value;
    } else if (reachable) {
      report_from_relaisd(session, status.error());
    }
    reachable = status.has_value();
    if (stop.wait(kRedraw) == Stopped::yes) return ExitCode::ok;
    status = session.client.status();
  } while (session.console.out.good());
  return ExitCode::ok;
}

// Shows progress: rewritten in place on a terminal, else a line per change.
class ProgressPrinter {
 public:
  ProgressPrinter(const Session& session, MoveOrder order) : session_(session), order_(order) {}
  ~ProgressPrinter() { end_line(); }
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  void show(const Progress& progress) {
    const bool json = session_.console.output == Output::json;
    std::string text = json ? progress_json(order_, progress) : render_progress(order_, progress);
    if (text == shown_) return;
    if (!json && session_.console.display == Display::terminal) {
      session_.console.out << "\r\033[K" << text << std::flush;
      line_is_open_ = true;
    } else {
      print_line(session_, text);
    }
    shown_ = std::move(text);
  }

  void end_line() {
    if (line_is_open_) session_.console.out << std::endl;
    line_is_open_ = false;
  }

 private:
  const Session& session_;
  MoveOrder order_;
  std::string shown_;
  bool line_is_open_ = false;
};

// A script that goes on to stop the node must not take "it keeps everything" for success.
ExitCode exit_when_done(const Session& session, MoveOrder order, const Progress& progress) {
  if (order != MoveOrder::drain || progress.buckets_left == 0) return ExitCode::ok;
  return report(session.console,
                {.what = progress.node + " still answers clients: " + progress.note,
                 .way_out = "start or resume another node, or give one a weight, before you stop this one"},
                ExitCode::failed);
}

ExitCode wait_until_done(const Session& session, const MoveNode& command) {
  const auto end = command.timeout ? Clock::now() + *command.timeout : Clock::time_point::max();
  ProgressPrinter printer(session, command.order);
  bool ordered = false;
  for (;;) {
    const auto status = session.client.status();
    if (!status) {
      printer.end_line();
      return report_from_relaisd(session, status.error());
    }
    const auto progress = measure_progress(command.order, command.node, status->value);
    if (!progress) {
      return report(session.console,
                    {.what = "the cluster has no node " + command.node, .way_out = "relais status lists them"},
                    ExitCode::failed);
    }
    printer.show(*progress);
    ordered = progress->ordered;
    if (progress->done) {
      printer.end_line();
      return exit_when_done(session, command.order, *progress);
    }
    if (Clock::now() >= end) break;
    std::this_thread::sleep_for(kProgressStep);
  }
  printer.end_line();
  const std::string order(to_string(command.order));
  return report(session.console,
                ordered ? Error{.what = "the time is up and the " + order + " is not finished",
                                .way_out = "the order stays in force; relais watch shows the rest"}
                        : Error{.what = "the time is up and the cluster has not taken the order to " + order,
                                .way_out = "see relais status; give the order again when all is well"},
                ExitCode::failed);
}

void print_events(const Session& session, const control::EventList& list) {
  for (const control::EventRecord& event : list.events) {
    print_line(session, session.console.output == Output::json ? control::to_json(event)
                                                               : render_event(event, session.console.style));
  }
}

// Goes on over restarts of relaisd: those are what one follows for. Ends with Ctrl-C, or when nobody reads any more.
ExitCode follow_events(const Session& session, EventsSince since) {
  bool reachable = true;
  while (session.console.out.good()) {
    const auto list = session.client.events(since, kLongPoll);
    if (list) {
      print_events(session, list->value);
      since = {.id = list->value.last_id, .run = list->value.run};
    } else {
      if (reachable) report_from_relaisd(session, list.error());
      std::this_thread::sleep_for(kTryAgain);
    }
    reachable = list.has_value();
  }
  return ExitCode::ok;
}

}  // namespace

ExitCode watch_status(const Session& session) {
  const bool on_screen = session.console.display == Display::terminal && session.console.output == Output::human;
  if (!on_screen) return watch_as_lines(session);
  const auto first = session.client.status();
  return first ? watch_on_screen(session) : report_from_relaisd(session, first.error());
}

ExitCode move_node(const Session& session, const MoveNode& command) {
  const OrderTarget target = command.order == MoveOrder::drain ? OrderTarget::drain : OrderTarget::resume;
  const auto ordered =
      session.client.send_order(target, {.node = command.node, .vip = std::nullopt, .weight = std::nullopt});
  if (!ordered) return report_from_relaisd(session, ordered.error());
  if (command.wait == Wait::until_done) return wait_until_done(session, command);
  if (session.console.output == Output::json) {
    print_line(session, ordered_json(command));
  } else {
    print_line(session,
               command.node + ": " + std::string(to_string(command.order)) + " ordered; relais watch shows it");
  }
  return ExitCode::ok;
}

ExitCode show_events(const Session& session, const ShowEvents& command) {
  const auto list = session.client.events({.id = command.after, .run = {}}, 0ms);
  if (!list) return report_from_relaisd(session, list.error());
  if (command.follow == Follow::no && session.console.output == Output::json) {
    print_line(session, list->json);
    return ExitCode::ok;
  }
  print_events(session, list->value);
  return command.follow == Follow::yes ? follow_events(session, {.id = list->value.last_id, .run = list->value.run})
                                       : ExitCode::ok;
}

}  // namespace relais::cli
