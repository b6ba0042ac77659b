// Small files: see files.h.
#include "ha/corosync/files.h"

#include "base/unique_fd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <vector>

namespace relais::corosync {
namespace {

constexpr std::size_t kMaxFileBytes = 1024 * 1024;
constexpr std::uintmax_t kMaxLogBytes = 1024 * 1024;
constexpr std::uintmax_t kTailBytes = 4096;

Result<> write_all(int fd, std::span<const std::uint8_t> content, const std::string& name) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return system_error("cannot write " + name, errno, "is the disk full?");
    content = content.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<> write_new_file(const std::string& name, std::span<const std::uint8_t> content, mode_t mode) {
  const UniqueFd file(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode));
  if (!file) return system_error("cannot create " + name);
  if (::fchmod(file.get(), mode) != 0) return system_error("cannot set the mode of " + name);
  if (const auto written = write_all(file.get(), content, name); !written) return written.error();
  if (::fsync(file.get()) != 0) return system_error("cannot sync " + name, errno, "is the disk full?");
  return {};
}

}  // namespace

Result<> write_file_atomically(const std::filesystem::path& path, std::span<const std::uint8_t> content, mode_t mode) {
  std::error_code code;
  std::filesystem::create_directories(path.parent_path(), code);
  if (code) return system_error("cannot create " + path.parent_path().string(), code.value());
  const std::string temporary = path.string() + ".new";
  auto written = write_new_file(temporary, content, mode);
  if (written && ::rename(temporary.c_str(), path.c_str()) != 0)
    written = system_error("cannot replace " + path.string());
  if (!written) ::unlink(temporary.c_str());
  return written;
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

Result<LogFile> open_log(const std::filesystem::path& path) {
  std::error_code failure;
  std::filesystem::create_directories(path.parent_path(), failure);
  LogFile log{.file = {}, .start = std::filesystem::file_size(path, failure)};
  if (failure) log.start = 0;
  if (log.start > kMaxLogBytes) {
    std::filesystem::rename(path, path.string() + ".1", failure);
    log.start = 0;
  }
  log.file.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!log.file) return system_error("cannot open " + path.string());
  return log;
}

bool empty_long_log(const std::filesystem::path& path) {
  std::error_code failure;
  const std::uintmax_t size = std::filesystem::file_size(path, failure);
  if (failure || size <= kMaxLogBytes) return false;
  std::filesystem::resize_file(path, 0, failure);
  return !failure;
}

Result<std::string> read_small_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  const UniqueFd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return system_error("cannot open " + name);
  std::string content;
  std::array<char, 4096> buffer{};
  while (content.size() < kMaxFileBytes) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("cannot read " + name);
    if (count == 0) return Result<std::string>(boost::system::in_place_value, std::move(content));
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return Error{.what = name + " is larger than a megabyte"};
}

std::string last_lines(const std::filesystem::path& path, std::size_t lines, std::uintmax_t from) {
  std::error_code code;
  const std::uintmax_t size = std::filesystem::file_size(path, code);
  if (code || size <= from) return {};
  std::ifstream file(path);
  file.seekg(static_cast<std::streamoff>(std::max(from, size - std::min(size, kTailBytes))));
  std::vector<std::string> kept;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) kept.push_back(line);
    if (kept.size() > lines) kept.erase(kept.begin());
  }
  std::string joined;
  for (const std::string& line : kept) joined += (joined.empty() ? "" : " | ") + line;
  return joined;
}

}  // namespace relais::corosync
