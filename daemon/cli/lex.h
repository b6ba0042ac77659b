// First pass over a command line, by CLI11 set up from the option table: words sorted into command, arguments and
// options.
#pragma once

#include "base/result.h"
#include "daemon/cli/option_table.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace relais::cli {

struct SortedWords {
  std::optional<CommandId> command;
  std::string group;  // "config" if only the first word of a two-word command was given
  std::vector<std::string> arguments;
  std::map<OptionId, std::vector<std::string>> options;  // an option without value has one empty one
  std::vector<std::string> unknown;                      // what the table has no place for, in order
  bool wants_help = false;

  bool has(OptionId id) const { return options.contains(id); }
  // The value of an option that is given once.
  std::optional<std::string> value(OptionId id) const {
    const auto found = options.find(id);
    return found == options.end() ? std::nullopt : std::optional(found->second.back());
  }
};

// Fails only on an option without its value. Everything else is the caller's to judge.
Result<SortedWords> sort_words(std::span<const std::string> words);

}  // namespace relais::cli
