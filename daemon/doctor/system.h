// The few ways in which doctor looks at the machine: small files, links, a program's output.
#pragma once

#include "base/result.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace relais::doctor {

// The whole of a small file (at most 1 MiB is read).
Result<std::string> read_file(const std::string& path);
// The same, or nothing where it cannot be read: for files whose absence says nothing.
std::string read_or_empty(const std::string& path);
// Where a symbolic link points; empty if it is none or may not be read.
std::string read_link(const std::string& path);
bool exists(const std::string& path);
// Names in a directory, without . and ..; empty if it cannot be read.
std::vector<std::string> list_directory(const std::string& path);
// What a program writes to standard output; its error output is thrown away. It is killed when `limit` has passed.
Result<std::string> run_program(std::vector<std::string> command, std::chrono::milliseconds limit);

}  // namespace relais::doctor
