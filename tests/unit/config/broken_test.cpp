// Every file in broken/ says itself, behind "#!" on the line that is to blame, what must be reported there. A file
// yields exactly those errors: none missing, none made up.
#include "daemon/config/parse.h"
#include "tests/unit/config/files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

namespace relais::config {
namespace {

namespace fs = std::filesystem;

struct Expected {
  std::uint32_t line = 0;
  std::string fragment;
};

std::vector<Expected> expected_in(const std::string& text) {
  constexpr std::string_view kMark = " #! ";
  std::vector<Expected> list;
  std::istringstream lines(text);
  std::string line;
  for (std::uint32_t number = 1; std::getline(lines, line); ++number) {
    for (std::size_t mark = line.find(kMark); mark != std::string::npos;) {
      const std::size_t start = mark + kMark.size();
      mark = line.find(kMark, start);
      list.push_back({number, line.substr(start, mark == std::string::npos ? mark : mark - start)});
    }
  }
  return list;
}

std::vector<std::string> broken_files() {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(RELAIS_SOURCE_DIR "/tests/unit/config/broken")) {
    if (entry.path().extension() == ".toml") names.push_back(entry.path().string());
  }
  std::ranges::sort(names);
  return names;
}

std::string test_name(const testing::TestParamInfo<std::string>& info) {
  std::string name = fs::path(info.param).stem().string();
  std::ranges::replace(name, '-', '_');
  return name;
}

class BrokenConfiguration : public testing::TestWithParam<std::string> {};

TEST_P(BrokenConfiguration, yields_every_error_with_its_line_and_nothing_else) {
  const std::string text = read_file(GetParam());
  const Checked<Cluster> result = parse(text);
  ASSERT_TRUE(result.has_error());
  Errors left = result.error();
  EXPECT_TRUE(std::ranges::is_sorted(left, {}, &ConfigError::at)) << describe(GetParam(), left);
  for (const Expected& expected : expected_in(text)) {
    const auto found = std::ranges::find_if(left, [&](const ConfigError& error) {
      return error.at.line == expected.line &&
             (error.what + " (" + error.way_out + ")").find(expected.fragment) != std::string::npos;
    });
    ASSERT_NE(found, left.end()) << "not reported in line " << expected.line << ": " << expected.fragment << "\nleft:\n"
                                 << describe(GetParam(), left);
    EXPECT_FALSE(found->way_out.empty()) << found->what;
    EXPECT_GT(found->at.column, 0U);
    left.erase(found);
  }
  EXPECT_TRUE(left.empty()) << "reported, but not expected:\n" << describe(GetParam(), left);
}

INSTANTIATE_TEST_SUITE_P(File, BrokenConfiguration, testing::ValuesIn(broken_files()), test_name);

TEST(BrokenConfigurations, are_thirty_or_more) { EXPECT_GE(broken_files().size(), 30U); }

}  // namespace
}  // namespace relais::config
