// Every word that `relais` understands, as data: parsing, help, completion and the man page's test all read this one
// table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace relais::cli {

enum class CommandId : std::uint8_t {
  status,
  watch,
  who,
  drain,
  resume,
  weight,
  upgrade_daemon,
  events,
  receipts,
  switch_config,
  config_check,
  config_print,
  doctor,
  version,
};

enum class OptionId : std::uint8_t {
  socket,
  json,
  color,
  no_wait,
  timeout,
  vip,
  follow,
  after,
  vendor,
  config,
  port,
  vlan,
  running,
  binary,
};

enum class Times : std::uint8_t { once, repeated };
enum class Presence : std::uint8_t { required, optional };

struct OptionSpec {
  OptionId id;
  std::string_view flag;                  // "--timeout"
  std::string_view value;                 // what stands for its value in help; empty: it takes none
  std::string_view help;                  // one line
  std::vector<std::string_view> choices;  // empty: any text
  Times times = Times::once;
};

struct ArgumentSpec {
  std::string_view name;  // "NODE"
  std::string_view help;
  Presence presence = Presence::required;
};

struct CommandSpec {
  CommandId id;
  std::string_view words;    // "status", or "config check"
  std::string_view summary;  // one line
  std::string_view details;  // for its own help page; lines, may be empty
  std::vector<ArgumentSpec> arguments;
  std::vector<OptionId> options;           // its own; the global ones go with every command
  std::vector<OptionId> required_options;  // a subset of `options`
};

// In the order of the enumerations, so that a table is also indexed by its id.
std::span<const OptionSpec> option_table();
std::span<const CommandSpec> command_table();
std::span<const OptionId> global_options();

const OptionSpec& option_spec(OptionId id);
const CommandSpec& command_spec(CommandId id);

}  // namespace relais::cli
