// Test files, read whole.
#pragma once

#include <fstream>
#include <iterator>
#include <string>

namespace relais::config {

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::string example_path() { return std::string(RELAIS_SOURCE_DIR) + "/docs/examples/relais.toml"; }

}  // namespace relais::config
