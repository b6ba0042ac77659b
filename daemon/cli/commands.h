// Carries an invocation out: asks relaisd or reads files, renders, writes.
#pragma once

#include "base/result.h"
#include "daemon/cli/exit_code.h"
#include "daemon/cli/invocation.h"
#include "daemon/cli/style.h"

#include <cstdint>
#include <iosfwd>

namespace relais::cli {

enum class Display : std::uint8_t { terminal, stream };  // stream: a pipe or a file

struct Console {
  std::ostream& out;
  std::ostream& err;
  Style style;
  Display display = Display::stream;
  Output output = Output::human;
};

ExitCode run(const Invocation& invocation, const Console& console);

// Writes an error where and how this console wants it; returns `exit`.
ExitCode report(const Console& console, const Error& error, ExitCode exit);

}  // namespace relais::cli
