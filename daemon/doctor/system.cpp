// Reading files, links, directories and pipes.
#include "daemon/doctor/system.h"

#include "base/unique_fd.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <csignal>
#include <memory>

extern char** environ;

namespace relais::doctor {
namespace {

constexpr std::size_t kLongest = 1024 * 1024;
using Clock = std::chrono::steady_clock;

// Reads until the end of file, `kLongest` bytes or `end`.
std::string drain_pipe(int fd, Clock::time_point end) {
  std::string text;
  std::array<char, 4096> buffer;
  while (text.size() < kLongest) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) break;
    const ssize_t received = ::read(fd, buffer.data(), buffer.size());
    if (received <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(received));
  }
  return text;
}

Result<pid_t> spawn(std::vector<std::string>& command, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (std::string& word : command) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return system_error("cannot run " + command[0], failed);
  return child;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return system_error(path);
  std::string text;
  std::array<char, 65536> buffer;
  while (text.size() < kLongest) {
    const ssize_t received = ::read(fd.get(), buffer.data(), buffer.size());
    if (received < 0) return system_error(path);
    if (received == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(received));
  }
  return {boost::system::in_place_value, std::move(text)};
}

std::string read_or_empty(const std::string& path) {
  auto text = read_file(path);
  return text ? std::move(*text) : std::string{};
}

std::string read_link(const std::string& path) {
  std::array<char, PATH_MAX> target;
  const ssize_t length = ::readlink(path.c_str(), target.data(), target.size());
  return length < 0 ? std::string{} : std::string(target.data(), static_cast<std::size_t>(length));
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

std::vector<std::string> list_directory(const std::string& path) {
  struct Close {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  const std::unique_ptr<DIR, Close> directory(::opendir(path.c_str()));
  std::vector<std::string> names;
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::string> run_program(std::vector<std::string> command, std::chrono::milliseconds limit) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  const UniqueFd output(ends[0]);
  UniqueFd input(ends[1]);
  const auto child = spawn(command, input.get());
  if (!child) return child.error();
  input.reset();
  std::string text = drain_pipe(output.get(), Clock::now() + limit);
  ::kill(*child, SIGKILL);  // it has ended by itself, or is over its time; a zombie takes no harm
  int state = 0;
  while (::waitpid(*child, &state, 0) < 0 && errno == EINTR) {
  }
  return {boost::system::in_place_value, std::move(text)};
}

}  // namespace relais::doctor
