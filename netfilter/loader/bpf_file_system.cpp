// Mounting, checking and clearing of the BPF file system.
#include "netfilter/loader/bpf_file_system.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <filesystem>

namespace relais::netfilter {
namespace {

constexpr std::string_view kWayOut =
    "mount it: mount -t bpf bpf /sys/fs/bpf; within `ip netns exec` it is hidden, use nsenter --net=";

bool is_bpf_file_system(const std::string& path) {
  struct statfs info {};
  return ::statfs(path.c_str(), &info) == 0 && static_cast<unsigned long>(info.f_type) == BPF_FS_MAGIC;
}

Error file_error(std::string_view what, const std::error_code& code) {
  return Error{.what = std::string(what) + ": " + code.message(), .way_out = "", .code = code.value()};
}

}  // namespace

std::string pin_directory_of(std::string_view interface) {
  std::string name(interface);
  std::ranges::replace(name, '.', ':');
  return std::string(kBpfFileSystem) + "/relais/" + name;
}

Result<> check_bpf_file_system(const std::string& path) {
  std::filesystem::path existing = path;
  std::error_code ignored;
  while (!std::filesystem::exists(existing, ignored) && existing.has_relative_path()) existing = existing.parent_path();
  if (is_bpf_file_system(existing.string())) return {};
  return Error{.what = "no BPF file system at " + existing.string(), .way_out = std::string(kWayOut), .code = ENOENT};
}

Result<> mount_bpf_file_system(const std::string& mount_point) {
  if (is_bpf_file_system(mount_point)) return {};
  if (::mount("bpf", mount_point.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0) return {};
  return system_error("cannot mount a BPF file system at " + mount_point, errno,
                      "run as root, with CONFIG_BPF_SYSCALL in the kernel and the directory in place");
}

Result<> make_directories(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) return file_error("cannot create " + path, code);
  return {};
}

Result<> remove_pins(const std::string& directory) {
  std::error_code code;
  std::filesystem::remove_all(directory, code);
  if (code && code != std::errc::no_such_file_or_directory) return file_error("cannot remove " + directory, code);
  return {};
}

}  // namespace relais::netfilter
