// Command lines: what each means, and what is said of those that mean nothing.
#include "daemon/cli/parse.h"
#include "daemon/config/switch_config.h"

#include "daemon/cli/help.h"
#include "daemon/cli/option_table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace relais::cli {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

Result<Invocation> parse(const std::string& line) { return parse_command_line(words_of(line), "/default.sock"); }

TEST(CommandLine, means_the_command_that_it_names) {
  struct Row {
    std::string line;
    Command command;
  };
  const IpAddress client = *IpAddress::parse("203.0.113.7");
  const std::vector<Row> rows = {
      {"status", ShowStatus{}},
      {"watch", Watch{}},
      {"who 203.0.113.7", AskWho{client}},
      {"who 2001:db8::7", AskWho{*IpAddress::parse("2001:db8::7")}},
      {"drain n2", MoveNode{.order = MoveOrder::drain, .node = "n2"}},
      {"drain n2 --no-wait", MoveNode{.order = MoveOrder::drain, .node = "n2", .wait = Wait::no}},
      {"resume --timeout 30 n2", MoveNode{.order = MoveOrder::resume, .node = "n2", .timeout = 30s}},
      {"resume n2 --timeout=30", MoveNode{.order = MoveOrder::resume, .node = "n2", .timeout = 30s}},
      {"drain status", MoveNode{.order = MoveOrder::drain, .node = "status"}},
      {"upgrade-daemon", UpgradeDaemon{.binary = std::nullopt}},
      {"upgrade-daemon --binary /opt/relaisd --no-wait", UpgradeDaemon{.binary = "/opt/relaisd", .wait = Wait::no}},
      {"weight n1 0", ChangeWeight{.node = "n1", .weight = 0}},
      {"weight n1 1000 --vip mail4", ChangeWeight{.node = "n1", .weight = 1000, .vip = "mail4"}},
      {"events", ShowEvents{}},
      {"events --follow --after 17", ShowEvents{.follow = Follow::yes, .after = 17}},
      {"receipts", ShowReceipts{}},
      {"switch-config --vendor junos", PrintSwitchConfig{.vendor = "junos", .config_file = kDefaultConfig}},
      {"switch-config --vendor linux --config c --vlan 200 --port n1=a --port n2=b=c",
       PrintSwitchConfig{.vendor = "linux", .config_file = "c", .ports = {{"n1", "a"}, {"n2", "b=c"}}, .vlan = 200}},
      {"config check", CheckConfig{kDefaultConfig}},
      {"config check file", CheckConfig{"file"}},
      {"config print file", PrintConfig{"file"}},
      {"config print --running", PrintConfig{std::nullopt}},
      {"doctor --config file", RunDoctor{"file"}},
      {"version", ShowVersion{}},
      {"--version", ShowVersion{}},
  };
  for (const Row& row : rows) {
    const auto invocation = parse(row.line);
    ASSERT_TRUE(invocation) << row.line << ": " << invocation.error().to_string();
    EXPECT_TRUE(invocation->command == row.command) << row.line;
  }
}

TEST(CommandLine, takes_global_options_before_and_after_the_command) {
  for (const char* line : {"--json --socket /s --color never status", "status --json --socket /s --color=never"}) {
    const auto invocation = parse(line);
    ASSERT_TRUE(invocation) << line;
    const GlobalOptions expected{.socket = "/s", .output = Output::json, .color = ColorChoice::never};
    EXPECT_TRUE(invocation->global == expected) << line;
  }
  EXPECT_EQ(parse("status")->global.socket, "/default.sock");
}

TEST(CommandLine, that_is_wrong_is_answered_with_the_word_and_the_way_out) {
  struct Row {
    std::string line;
    std::string what;
    std::string way_out;
  };
  const std::vector<Row> rows = {
      {"statsu", "unknown command 'statsu'", "did you mean status?"},
      {"xyzzyx", "unknown command 'xyzzyx'", "relais --help"},
      {"foo", "unknown command 'foo'", "relais --help"},
      {"--json", "no command is given", "relais --help"},
      {"config frob", "unknown command 'config frob'", "relais config --help"},
      {"config chek", "unknown command 'config chek'", "did you mean check?"},
      {"config", "config needs a second word", "relais config --help"},
      {"events --folow", "unknown option '--folow'", "did you mean --follow?"},
      {"drain n1 --timout=3", "unknown option '--timout=3'", "did you mean --timeout?"},
      {"status --jsn", "unknown option '--jsn'", "did you mean --json?"},
      {"status --timeout 3", "unknown option '--timeout'", "relais status --help"},
      {"who", "who needs ADDRESS", "usage: relais who ADDRESS"},
      {"who 203.0.113.700", "\"203.0.113.700\" is not an IP address", "198.51.100.100"},
      {"who 203.0.113.7 status", "who has no place for 'status'", "usage: relais who ADDRESS"},
      {"drain", "drain needs NODE", "usage: relais drain NODE"},
      {"drain n1 n2", "drain has no place for 'n2'", "usage:"},
      {"drain n1 --timeout", "--timeout: 1 required SECONDS missing", "--help"},
      {"drain n1 --timeout soon", "--timeout 'soon' is not a number that fits", "1 to 604800"},
      {"drain n1 --timeout 0", "--timeout '0' is not a number that fits", "1 to 604800"},
      {"drain n1 --timeout 1 --timeout 2", "--timeout is given more than once", "keep one"},
      {"weight n1", "weight needs N", "usage:"},
      {"upgrade-daemon --binary relaisd", "--binary 'relaisd' is no absolute path", "from the root on"},
      {"upgrade-daemon n1", "upgrade-daemon has no place for 'n1'", "usage:"},
      {"weight n1 -1", "weight '-1' is not a number that fits", "0 to 1000"},
      {"weight n1 1001", "weight '1001' is not a number that fits", "0 to 1000"},
      {"weight n1 1x", "weight '1x' is not a number that fits", "0 to 1000"},
      {"events --after 99999999999999999999", "--after '99999999999999999999' is not a number", "whole number"},
      {"switch-config", "switch-config needs --vendor", "usage:"},
      {"switch-config --vendor juno", "--vendor does not know 'juno'", "junos"},
      {"switch-config --vendor hp", "--vendor does not know 'hp'", "cisco-ios, arista, junos, mikrotik, linux"},
      {"switch-config --vendor linux --vlan 4095", "--vlan '4095' is not a number that fits", "1 to 4094"},
      {"switch-config --vendor linux --port n1", "--port 'n1' is not NODE=PORT", "n1=Gi0/1"},
      {"switch-config --vendor linux --port =a", "--port '=a' is not NODE=PORT", "n1=Gi0/1"},
      {"switch-config --vendor linux --port n1=a --port n1=b", "--port names node 'n1' twice", "one port"},
      {"config print file --running", "a file or --running, not both", "leave one"},
      {"status --color purple", "--color does not know 'purple'", "auto, always, never"},
  };
  for (const Row& row : rows) {
    const auto invocation = parse(row.line);
    ASSERT_FALSE(invocation) << row.line;
    EXPECT_NE(invocation.error().what.find(row.what), std::string::npos) << row.line << ": " << invocation.error().what;
    EXPECT_NE(invocation.error().way_out.find(row.way_out), std::string::npos)
        << row.line << ": " << invocation.error().way_out;
  }
}

TEST(CommandLine, that_asks_for_help_gets_it_even_if_arguments_are_missing) {
  for (const CommandSpec& command : command_table()) {
    const std::string words(command.words);
    for (const std::string& line : {words + " --help", words + " -h", "help " + words}) {
      const auto invocation = parse(line);
      ASSERT_TRUE(invocation) << line << ": " << invocation.error().to_string();
      EXPECT_TRUE(invocation->command == Command{ShowHelp{render_command_help(command)}}) << line;
    }
  }
  for (const char* line : {"", "--help", "help"}) {
    EXPECT_TRUE(parse(line)->command == Command{ShowHelp{render_overview()}}) << line;
  }
  EXPECT_TRUE(parse("config --help")->command == Command{ShowHelp{render_group_help("config")}});
  EXPECT_FALSE(parse("statsu --help"));
}

TEST(CommandLine, survives_any_words) {
  const std::vector<std::vector<std::string>> lines = {{""},
                                                       {"-"},
                                                       {"--"},
                                                       {"---"},
                                                       {"="},
                                                       {"--="},
                                                       {"-x=y"},
                                                       {"--json=maybe"},
                                                       {"--socket"},
                                                       {"--socket", ""},
                                                       {std::string(100000, 'a')},
                                                       {"who", std::string(100000, ':')},
                                                       {"\xff\xfe", "\x01"},
                                                       {"config", "--", "check"},
                                                       {"drain", "--", "--n1"},
                                                       {"--port", "a=b", "--port"},
                                                       {"help", "help"},
                                                       {"status", "[", "]"},
                                                       {"@", "%s%n"}};
  for (const auto& words : lines) static_cast<void>(parse_command_line(words, "/s"));
}

TEST(CommandLine, asks_for_json_even_where_the_rest_is_wrong) {
  const std::vector<std::string> words = {"statsu", "--json"};
  EXPECT_TRUE(asks_for_json(words));
  EXPECT_FALSE(asks_for_json(std::vector<std::string>{"status"}));
}

TEST(OptionTable, is_complete_and_consistent) {
  for (const CommandSpec& command : command_table()) {
    EXPECT_FALSE(command.summary.empty()) << command.words;
    for (const OptionId id : command.required_options) {
      EXPECT_NE(std::find(command.options.begin(), command.options.end(), id), command.options.end()) << command.words;
    }
  }
  for (std::size_t i = 0; i < option_table().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(option_table()[i].id), i);
    EXPECT_TRUE(option_table()[i].flag.starts_with("--"));
    EXPECT_FALSE(option_table()[i].help.empty());
  }
}

TEST(OptionTable, knows_the_same_vendors_as_the_configuration) {
  std::vector<std::string_view> vendors;
  for (const config::Vendor vendor : config::kVendors) vendors.push_back(config::to_string(vendor));
  EXPECT_EQ(option_spec(OptionId::vendor).choices, vendors);
}

}  // namespace
}  // namespace relais::cli
