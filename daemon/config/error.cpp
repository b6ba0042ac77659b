// Text of configuration errors.
#include "daemon/config/error.h"

namespace relais::config {

std::string describe(std::string_view file_name, const Errors& errors) {
  std::string text;
  for (const ConfigError& error : errors) {
    text += file_name;
    if (error.at.line > 0) text += ":" + std::to_string(error.at.line) + ":" + std::to_string(error.at.column);
    text += ": " + error.what;
    if (!error.way_out.empty()) text += " (" + error.way_out + ")";
    text += "\n";
  }
  return text;
}

}  // namespace relais::config
