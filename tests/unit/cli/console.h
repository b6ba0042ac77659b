// Runs a command line as main() would, with its output in strings.
#pragma once

#include "daemon/cli/commands.h"
#include "daemon/cli/parse.h"

#include <sstream>
#include <string>
#include <vector>

namespace relais::cli {

struct Outcome {
  ExitCode exit = ExitCode::ok;
  std::string out;
  std::string err;
};

inline Outcome run_line(const std::string& line, const std::string& socket) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  std::ostringstream out;
  std::ostringstream err;
  Console console{.out = out, .err = err, .style = {Color::off}};
  const auto invocation = parse_command_line(words, socket);
  if (!invocation) return {ExitCode::usage, "", invocation.error().to_string()};
  console.output = invocation->global.output;
  const ExitCode exit = run(*invocation, console);
  return {exit, out.str(), err.str()};
}

}  // namespace relais::cli
