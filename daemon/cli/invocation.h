// A checked command line: what to do, and how to show it.
#pragma once

#include "base/address.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace relais::cli {

enum class Output : std::uint8_t { human, json };
enum class ColorChoice : std::uint8_t { automatic, always, never };
enum class Wait : std::uint8_t { until_done, no };
enum class Follow : std::uint8_t { no, yes };
enum class MoveOrder : std::uint8_t { drain, resume };

constexpr std::string_view to_string(MoveOrder order) { return order == MoveOrder::drain ? "drain" : "resume"; }

struct GlobalOptions {
  std::string socket;
  Output output = Output::human;
  ColorChoice color = ColorChoice::automatic;
  bool operator==(const GlobalOptions&) const = default;
};

struct ShowStatus {
  bool operator==(const ShowStatus&) const = default;
};
struct Watch {
  bool operator==(const Watch&) const = default;
};
struct AskWho {
  IpAddress address;
  bool operator==(const AskWho&) const = default;
};
struct MoveNode {
  MoveOrder order = MoveOrder::drain;
  std::string node;
  Wait wait = Wait::until_done;
  std::optional<std::chrono::seconds> timeout;
  bool operator==(const MoveNode&) const = default;
};
struct ChangeWeight {
  std::string node;
  std::uint16_t weight = 0;
  std::optional<std::string> vip;
  bool operator==(const ChangeWeight&) const = default;
};
struct UpgradeDaemon {
  std::optional<std::string> binary;  // absent: the file that runs
  Wait wait = Wait::until_done;
  bool operator==(const UpgradeDaemon&) const = default;
};
struct ShowEvents {
  Follow follow = Follow::no;
  std::uint64_t after = 0;
  bool operator==(const ShowEvents&) const = default;
};
struct ShowReceipts {
  bool operator==(const ShowReceipts&) const = default;
};
struct PrintSwitchConfig {
  std::string vendor;
  std::string config_file;
  std::map<std::string, std::string> ports;  // by node name
  std::optional<std::uint16_t> vlan;
  bool operator==(const PrintSwitchConfig&) const = default;
};
struct CheckConfig {
  std::string config_file;
  bool operator==(const CheckConfig&) const = default;
};
struct PrintConfig {
  std::optional<std::string> config_file;  // absent: the running one
  bool operator==(const PrintConfig&) const = default;
};
struct RunDoctor {
  std::string config_file;
  bool operator==(const RunDoctor&) const = default;
};
struct ShowVersion {
  bool operator==(const ShowVersion&) const = default;
};
// Not a command of the table: asked for by --help, `help` or an empty command line.
struct ShowHelp {
  std::string text;
  bool operator==(const ShowHelp&) const = default;
};

using Command = std::variant<ShowStatus, Watch, AskWho, MoveNode, ChangeWeight, UpgradeDaemon, ShowEvents, ShowReceipts,
                             PrintSwitchConfig, CheckConfig, PrintConfig, RunDoctor, ShowVersion, ShowHelp>;

struct Invocation {
  GlobalOptions global;
  Command command;
  bool operator==(const Invocation&) const = default;
};

}  // namespace relais::cli
