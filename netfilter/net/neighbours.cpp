// The kernel's neighbours on the heartbeat links: see neighbours.h.
#include "netfilter/net/neighbours.h"

#include "base/unique_fd.h"
#include "netfilter/net/vip_address.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

namespace relais::netfilter {
namespace {

struct Setting {
  std::string path;  // below the sysctls' directory
  std::string_view value;
  bool may_lack = false;  // Linux 5.16; before, neighbours are forgotten, and only asked for faster
};

std::array<Setting, 4> settings_of(IpFamily family, const std::string& interface) {
  const bool is_v4 = family == IpFamily::v4;
  const std::string base = is_v4 ? "ipv4/" : "ipv6/";
  const std::string neighbours = base + "neigh/" + interface + "/";
  return {{{base + "conf/" + interface + (is_v4 ? "/arp_evict_nocarrier" : "/ndisc_evict_nocarrier"), "0", true},
           {neighbours + "retrans_time_ms", "100"},
           // As many questions as take the three seconds that the kernel's own settings do.
           {neighbours + "mcast_solicit", "30"},
           {neighbours + "ucast_solicit", "30"}}};
}

bool has_value(const UniqueFd& file, std::string_view value) {
  std::array<char, 32> buffer{};
  const ssize_t count = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  std::string_view content(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  while (content.ends_with('\n')) content.remove_suffix(1);
  return content == value;
}

// Where it has the value, nothing is written: /proc/sys may be read-only, and well set from outside.
Result<> set(const std::filesystem::path& path, const Setting& setting) {
  const UniqueFd current(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!current && errno == ENOENT && setting.may_lack) return {};
  if (!current) return system_error("cannot read " + path.string(), errno, "mount /proc/sys where relaisd runs");
  if (has_value(current, setting.value)) return {};
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), setting.value.data(), setting.value.size()) >= 0) return {};
  return system_error("cannot set " + path.string() + " to " + std::string(setting.value), errno,
                      "make /proc/sys writable for relaisd, or set it from outside");
}

}  // namespace

Result<> keep_neighbours(std::span<const IpAddress> links, const std::filesystem::path& sysctls) {
  Result<> outcome;
  const auto note = [&](Error error) {
    if (outcome) outcome = std::move(error);
  };
  for (const IpAddress& address : links) {
    const Result<std::string> interface = interface_with(address);
    if (!interface) {
      note(interface.error());
      continue;
    }
    for (const Setting& setting : settings_of(address.family(), *interface)) {
      if (const auto done = set(sysctls / setting.path, setting); !done) note(done.error());
    }
  }
  return outcome;
}

}  // namespace relais::netfilter
