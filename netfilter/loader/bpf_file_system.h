// The BPF file system: where pinned maps and links live. Everything that touches its directories is here.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace relais::netfilter {

inline constexpr const char* kBpfFileSystem = "/sys/fs/bpf";

// The usual pin directory of an interface. A BPF file system refuses names with a dot (eth0.7); a colon, which no
// interface name has, stands for it.
std::string pin_directory_of(std::string_view interface);

// Error with the way out if the nearest existing directory above `path` is not in a BPF file system.
Result<> check_bpf_file_system(const std::string& path);

// Mounts one at `mount_point` unless there already is one. Needs CAP_SYS_ADMIN.
Result<> mount_bpf_file_system(const std::string& mount_point = kBpfFileSystem);

// Creates `path` and the directories above it; existing ones are fine.
Result<> make_directories(const std::string& path);

// Removes a directory of pins and all in it (directories one level deep too). Not there: fine.
Result<> remove_pins(const std::string& directory);

}  // namespace relais::netfilter
