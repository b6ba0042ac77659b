// A program that relaisd keeps running and that outlives it: what was started is recorded, so that the next relaisd
// finds it, and knows whether it has the settings that are wanted.
#pragma once

#include "base/result.h"
#include "ha/corosync/spawn.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace relais::corosync {

struct KeptProgram {
  std::string name;                   // of the program, and of its systemd unit
  std::filesystem::path record_file;  // relaisd's
  std::filesystem::path pid_file;     // its own
  std::string own_words;              // in the command line of each that relaisd starts
};

struct RunningProgram {
  Process process;
  std::optional<std::uint64_t> fingerprint;  // of what it was started with; nothing if that is not recorded
};

// The one that runs, if it is relaisd's. One that somebody else runs is an error.
Result<std::optional<RunningProgram>> find_running(const KeptProgram& program);

// `fingerprint`: of what it was started with. Does nothing if it has ended by now: its end tells why.
Result<> record_start(const KeptProgram& program, const Process& process, std::uint64_t fingerprint);

}  // namespace relais::corosync
