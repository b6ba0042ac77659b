// What is wrong with a configuration: always a list, so that an operator sees everything at once.
#pragma once

#include <boost/system/result.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace relais::config {

// Both from 1; 0 means "not known" (an unreadable file has no line).
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  auto operator<=>(const Position&) const = default;
};

// `what` is one sentence for an operator, `way_out` says what to write instead.
struct [[nodiscard]] ConfigError {
  Position at;
  std::string what;
  std::string way_out;
  bool operator==(const ConfigError&) const = default;
};

// Never empty where it is returned; in the order of the file.
using Errors = std::vector<ConfigError>;

// A value, or everything that is wrong.
template <class T>
using Checked = boost::system::result<T, Errors>;

// One line per error: "relais.toml:12:6: what (way out)", as compilers do, so that editors can jump there.
std::string describe(std::string_view file_name, const Errors& errors);

[[noreturn]] inline void throw_exception_from_error(const Errors& errors, const boost::source_location&) {
  throw std::runtime_error(describe("configuration", errors));
}

}  // namespace relais::config
