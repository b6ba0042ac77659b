// Processes that may outlive relaisd: see spawn.h.
#include "ha/corosync/spawn.h"

#include "base/invariant.h"
#include "ha/corosync/files.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>

extern char** environ;

namespace relais::corosync {
namespace {

// The actions and attributes of one posix_spawn.
class SpawnPlan {
 public:
  explicit SpawnPlan(int output) {
    INVARIANT(posix_spawn_file_actions_init(&actions_) == 0 && posix_spawnattr_init(&attributes_) == 0, "memory");
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::string proc_file(pid_t id, std::string_view name) {
  return "/proc/" + std::to_string(id) + "/" + std::string(name);
}

}  // namespace

Result<Process> open_process(pid_t id) {
  // glibc 2.36 has pidfd_open in <sys/pidfd.h>; its declarations clash with <linux/...> in g++ 12's C++ mode.
  const long fd = ::syscall(SYS_pidfd_open, id, 0);
  if (fd < 0) return system_error("cannot watch process " + std::to_string(id));
  return Process{.id = id, .pidfd = UniqueFd(static_cast<int>(fd))};
}

Result<Process> spawn_in_own_session(const std::vector<std::string>& arguments, int output) {
  std::vector<char*> words;
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const SpawnPlan plan(output);
  pid_t id = 0;
  const int code = ::posix_spawn(&id, words[0], plan.actions(), plan.attributes(), words.data(), environ);
  if (code != 0) return system_error("cannot start " + arguments.front(), code);
  return open_process(id);
}

std::optional<ProcessFacts> parse_process_stat(std::string_view text) {
  // "PID (NAME) STATE PPID ...": the name may hold blanks and brackets, so the last bracket ends it. Start time: field
  // 22.
  constexpr std::size_t kFieldsFromStateToStart = 19;
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close + 2 >= text.size())
    return std::nullopt;
  const std::string_view name = text.substr(open + 1, close - open - 1);
  std::string_view rest = text.substr(close + 2);
  if (rest[0] == 'Z' || rest[0] == 'X') return std::nullopt;
  for (std::size_t i = 0; i < kFieldsFromStateToStart; ++i) {
    const std::size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(blank + 1);
  }
  ProcessFacts facts{.name = std::string(name), .start_ticks = 0};
  const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), facts.start_ticks);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return facts;
}

std::optional<ProcessFacts> facts_of(pid_t id) {
  const auto text = read_small_file(proc_file(id, "stat"));
  if (!text) return std::nullopt;
  return parse_process_stat(*text);
}

std::string command_line_of(pid_t id) {
  auto text = read_small_file(proc_file(id, "cmdline"));
  if (!text) return {};
  std::replace(text->begin(), text->end(), '\0', ' ');
  return *text;
}

void send_signal(const Process& process, int signal) {
  // Fails only if the process has just ended, which its pidfd tells.
  static_cast<void>(::syscall(SYS_pidfd_send_signal, process.pidfd.get(), signal, nullptr, 0));
}

bool has_ended(const Process& process) {
  pollfd watched{.fd = process.pidfd.get(), .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, 0) == 1;
}

std::string take_exit_status(const Process& process) {
  siginfo_t info{};
  const auto id = static_cast<id_t>(process.pidfd.get());
  if (::waitid(P_PIDFD, id, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return {};
  if (info.si_code == CLD_EXITED) return "exited with status " + std::to_string(info.si_status);
  return "killed by signal " + std::to_string(info.si_status);
}

}  // namespace relais::corosync
