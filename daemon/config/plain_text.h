// Makes any bytes fit for the TOML library. Pure.
#pragma once

#include "daemon/config/error.h"

#include <string>
#include <string_view>

namespace relais::config::raw {

// The same text in ASCII, every character in its place: letters beyond ASCII are allowed in comments, where they become
// "?", and refused everywhere else. Also refused: strings of several lines (no setting has one) and masses of dotted
// names. The reasons, both of toml++ 3.3:
//   - Beyond ASCII its is_non_ascii_horizontal_whitespace() runs into __builtin_unreachable(), wherever such a letter
//     follows something that is no string: a typing mistake would be undefined behaviour.
//   - Each dot in a name opens a table in a table, and tables are freed recursively: enough dots overflow the stack.
// Of text that is not TOML the result is still ASCII; the library then says what is wrong.
Checked<std::string> plain_text(std::string_view text);

}  // namespace relais::config::raw
