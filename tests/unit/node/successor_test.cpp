// Which programs relaisd would run in its place.
#include "daemon/node/successor.h"

#include "tests/unit/temporary_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace relais::node {
namespace {

class Successor : public testing::Test {
 protected:
  std::string script(const std::string& name, const std::string& text, mode_t mode = 0755) {
    const std::string path = directory_ / name;
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  static std::string refusal(const Result<>& answer) { return answer.has_error() ? answer.error().to_string() : ""; }

  TemporaryDirectory directory_;
};

TEST_F(Successor, is_asked_with_the_arguments_that_it_will_get) {
  const std::string file = script("asks", R"([ "$1 $2 $3" = "--node n2 --check" ] || { echo "got $*"; exit 3; }
echo "relaisd 7: node n2 can start")");
  EXPECT_EQ(refusal(ask_program({.file = file, .arguments = {"--node", "n2"}, .configuration = {}})), "");
}

TEST_F(Successor, that_refuses_is_quoted) {
  const std::string file = script("refuses", "echo 'no such option'; exit 64");
  const std::string said = refusal(ask_program({.file = file, .arguments = {}, .configuration = {}}));
  EXPECT_NE(said.find("exited with status 64: no such option"), std::string::npos) << said;
}

TEST_F(Successor, that_is_another_program_is_refused) {
  for (const std::string& file : {script("silent", "true"), script("other", "echo 'maild 7'")}) {
    const std::string said = refusal(ask_program({.file = file, .arguments = {}, .configuration = {}}));
    EXPECT_NE(said.find("is no relaisd"), std::string::npos) << said;
  }
}

TEST_F(Successor, that_cannot_be_started_is_refused) {
  EXPECT_NE(refusal(ask_program({.file = "/no/such", .arguments = {}, .configuration = {}})), "");
}

TEST_F(Successor, must_be_an_executable_by_its_absolute_path) {
  for (const std::string& file : {std::string("relaisd"), std::string(""), std::string("/no/such"),
                                  (directory_ / "").string(), script("plain", "", 0644)}) {
    EXPECT_TRUE(find_program(file).has_error()) << file;
  }
}

TEST_F(Successor, must_not_be_changeable_by_others) {
  EXPECT_TRUE(find_program(script("good", "")).has_value());
  const auto open = find_program(script("open", "", 0777));
  ASSERT_TRUE(open.has_error());
  EXPECT_NE(open.error().what.find("can be changed by others"), std::string::npos);
  const std::string good = script("in_open_directory", "");
  ASSERT_EQ(::chmod((directory_ / "").c_str(), 0777), 0);
  EXPECT_TRUE(find_program(good).has_error()) << "another could be put in its place";
}

}  // namespace
}  // namespace relais::node
