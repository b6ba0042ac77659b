// Interfaces, their addresses and multicast filters, and the sysctls beside them.
#include "base/unique_fd.h"
#include "daemon/doctor/collect_parts.h"
#include "daemon/doctor/parse.h"
#include "daemon/doctor/system.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>
#include <memory>

namespace relais::doctor {
namespace {

std::uint32_t look_number(const std::string& path) {
  const std::string text = read_or_empty(path);
  std::uint32_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  return request;
}

void collect_offloads(const std::string& name, InterfaceFacts& interface) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ethtool_value value{};
  value.cmd = ETHTOOL_GFLAGS;
  ifreq request = request_for(name);
  request.ifr_data = reinterpret_cast<char*>(&value);
  if (!fd || ::ioctl(fd.get(), SIOCETHTOOL, &request) != 0) return;  // the driver has no offloads to speak of
  interface.large_receive_offload = (value.data & ETH_FLAG_LRO) != 0;
}

void collect_flags(const std::string& name, InterfaceFacts& interface) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return;
  ifreq request = request_for(name);
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) == 0) {
    const auto flags = static_cast<unsigned>(request.ifr_flags);
    interface.up = (flags & IFF_UP) != 0;
    interface.carrier = (flags & IFF_RUNNING) != 0;
    interface.loopback = (flags & IFF_LOOPBACK) != 0;
  }
  request = request_for(name);
  if (::ioctl(fd.get(), SIOCGIFMTU, &request) == 0) interface.mtu = static_cast<std::uint32_t>(request.ifr_mtu);
}

InterfaceFacts look_at_interface(const std::string& name) {
  InterfaceFacts interface;
  collect_flags(name, interface);
  collect_offloads(name, interface);
  interface.is_vlan = exists("/proc/net/vlan/" + name);
  // sysfs shows the network namespace that it was mounted in, which may be another one than ours.
  const std::string base = "/sys/class/net/" + name + "/";
  if (look_number(base + "ifindex") == ::if_nametoindex(name.c_str())) {
    interface.master = last_part(read_link(base + "master"));
  }
  return interface;
}

std::vector<std::string> interface_names() {
  struct Free {
    void operator()(struct if_nameindex* list) const { ::if_freenameindex(list); }
  };
  const std::unique_ptr<struct if_nameindex, Free> list(::if_nameindex());
  std::vector<std::string> names;
  for (const struct if_nameindex* entry = list.get(); entry != nullptr && entry->if_index != 0; ++entry) {
    names.emplace_back(entry->if_name);
  }
  return names;
}

std::uint32_t prefix_of(const sockaddr* mask) {
  if (mask == nullptr) return 32;
  sockaddr_in copy{};
  std::memcpy(&copy, mask, sizeof copy);
  return static_cast<std::uint32_t>(std::popcount(copy.sin_addr.s_addr));
}

void collect_inet(Facts& facts) {
  struct Free {
    void operator()(ifaddrs* list) const { ::freeifaddrs(list); }
  };
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) {
    facts.unseen.push_back(system_error("IPv4 addresses").what);
    return;
  }
  const std::unique_ptr<ifaddrs, Free> list(first);
  for (const ifaddrs* entry = list.get(); entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    sockaddr_in address{};
    std::memcpy(&address, entry->ifa_addr, sizeof address);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &address.sin_addr, bytes.size());
    // A label ("eth0:1") is shown instead of the interface's own name.
    const std::string name = std::string(entry->ifa_name).substr(0, std::string_view(entry->ifa_name).find(':'));
    facts.interfaces[name].addresses.push_back(
        {.address = IpAddress::v4(bytes), .prefix_length = prefix_of(entry->ifa_netmask)});
  }
}

// `path` below /proc/sys/net; the name in the facts has dots for slashes, as in `sysctl`.
void look_at_sysctl(Facts& facts, const std::string& path) {
  const auto text = read_file("/proc/sys/net/" + path);
  std::int64_t value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{}) return;
  std::string name = path;
  std::replace(name.begin(), name.end(), '/', '.');
  facts.sysctls[name] = value;
}

}  // namespace

void collect_interfaces(Facts& facts) {
  for (const std::string& name : interface_names()) facts.interfaces[name] = look_at_interface(name);
  collect_inet(facts);
  for (auto& [name, addresses] : parse_inet6(read_or_empty("/proc/net/if_inet6"))) {
    auto& known = facts.interfaces[name].addresses;
    known.insert(known.end(), addresses.begin(), addresses.end());
  }
  for (auto& [name, macs] : parse_multicast(read_or_empty("/proc/net/dev_mcast"))) {
    facts.interfaces[name].multicast = std::move(macs);
  }
}

void collect_sysctls(Facts& facts) {
  look_at_sysctl(facts, "ipv4/tcp_syncookies");
  for (const std::string& interface : {std::string("all"), facts.config.interface}) {
    if (interface.empty()) continue;
    for (const char* setting : {"rp_filter", "arp_ignore", "arp_announce"}) {
      look_at_sysctl(facts, "ipv4/conf/" + interface + "/" + setting);
    }
    look_at_sysctl(facts, "ipv6/conf/" + interface + "/disable_ipv6");
  }
}

}  // namespace relais::doctor
