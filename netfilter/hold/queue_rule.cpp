// Runs Debian's iptables, which knows both of the kernel's packet filters.
#include "netfilter/hold/queue_rule.h"

#include "base/address.h"
#include "base/unique_fd.h"
#include "netfilter/abi/opener.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace relais::netfilter {
namespace {

constexpr std::array kPrograms = {"iptables", "ip6tables"};
constexpr std::string_view kWayOut =
    "install Debian's iptables; the kernel needs xt_mac and xt_NFQUEUE; see whether another program holds the firewall";

struct Ended {
  int status = 0;  // as of wait()
  std::string said;
};

// Runs a program and waits for it. `said`: what it wrote to standard error, the first 4 KiB.
Result<Ended> run(const std::vector<std::string>& words) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("cannot make a pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return system_error("cannot run " + words[0], error, std::string(kWayOut));
  write_end.reset();
  Ended ended;
  std::array<char, 4096> buffer{};
  for (ssize_t size = 0; (size = ::read(read_end.get(), buffer.data(), buffer.size())) > 0;)
    if (ended.said.size() < buffer.size()) ended.said.append(buffer.data(), static_cast<std::size_t>(size));
  while (::waitpid(child, &ended.status, 0) < 0 && errno == EINTR) {
  }
  while (!ended.said.empty() && ended.said.back() == '\n') ended.said.pop_back();
  return ended;
}

bool is_success(const Ended& ended) { return WIFEXITED(ended.status) && WEXITSTATUS(ended.status) == 0; }

// `action`: "-C" (is it there?), "-I" (first of the chain) or "-D".
std::vector<std::string> command(std::string_view program, std::string_view action, const QueueRule& rule) {
  constexpr std::array<std::uint8_t, 6> marker = RELAIS_HOLD_MARKER;
  std::vector<std::string> words{std::string(program), "-w", "5", "-t", "raw", std::string(action), "PREROUTING"};
  if (action == "-I") words.emplace_back("1");
  for (const std::string& word : {std::string("-i"), rule.interface, std::string("-m"), std::string("mac"),
                                  std::string("--mac-source"), MacAddress(marker).to_string(), std::string("-j"),
                                  std::string("NFQUEUE"), std::string("--queue-num"), std::to_string(rule.queue)})
    words.push_back(word);
  return words;
}

}  // namespace

Result<RuleChange> add_queue_rule(const QueueRule& rule) {
  RuleChange change = RuleChange::none;
  for (const char* program : kPrograms) {
    const auto there = run(command(program, "-C", rule));
    if (!there) return there.error();
    if (is_success(*there)) continue;
    const auto added = run(command(program, "-I", rule));
    if (!added) return added.error();
    if (!is_success(*added))
      return Error{.what = std::string(program) + " cannot add the hold's rule: " + added->said,
                   .way_out = std::string(kWayOut)};
    change = RuleChange::added;
  }
  return change;
}

Result<> remove_queue_rule(const QueueRule& rule) {
  constexpr int kMostCopies = 16;
  for (const char* program : kPrograms) {
    for (int i = 0; i < kMostCopies; ++i) {
      const auto there = run(command(program, "-C", rule));
      if (!there) return there.error();
      if (!is_success(*there)) break;
      const auto removed = run(command(program, "-D", rule));
      if (!removed) return removed.error();
      if (!is_success(*removed))
        return Error{.what = std::string(program) + " cannot remove the hold's rule: " + removed->said,
                     .way_out = std::string(kWayOut)};
    }
  }
  return {};
}

}  // namespace relais::netfilter
