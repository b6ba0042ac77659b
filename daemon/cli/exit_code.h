// What the exit code of `relais` tells a script; relais(1) lists the same table.
#pragma once

#include <cstdint>

namespace relais::cli {

enum class ExitCode : std::uint8_t {
  ok = 0,
  failed = 1,       // relaisd answered, and the answer is no; or waiting ended before the work did
  usage = 2,        // the command line is wrong; nothing was done
  unreachable = 3,  // no relaisd behind the socket, or no proper answer from it
  not_permitted = 4,
  findings = 5,  // doctor found errors, or the configuration is not valid
};

}  // namespace relais::cli
