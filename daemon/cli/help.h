// Help pages, from the option table. Pure.
#pragma once

#include "daemon/cli/option_table.h"

#include <string>
#include <string_view>

namespace relais::cli {

std::string render_overview();
// The commands whose first word is `group`.
std::string render_group_help(std::string_view group);
std::string render_command_help(const CommandSpec& command);
// "relais drain NODE [--no-wait] [--timeout SECONDS]"
std::string render_synopsis(const CommandSpec& command);

}  // namespace relais::cli
