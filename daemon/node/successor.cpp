// Looks at a program, asks it, becomes it: see successor.h.
#include "daemon/node/successor.h"

#include "ha/corosync/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace relais::node {

namespace {

constexpr int kPatience_ms = 10'000;  // for --check, on a busy machine

constexpr std::string_view kGreeting = "relaisd ";  // so begins what relaisd says to --check

constexpr std::string_view kDeleted = " (deleted)";  // what the kernel adds when the file was replaced

// Neither the file nor a directory on the way to it may be another user's to change; a sticky directory keeps others
// from replacing what is root's.
Result<> check_owner(const std::filesystem::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return system_error("cannot look at " + path.string());
  const bool is_shielded = S_ISDIR(facts.st_mode) && (facts.st_mode & S_ISVTX) != 0;
  const bool others_write = (facts.st_mode & (S_IWGRP | S_IWOTH)) != 0 && !is_shielded;
  if ((facts.st_uid == 0 || facts.st_uid == ::geteuid()) && !others_write) return {};
  return Error{.what = path.string() + " can be changed by others than root, and relaisd runs as root",
               .way_out = "chown root " + path.string() + " && chmod go-w " + path.string()};
}

std::string output_of(const UniqueFd& file) {
  std::array<char, 1024> buffer{};
  const ssize_t count = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  std::string text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::vector<std::string> words_of(const Program& program) {
  std::vector<std::string> words{program.file};
  words.insert(words.end(), program.arguments.begin(), program.arguments.end());
  return words;
}

// All descriptors are to be closed by exec, whoever opened them and how; but this one.
Result<> keep_only(const UniqueFd& kept) {
  if (::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0)
    return system_error("cannot let the descriptors close");
  if (::fcntl(kept.get(), F_SETFD, 0) != 0) return system_error("cannot keep the handoff open");
  return {};
}

}  // namespace

Program Program::of_this_process(int argc, const char* const* argv) {
  std::error_code failed;
  std::string file = std::filesystem::read_symlink("/proc/self/exe", failed).string();
  if (failed) file = argv[0];
  if (file.ends_with(kDeleted)) file.resize(file.size() - kDeleted.size());
  return {.file = std::move(file), .arguments = {argv + 1, argv + argc}, .configuration = {}};
}

Result<std::string> find_program(const std::string& file) {
  const std::string way_out = "give the absolute path of a relaisd, or none for the one that runs";
  if (file.empty() || file.front() != '/')
    return Error{.what = "\"" + file + "\" is no absolute path", .way_out = way_out};
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::canonical(file, failed);
  if (failed) return system_error("cannot find " + file, failed.value(), way_out);
  // By the mode alone: to root some file systems grant the execution of anything.
  constexpr auto kExecutable = std::filesystem::perms::owner_exec;
  const std::filesystem::file_status facts = std::filesystem::status(real, failed);
  const bool is_program = !failed && std::filesystem::is_regular_file(facts) &&
                          (facts.permissions() & kExecutable) != std::filesystem::perms::none;
  if (!is_program) return Error{.what = file + " is not a program", .way_out = way_out};
  for (std::filesystem::path part = real;; part = part.parent_path()) {
    if (Result<> checked = check_owner(part); checked.has_error()) return checked.error();
    if (part == part.root_path()) return {boost::system::in_place_value, real.string()};
  }
}

Result<> ask_program(const Program& program) {
  const UniqueFd output(::memfd_create("relais-check", MFD_CLOEXEC));
  if (!output) return system_error("cannot make a file in memory");
  std::vector<std::string> words = words_of(program);
  words.emplace_back("--check");
  const auto process = corosync::spawn_in_own_session(words, output.get());
  if (process.has_error()) return process.error();
  pollfd ended{.fd = process->pidfd.get(), .events = POLLIN, .revents = 0};
  const bool in_time = ::poll(&ended, 1, kPatience_ms) > 0;
  if (!in_time) {
    corosync::send_signal(*process, SIGKILL);
    ::poll(&ended, 1, kPatience_ms);
  }
  const std::string status = corosync::take_exit_status(*process);
  const std::string said = output_of(output);
  if (in_time && status == "exited with status 0") {
    if (said.starts_with(kGreeting)) return {};
    return Error{.what = program.file + " is no relaisd: asked with --check it did not say so",
                 .way_out = "name the relaisd of the new release"};
  }
  return Error{.what = program.file + " --check " + (in_time ? status : "did not end in time") +
                       (said.empty() ? "" : ": " + said),
               .way_out = "run it by hand, with the arguments of the relaisd that runs"};
}

Error become(const Program& program, const HandoffFile& handoff) {
  const Result<UniqueFd> left = leave_handoff(handoff);
  if (left.has_error()) return left.error();
  if (const Result<> kept = keep_only(*left); kept.has_error()) return kept.error();
  const std::vector<std::string> words = words_of(program);
  std::vector<char*> pointers;
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  ::execv(program.file.c_str(), pointers.data());
  const Error failed = system_error("cannot run " + program.file);
  ::unsetenv(kHandoffVariable);
  return failed;
}

}  // namespace relais::node
