// Text or file → checked configuration, or everything that is wrong with it.
#pragma once

#include "daemon/config/cluster.h"
#include "daemon/config/error.h"

#include <string>
#include <string_view>

namespace relais::config {

inline constexpr std::string_view kDefaultPath = "/etc/relais/relais.toml";

// Pure. A syntax error is reported alone, as nothing behind it can be read. All other errors are reported together, in
// the order of the file.
Checked<Cluster> parse(std::string_view text);

// Reads and parses a file. A file that cannot be read is one error without a line.
Checked<Cluster> load(const std::string& path);

}  // namespace relais::config
