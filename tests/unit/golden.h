// Texts held against files. RELAIS_REWRITE_GOLDEN=1 writes the files anew: read the difference before you commit.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace relais::test {

inline std::string read_golden(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void expect_golden(const std::string& path, const std::string& text) {
  if (std::getenv("RELAIS_REWRITE_GOLDEN") != nullptr) std::ofstream(path) << text;
  EXPECT_EQ(text, read_golden(path)) << "golden text " << path;
}

}  // namespace relais::test
