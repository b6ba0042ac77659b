// Sorted words -> checked invocation; every complaint names the word and the way out.
#include "daemon/cli/parse.h"

#include "daemon/cli/help.h"
#include "daemon/cli/lex.h"
#include "daemon/config/cluster.h"
#include "daemon/config/words.h"

#include <algorithm>
#include <charconv>

namespace relais::cli {
namespace {

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

std::string help_hint(const SortedWords& words) {
  const std::string command = words.command          ? " " + std::string(command_spec(*words.command).words)
                              : !words.group.empty() ? " " + words.group
                                                     : std::string{};
  return "relais" + command + " --help shows what there is";
}

std::vector<std::string_view> known_words(const SortedWords& words) {
  std::vector<std::string_view> known;
  if (!words.command) {
    for (const CommandSpec& command : command_table()) {
      const std::string_view all = command.words;
      const std::size_t space = all.find(' ');
      known.push_back(words.group.empty() ? all.substr(0, space) : all.substr(std::min(space, all.size() - 1) + 1));
    }
    return known;
  }
  for (const OptionId id : command_spec(*words.command).options) known.push_back(option_spec(id).flag);
  return known;
}

Error unknown_word(const SortedWords& words) {
  const std::string& word = words.unknown.front();
  const std::string_view bare = std::string_view(word).substr(0, word.find('='));
  std::vector<std::string_view> known = known_words(words);
  for (const OptionId id : global_options()) known.push_back(option_spec(id).flag);
  const std::string_view meant = config::closest(bare, known);
  const std::string kind = bare.starts_with("-") ? "option" : words.command ? "argument" : "command";
  const std::string full = kind == "command" && !words.group.empty() ? words.group + " " + word : word;
  return {.what = "unknown " + kind + " " + quoted(full),
          .way_out = meant.empty() ? help_hint(words) : "did you mean " + std::string(meant) + "?"};
}

struct Range {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

Result<std::uint64_t> parse_number(std::string_view name, const std::string& text, Range range) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc{} || end != text.data() + text.size() || value < range.low || value > range.high) {
    return Error{
        .what = std::string(name) + " " + quoted(text) + " is not a number that fits",
        .way_out = "give a whole number from " + std::to_string(range.low) + " to " + std::to_string(range.high)};
  }
  return value;
}

Result<void> check_choice(const OptionSpec& option, const std::string& value) {
  if (std::find(option.choices.begin(), option.choices.end(), value) != option.choices.end()) return {};
  return Error{.what = std::string(option.flag) + " does not know " + quoted(value),
               .way_out = config::suggestion(value, option.choices)};
}

// The command, if its arguments are there and no others.
Result<CommandId> check_arguments(const SortedWords& words) {
  if (!words.unknown.empty()) return unknown_word(words);
  if (!words.command && words.group.empty()) return Error{.what = "no command is given", .way_out = help_hint(words)};
  if (!words.command)
    return Error{.what = words.group + " needs a second word",
                 .way_out = "relais " + words.group + " --help shows them"};
  const CommandSpec& command = command_spec(*words.command);
  for (std::size_t i = words.arguments.size(); i < command.arguments.size(); ++i) {
    if (command.arguments[i].presence == Presence::optional) continue;
    return Error{.what = std::string(command.words) + " needs " + std::string(command.arguments[i].name),
                 .way_out = "usage: " + render_synopsis(command)};
  }
  if (words.arguments.size() > command.arguments.size()) {
    return Error{
        .what = std::string(command.words) + " has no place for " + quoted(words.arguments[command.arguments.size()]),
        .way_out = "usage: " + render_synopsis(command)};
  }
  return *words.command;
}

Result<void> check_options(const CommandSpec& command, const SortedWords& words) {
  for (const OptionId id : command.required_options) {
    if (words.has(id)) continue;
    return Error{.what = std::string(command.words) + " needs " + std::string(option_spec(id).flag),
                 .way_out = "usage: " + render_synopsis(command)};
  }
  for (const auto& [id, values] : words.options) {
    const OptionSpec& option = option_spec(id);
    if (values.size() > 1 && option.times == Times::once) {
      return Error{.what = std::string(option.flag) + " is given more than once", .way_out = "keep one of them"};
    }
    if (option.choices.empty()) continue;
    if (auto checked = check_choice(option, values.back()); !checked) return checked;
  }
  return {};
}

GlobalOptions global_from(const SortedWords& words, const std::string& socket_default) {
  const std::string color = words.value(OptionId::color).value_or("auto");
  return {.socket = words.value(OptionId::socket).value_or(socket_default),
          .output = words.has(OptionId::json) ? Output::json : Output::human,
          .color = color == "always"  ? ColorChoice::always
                   : color == "never" ? ColorChoice::never
                                      : ColorChoice::automatic};
}

Result<Command> who_from(const SortedWords& words) {
  auto address = IpAddress::parse(words.arguments[0]);
  if (!address) return std::move(address).error();
  return AskWho{*address};
}

Result<Command> move_from(MoveOrder order, const SortedWords& words) {
  MoveNode move{.order = order,
                .node = words.arguments[0],
                .wait = words.has(OptionId::no_wait) ? Wait::no : Wait::until_done,
                .timeout = std::nullopt};
  if (const auto text = words.value(OptionId::timeout)) {
    constexpr std::uint64_t kLongestWait_s = 7 * 24 * 3600;  // a week: longer than any drain limit that makes sense
    const auto seconds = parse_number("--timeout", *text, {1, kLongestWait_s});
    if (!seconds) return seconds.error();
    move.timeout = std::chrono::seconds(*seconds);
  }
  return move;
}

Result<Command> weight_from(const SortedWords& words) {
  const auto weight = parse_number("weight", words.arguments[1], {0, config::kMaxWeight});
  if (!weight) return weight.error();
  return ChangeWeight{
      .node = words.arguments[0], .weight = static_cast<std::uint16_t>(*weight), .vip = words.value(OptionId::vip)};
}

Result<Command> upgrade_from(const SortedWords& words) {
  UpgradeDaemon upgrade{.binary = words.value(OptionId::binary),
                        .wait = words.has(OptionId::no_wait) ? Wait::no : Wait::until_done};
  if (upgrade.binary && !upgrade.binary->starts_with('/')) {
    return Error{.what = "--binary " + quoted(*upgrade.binary) + " is no absolute path",
                 .way_out = "relaisd runs it, not this shell: give its path from the root on"};
  }
  return upgrade;
}

Result<Command> events_from(const SortedWords& words) {
  ShowEvents events{.follow = words.has(OptionId::follow) ? Follow::yes : Follow::no, .after = 0};
  if (const auto text = words.value(OptionId::after)) {
    const auto after = parse_number("--after", *text, {0, INT64_MAX});  // JSON readers have signed numbers
    if (!after) return after.error();
    events.after = *after;
  }
  return events;
}

Result<std::map<std::string, std::string>> ports_from(const SortedWords& words) {
  std::map<std::string, std::string> ports;
  const auto found = words.options.find(OptionId::port);
  if (found == words.options.end()) return ports;
  for (const std::string& pair : found->second) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == pair.size()) {
      return Error{.what = "--port " + quoted(pair) + " is not NODE=PORT", .way_out = "for example --port n1=Gi0/1"};
    }
    const std::string node = pair.substr(0, equals);
    if (!ports.emplace(node, pair.substr(equals + 1)).second) {
      return Error{.what = "--port names node " + quoted(node) + " twice", .way_out = "give each node one port"};
    }
  }
  return ports;
}

std::string config_file_from(const SortedWords& words) {
  if (!words.arguments.empty()) return words.arguments[0];
  return words.value(OptionId::config).value_or(kDefaultConfig);
}

Result<Command> switch_config_from(const SortedWords& words) {
  auto ports = ports_from(words);
  if (!ports) return std::move(ports).error();
  PrintSwitchConfig print{.vendor = words.value(OptionId::vendor).value_or(""),
                          .config_file = config_file_from(words),
                          .ports = std::move(*ports),
                          .vlan = std::nullopt};
  if (const auto text = words.value(OptionId::vlan)) {
    const auto vlan = parse_number("--vlan", *text, {1, 4094});  // 802.1Q: 0 and 4095 are reserved
    if (!vlan) return vlan.error();
    print.vlan = static_cast<std::uint16_t>(*vlan);
  }
  return print;
}

Result<Command> config_print_from(const SortedWords& words) {
  if (!words.has(OptionId::running)) return PrintConfig{config_file_from(words)};
  if (words.arguments.empty()) return PrintConfig{std::nullopt};
  return Error{.what = "config print takes a file or --running, not both", .way_out = "leave one of them out"};
}

Result<Command> command_from(CommandId id, const SortedWords& words) {
  switch (id) {
    case CommandId::status: return ShowStatus{};
    case CommandId::watch: return Watch{};
    case CommandId::who: return who_from(words);
    case CommandId::drain: return move_from(MoveOrder::drain, words);
    case CommandId::resume: return move_from(MoveOrder::resume, words);
    case CommandId::weight: return weight_from(words);
    case CommandId::upgrade_daemon: return upgrade_from(words);
    case CommandId::events: return events_from(words);
    case CommandId::receipts: return ShowReceipts{};
    case CommandId::switch_config: return switch_config_from(words);
    case CommandId::config_check: return CheckConfig{config_file_from(words)};
    case CommandId::config_print: return config_print_from(words);
    case CommandId::doctor: return RunDoctor{config_file_from(words)};
    case CommandId::version: return ShowVersion{};
  }
  return Error{.what = "unknown command", .way_out = help_hint(words)};
}

std::string help_for(const SortedWords& words) {
  if (words.command) return render_command_help(command_spec(*words.command));
  return words.group.empty() ? render_overview() : render_group_help(words.group);
}

// `relais help drain` means `relais drain --help`; nothing at all asks for help too.
std::vector<std::string> with_help_spelled_out(std::span<const std::string> words) {
  std::vector<std::string> spelled(words.begin(), words.end());
  if (spelled.empty()) return {"--help"};
  if (spelled.front() == "help") {
    spelled.erase(spelled.begin());
    spelled.emplace_back("--help");
  }
  if (spelled.front() == "--version") spelled.front() = "version";
  return spelled;
}

}  // namespace

Result<Invocation> parse_command_line(std::span<const std::string> words, const std::string& socket_default) {
  const std::vector<std::string> spelled = with_help_spelled_out(words);
  const auto sorted = sort_words(spelled);
  if (!sorted) return sorted.error();
  Invocation invocation{.global = global_from(*sorted, socket_default), .command = ShowHelp{}};
  if (sorted->wants_help && sorted->unknown.empty()) {
    invocation.command = ShowHelp{help_for(*sorted)};
    return invocation;
  }
  const auto id = check_arguments(*sorted);
  if (!id) return id.error();
  if (auto checked = check_options(command_spec(*id), *sorted); !checked) return checked.error();
  auto command = command_from(*id, *sorted);
  if (!command) return std::move(command).error();
  invocation.command = std::move(*command);
  return invocation;
}

bool asks_for_json(std::span<const std::string> words) {
  return std::find(words.begin(), words.end(), option_spec(OptionId::json).flag) != words.end();
}

}  // namespace relais::cli
