// Command line -> checked invocation.
#pragma once

#include "base/result.h"
#include "daemon/cli/invocation.h"

#include <span>
#include <string>

namespace relais::cli {

inline constexpr const char* kDefaultSocket = "/run/relais/relaisd.sock";
inline constexpr const char* kDefaultConfig = "/etc/relais/relais.toml";

// `words` without the program's name. `socket_default` is used when --socket is absent. Errors are the user's: `what`
// names the word, `way_out` says which one was probably meant or where the help is. Pure.
Result<Invocation> parse_command_line(std::span<const std::string> words, const std::string& socket_default);

// True if the words ask for JSON, even where the rest of them is wrong: errors then are JSON too.
bool asks_for_json(std::span<const std::string> words);

}  // namespace relais::cli
