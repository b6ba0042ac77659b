// A terminal that is redrawn in place, and the wish of its user to stop.
#pragma once

#include <chrono>
#include <cstddef>
#include <iosfwd>
#include <string>

namespace relais::cli {

enum class Stopped : std::uint8_t { no, yes };

// While it lives, SIGINT, SIGTERM and SIGHUP are waited for instead of ending the process.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Sleeps so long, or until the user wants to stop.
  Stopped wait(std::chrono::milliseconds duration);
};

// The alternate screen of a terminal; the old content comes back at the end.
class Screen {
 public:
  explicit Screen(std::ostream& out);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Replaces what is shown, without flicker; what does not fit is cut off.
  void show(const std::string& text);

 private:
  std::ostream& out_;
};

// The first `rows` lines of the text; if there are more, the last one says how many are missing. Pure.
std::string fit_to_height(const std::string& text, std::size_t rows);

}  // namespace relais::cli
