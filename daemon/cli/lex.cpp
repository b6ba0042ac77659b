// CLI11 behind the option table.
#include "daemon/cli/lex.h"

#include <CLI/CLI.hpp>

#include <deque>
#include <sstream>
#include <utility>

namespace relais::cli {
namespace {

using Values = std::vector<std::string>;

// CLI11 writes through references, so the places that it fills must not move: hence the deque.
struct Parser {
  CLI::App app;
  std::deque<std::pair<OptionId, Values>> values;
  std::deque<std::pair<OptionId, std::size_t>> counts;
  std::map<std::pair<CLI::App*, std::string>, CLI::App*> words;  // by parent and name
  std::map<CLI::App*, CommandId> commands;
  std::map<CLI::App*, Values> arguments;
};

void add_option(Parser& parser, CLI::App& app, const OptionSpec& spec) {
  if (spec.value.empty()) {
    auto& place = parser.counts.emplace_back(spec.id, 0);
    app.add_flag(std::string(spec.flag), place.second);
    return;
  }
  auto& place = parser.values.emplace_back(spec.id, Values{});
  CLI::Option* option = app.add_option(std::string(spec.flag), place.second);
  option->expected(1)->allow_extra_args(false)->type_name(std::string(spec.value));
  option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

CLI::App* add_word(Parser& parser, CLI::App* parent, const std::string& word) {
  CLI::App*& app = parser.words[{parent, word}];
  if (app != nullptr) return app;
  parent->require_subcommand(0, 1);
  app = parent->add_subcommand(word);
  app->fallthrough()->allow_extras();
  return app;
}

void add_command(Parser& parser, const CommandSpec& spec) {
  CLI::App* app = &parser.app;
  std::istringstream words{std::string(spec.words)};
  for (std::string word; words >> word;) app = add_word(parser, app, word);
  parser.commands.emplace(app, spec.id);
  constexpr int kMostArguments = 1000;  // more than any command takes: too many is parse.cpp's complaint
  app->add_option("arguments", parser.arguments[app])->expected(0, kMostArguments);
  for (const OptionId id : spec.options) add_option(parser, *app, option_spec(id));
}

void build(Parser& parser) {
  parser.app.allow_extras();
  for (const OptionId id : global_options()) add_option(parser, parser.app, option_spec(id));
  for (const CommandSpec& spec : command_table()) add_command(parser, spec);
}

void note_command(Parser& parser, SortedWords& sorted) {
  CLI::App* chosen = &parser.app;
  while (!chosen->get_subcommands().empty()) chosen = chosen->get_subcommands().front();
  if (chosen == &parser.app) return;
  const auto command = parser.commands.find(chosen);
  if (command == parser.commands.end()) {
    sorted.group = chosen->get_name();
    return;
  }
  sorted.command = command->second;
  sorted.arguments = parser.arguments[chosen];
}

void note_options(const Parser& parser, SortedWords& sorted) {
  for (const auto& [id, values] : parser.values) {
    if (!values.empty()) sorted.options[id] = values;
  }
  for (const auto& [id, count] : parser.counts) {
    if (count > 0) sorted.options[id] = {""};
  }
}

}  // namespace

Result<SortedWords> sort_words(std::span<const std::string> words) {
  Parser parser;
  build(parser);
  SortedWords sorted;
  try {
    std::vector<std::string> reversed(words.rbegin(), words.rend());  // the order that CLI11 wants
    parser.app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    sorted.wants_help = true;
  } catch (const CLI::ParseError& error) {
    return Error{.what = error.what(), .way_out = "relais --help shows every command and option"};
  }
  note_command(parser, sorted);
  note_options(parser, sorted);
  sorted.unknown = parser.app.remaining(true);
  return sorted;
}

}  // namespace relais::cli
