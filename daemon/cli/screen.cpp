// ANSI screen control and signal waiting.
#include "daemon/cli/screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <ostream>

namespace relais::cli {
namespace {

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, number);
  return signals;
}

std::size_t terminal_rows() {
  constexpr std::size_t kUsualRows = 24;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return kUsualRows;
  return size.ws_row;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t signals = stop_signals();
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
}

StopSignal::~StopSignal() {
  const sigset_t signals = stop_signals();
  ::sigprocmask(SIG_UNBLOCK, &signals, nullptr);
}

Stopped StopSignal::wait(std::chrono::milliseconds duration) {
  const sigset_t signals = stop_signals();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  const timespec limit{.tv_sec = seconds.count(), .tv_nsec = std::chrono::nanoseconds(duration - seconds).count()};
  return ::sigtimedwait(&signals, nullptr, &limit) > 0 ? Stopped::yes : Stopped::no;
}

Screen::Screen(std::ostream& out) : out_(out) { out_ << "\033[?1049h\033[?25l" << std::flush; }

Screen::~Screen() { out_ << "\033[?25h\033[?1049l" << std::flush; }

void Screen::show(const std::string& text) {
  std::string drawn = "\033[H";
  for (const char c : fit_to_height(text, terminal_rows() - 1)) {
    if (c == '\n') drawn += "\033[K";
    drawn += c;
  }
  out_ << drawn << "\033[J" << std::flush;
}

std::string fit_to_height(const std::string& text, std::size_t rows) {
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (lines <= rows || rows == 0) return text;
  std::size_t end = 0;
  for (std::size_t kept = 0; kept + 1 < rows; ++kept) end = text.find('\n', end) + 1;
  return text.substr(0, end) + "... " + std::to_string(lines - rows + 1) + " more lines: enlarge the window\n";
}

}  // namespace relais::cli
