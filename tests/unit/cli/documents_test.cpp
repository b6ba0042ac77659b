// The manual and the completion know every word of the option table, and no others.
#include "daemon/cli/option_table.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace relais::cli {
namespace {

std::string read(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(std::string(RELAIS_SOURCE_DIR) + "/" + path).rdbuf();
  return text.str();
}

// What completion offers after these words; the last one is being typed (may be empty: '').
std::set<std::string> complete(const std::string& words) {
  const std::string script = "relais() { false; }; source '" + std::string(RELAIS_SOURCE_DIR) +
                             "/daemon/cli/completion/relais.bash'; COMP_WORDS=(relais " + words +
                             "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _relais; printf \"%s\\n\" \"${COMPREPLY[@]}\"";
  ::setenv("RELAIS_TEST_SCRIPT", script.c_str(), 1);
  FILE* pipe = ::popen("bash --norc -c 'eval \"$RELAIS_TEST_SCRIPT\"' 2>&1", "r");
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
  ::pclose(pipe);
  std::istringstream lines(output);
  std::set<std::string> offers;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) offers.insert(line);
  }
  return offers;
}

std::string first_word(std::string_view words) { return std::string(words.substr(0, words.find(' '))); }

TEST(Manual, describes_every_command_and_option) {
  const std::string manual = read("docs/man/relais.1");
  for (const CommandSpec& command : command_table()) {
    const std::string item = ".It Cm " + std::string(command.words);
    const std::size_t at = manual.find(item);
    ASSERT_NE(at, std::string::npos) << item;
    const std::string heading = manual.substr(at, manual.find('\n', at) - at);
    for (const OptionId id : command.options) {
      // mdoc writes "Fl -timeout" for --timeout.
      const std::string flag = "Fl " + std::string(option_spec(id).flag.substr(1));
      EXPECT_NE(heading.find(flag), std::string::npos) << heading << " lacks " << flag;
    }
  }
  for (const OptionId id : global_options()) {
    EXPECT_NE(manual.find(".It Fl " + std::string(option_spec(id).flag.substr(1))), std::string::npos);
  }
  for (const OptionSpec& option : option_table()) {
    for (const std::string_view choice : option.choices) {
      EXPECT_NE(manual.find(choice), std::string::npos) << choice;
    }
  }
}

TEST(Completion, offers_every_command) {
  std::set<std::string> commands;
  for (const CommandSpec& command : command_table()) commands.insert(first_word(command.words));
  EXPECT_EQ(complete("''"), commands);
  EXPECT_EQ(complete("config ''"), (std::set<std::string>{"check", "print"}));
}

TEST(Completion, offers_the_options_of_each_command_and_no_others) {
  for (const CommandSpec& command : command_table()) {
    std::set<std::string> options = {"--help"};
    for (const OptionId id : command.options) options.insert(std::string(option_spec(id).flag));
    for (const OptionId id : global_options()) options.insert(std::string(option_spec(id).flag));
    EXPECT_EQ(complete(std::string(command.words) + " --"), options) << command.words;
    EXPECT_EQ(complete("--socket /s " + std::string(command.words) + " --"), options) << command.words;
  }
}

TEST(Completion, offers_the_choices_of_an_option) {
  for (const OptionSpec& option : option_table()) {
    if (option.choices.empty()) continue;
    const std::set<std::string> choices(option.choices.begin(), option.choices.end());
    EXPECT_EQ(complete("status " + std::string(option.flag) + " ''"), choices) << option.flag;
  }
}

TEST(Completion, offers_nothing_after_an_option_that_takes_free_text) {
  for (const char* flag : {"--timeout", "--after", "--vlan", "--vip", "--port"}) {
    EXPECT_EQ(complete(std::string("drain ") + flag + " ''"), std::set<std::string>{}) << flag;
  }
}

}  // namespace
}  // namespace relais::cli
