// The kernel's neighbours on the heartbeat links: see neighbours.h.
#include "netfilter/net/neighbours.h"

#include "base/unique_fd.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace relais::netfilter {
namespace {

struct FreeAddresses {
  void operator()(ifaddrs* list) const { ::freeifaddrs(list); }
};
using Addresses = std::unique_ptr<ifaddrs, FreeAddresses>;

std::optional<IpAddress> address_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in copy{};
    std::memcpy(&copy, address, sizeof copy);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &copy.sin_addr, bytes.size());
    return IpAddress::v4(bytes);
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  sockaddr_in6 copy{};
  std::memcpy(&copy, address, sizeof copy);
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &copy.sin6_addr, bytes.size());
  return IpAddress::v6(bytes);
}

// The interface's own name: a label ("eth0:1") is cut off. Empty if no interface has the address.
std::string interface_of(const Addresses& list, const IpAddress& address) {
  for (const ifaddrs* entry = list.get(); entry != nullptr; entry = entry->ifa_next) {
    if (address_of(entry->ifa_addr) != address) continue;
    const std::string_view name(entry->ifa_name);
    return std::string(name.substr(0, name.find(':')));
  }
  return {};
}

Result<> write_sysctl(const std::filesystem::path& path, std::string_view value) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), value.data(), value.size()) >= 0) return {};
  return system_error("cannot set " + path.string() + " to " + std::string(value), errno,
                      "make /proc/sys writable for relaisd");
}

struct Setting {
  std::string path;  // below the sysctls' directory
  std::string_view value;
  bool is_new = false;  // Linux 5.16; before, neighbours are forgotten, and only asked for faster
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

}  // namespace

Result<> keep_neighbours(std::span<const IpAddress> links, const std::filesystem::path& sysctls) {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return system_error("cannot list the addresses of this machine");
  const Addresses list(first);
  Result<> outcome;
  const auto note = [&](Error error) {
    if (outcome) outcome = std::move(error);
  };
  for (const IpAddress& address : links) {
    const std::string interface = interface_of(list, address);
    if (interface.empty()) {
      note({.what = "the heartbeat address " + address.to_string() + " is on no interface",
            .way_out = "relais doctor names what is missing"});
      continue;
    }
    for (const Setting& setting : settings_of(address.family(), interface)) {
      if (setting.is_new && !std::filesystem::exists(sysctls / setting.path)) continue;
      if (auto written = write_sysctl(sysctls / setting.path, setting.value); !written) note(written.error());
    }
  }
  return outcome;
}

}  // namespace relais::netfilter
