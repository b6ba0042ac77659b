// Processes that may outlive relaisd: started in a session of their own, watched by pidfd, told apart from later
// processes with the same id by their start time.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais::corosync {

struct Process {
  pid_t id = 0;
  UniqueFd pidfd;  // readable when the process has ended
};

// Starts `arguments[0]` with standard input from /dev/null and standard output and error to `output` (not owned). It is
// not ended by the end of this process, and inherits no blocked or ignored signals.
Result<Process> spawn_in_own_session(const std::vector<std::string>& arguments, int output);

// A process that runs already, child or not.
Result<Process> open_process(pid_t id);

// What /proc says of a process; nothing if it does not exist or has ended.
struct ProcessFacts {
  std::string name;               // as ps shows it, at most 15 characters
  std::uint64_t start_ticks = 0;  // since boot: with the id, unique
  bool operator==(const ProcessFacts&) const = default;
};
std::optional<ProcessFacts> facts_of(pid_t id);

// Of the text of /proc/PID/stat; nothing for a process that has ended and waits for its parent.
std::optional<ProcessFacts> parse_process_stat(std::string_view text);

// The command line, its words joined by blanks.
std::string command_line_of(pid_t id);

void send_signal(const Process& process, int signal);

// Whether it has, and waits for its parent at most.
bool has_ended(const Process& process);

// Takes the exit status of a child that has ended: "exited with status 8", "killed by signal 9". Empty if it is not
// ours.
std::string take_exit_status(const Process& process);

}  // namespace relais::corosync
