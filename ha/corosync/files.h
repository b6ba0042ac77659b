// Small files, written whole or not at all.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace relais::corosync {

// Replaces the file at once: readers see the old content or the new one, also after a crash. `mode` as for open(2).
Result<> write_file_atomically(const std::filesystem::path& path, std::span<const std::uint8_t> content, mode_t mode);

std::span<const std::uint8_t> bytes_of(std::string_view text);

// A log that a program writes to, and where its output begins in it.
struct LogFile {
  UniqueFd file;
  std::uintmax_t start = 0;
};

// Opened for appending, made if need be. One of more than a megabyte is renamed to "….1" first.
Result<LogFile> open_log(const std::filesystem::path& path);

// Empties a log of more than a megabyte that a program appends to; true if it did.
bool empty_long_log(const std::filesystem::path& path);

// At most a megabyte.
Result<std::string> read_small_file(const std::filesystem::path& path);

// The last lines of a log, joined by " | "; from offset `from` on. Empty if there are none.
std::string last_lines(const std::filesystem::path& path, std::size_t lines, std::uintmax_t from);

}  // namespace relais::corosync
