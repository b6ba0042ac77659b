// The `relais` command.
#include "daemon/cli/commands.h"
#include "daemon/cli/parse.h"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace relais::cli;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Style style_for(ColorChoice choice, Display display) {
  switch (choice) {
    case ColorChoice::always: return {Color::on};
    case ColorChoice::never: return {Color::off};
    case ColorChoice::automatic: break;
  }
  const bool wanted = display == Display::terminal && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
  return {wanted ? Color::on : Color::off};
}

ExitCode run_words(const std::vector<std::string>& words) {
  const Display display = ::isatty(STDOUT_FILENO) != 0 ? Display::terminal : Display::stream;
  Console console{.out = std::cout, .err = std::cerr, .style = {}, .display = display};
  console.output = asks_for_json(words) ? Output::json : Output::human;
  const std::string socket = environment("RELAIS_SOCKET");
  const auto invocation = parse_command_line(words, socket.empty() ? kDefaultSocket : socket);
  if (!invocation) return report(console, invocation.error(), ExitCode::usage);
  console.output = invocation->global.output;
  console.style = style_for(invocation->global.color, display);
  const ExitCode exit = run(*invocation, console);
  if (console.out.flush()) return exit;
  return report(
      console,
      {.what = "the answer could not be written", .way_out = "see whether its reader still runs, or the disk is full"},
      ExitCode::failed);
}

}  // namespace

int main(int argument_count, char** arguments) {
  try {
    return static_cast<int>(run_words({arguments + (argument_count > 0 ? 1 : 0), arguments + argument_count}));
  } catch (const std::exception& error) {
    std::cerr << "relais: unexpected: " << error.what() << "\n";
    return static_cast<int>(ExitCode::failed);
  }
}
