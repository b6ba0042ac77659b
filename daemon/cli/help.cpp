// Help pages.
#include "daemon/cli/help.h"

#include <algorithm>

namespace relais::cli {
namespace {

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

std::string with_value(const OptionSpec& option) {
  return std::string(option.flag) + (option.value.empty() ? "" : " " + std::string(option.value));
}

std::string join(const std::vector<std::string_view>& words, std::string_view separator) {
  std::string joined;
  for (const std::string_view word : words)
    joined += (joined.empty() ? "" : std::string(separator)) + std::string(word);
  return joined;
}

std::string option_line(const OptionSpec& option) {
  constexpr std::size_t kWidth = 18;
  std::string line = "  " + padded(with_value(option), kWidth) + "  " + std::string(option.help);
  if (!option.choices.empty() && option.id != OptionId::color) line += ": " + join(option.choices, ", ");
  return line + "\n";
}

std::string option_lines(std::span<const OptionId> ids) {
  std::string lines;
  for (const OptionId id : ids) lines += option_line(option_spec(id));
  return lines;
}

bool contains(const std::vector<OptionId>& ids, OptionId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

std::string render_synopsis(const CommandSpec& command) {
  std::string line = "relais " + std::string(command.words);
  for (const ArgumentSpec& argument : command.arguments) {
    const std::string name(argument.name);
    line += argument.presence == Presence::required ? " " + name : " [" + name + "]";
  }
  for (const OptionId id : command.options) {
    const OptionSpec& option = option_spec(id);
    const std::string text = with_value(option);
    line += contains(command.required_options, id) ? " " + text : " [" + text + "]";
    if (option.times == Times::repeated) line += "...";
  }
  return line;
}

std::string render_overview() {
  std::string text =
      "relais: see and steer a cluster of machines that share an IP address\n"
      "\n"
      "Usage: relais COMMAND [ARGUMENTS] [OPTIONS]\n"
      "\n"
      "Commands:\n";
  constexpr std::size_t kWidth = 14;
  for (const CommandSpec& command : command_table()) {
    text += "  " + padded(std::string(command.words), kWidth) + "  " + std::string(command.summary) + "\n";
  }
  text += "\nOptions of every command:\n" + option_lines(global_options());
  text += "  " + padded("--help", 18) + "  this page; with a command, its own page\n";
  text +=
      "\n"
      "Exit codes: 0 done; 1 the answer is no, or waiting ended first; 2 wrong command line; 3 relaisd\n"
      "cannot be reached; 4 not permitted; 5 doctor found errors or the configuration is not valid.\n"
      "More: man relais\n";
  return text;
}

std::string render_group_help(std::string_view group) {
  std::string text = "Usage:\n";
  for (const CommandSpec& command : command_table()) {
    if (!command.words.starts_with(std::string(group) + " ")) continue;
    text += "  " + render_synopsis(command) + "\n      " + std::string(command.summary) + "\n";
  }
  return text + "\nOptions of every command:\n" + option_lines(global_options());
}

std::string render_command_help(const CommandSpec& command) {
  std::string text = "relais " + std::string(command.words) + ": " + std::string(command.summary) + "\n";
  text += "\nUsage: " + render_synopsis(command) + "\n";
  if (!command.details.empty()) text += "\n" + std::string(command.details) + "\n";
  if (!command.arguments.empty()) text += "\nArguments:\n";
  for (const ArgumentSpec& argument : command.arguments) {
    text += "  " + padded(std::string(argument.name), 18) + "  " + std::string(argument.help) + "\n";
  }
  if (!command.options.empty()) text += "\nOptions:\n" + option_lines(command.options);
  return text + "\nOptions of every command:\n" + option_lines(global_options());
}

}  // namespace relais::cli
