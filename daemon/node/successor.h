// The program that takes this process over in an upgrade: whether it may, whether it would run, and the exec itself.
#pragma once

#include "base/result.h"
#include "daemon/node/handoff.h"

#include <string>
#include <vector>

namespace relais::node {

// What runs, or shall run, in this process.
struct Program {
  std::string file;                    // absolute
  std::vector<std::string> arguments;  // without the program's name
  std::string configuration;           // the file that they name

  // The file by which this process was started; after a package's upgrade another one is there.
  static Program of_this_process(int argc, const char* const* argv);
  bool operator==(const Program&) const = default;
};

// The file, without links, if it may run as root: it is an executable that only its owner, root, can write or replace.
Result<std::string> find_program(const std::string& file);

// Runs the program with its arguments and --check, and waits. Error: it does not say yes in time, or not as relaisd
// does: "relaisd VERSION: …" with status 0. Blocks: not for the thread of the lease.
Result<> ask_program(const Program& program);

// Returns only if it fails; nothing has happened then. The process keeps its id and its children; all descriptors but
// the standard ones and the handoff's are closed.
Error become(const Program& program, const HandoffFile& handoff);

}  // namespace relais::node
