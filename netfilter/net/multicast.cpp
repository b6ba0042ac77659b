// SIOCADDMULTI rather than a packet socket's membership: that one would vanish with the daemon, the programs stay.
#include "netfilter/net/multicast.h"

#include "base/unique_fd.h"

#include <linux/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace relais::netfilter {
namespace {

constexpr const char* kTable = "/proc/thread-self/net/dev_mcast";  // of the calling thread's network namespace

// 0 or a positive errno.
int change(const std::string& interface, const MacAddress& mac, unsigned long request) {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return errno;
  ifreq message{};
  if (interface.size() >= sizeof(message.ifr_name)) return ENODEV;
  std::ranges::copy(interface, message.ifr_name);
  message.ifr_hwaddr.sa_family = AF_UNSPEC;
  std::memcpy(message.ifr_hwaddr.sa_data, mac.bytes().data(), mac.bytes().size());
  return ::ioctl(socket.get(), request, &message) == 0 ? 0 : errno;
}

std::optional<MacAddress> parse_hex_mac(std::string_view text) {
  std::array<std::uint8_t, 6> bytes{};
  if (text.size() != 2 * bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char* begin = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(begin, begin + 2, bytes[i], 16);
    if (error != std::errc{} || end != begin + 2) return std::nullopt;
  }
  return MacAddress(bytes);
}

}  // namespace

Result<> add_multicast_mac(const std::string& interface, const MacAddress& mac) {
  const int error = change(interface, mac, SIOCADDMULTI);
  if (error == 0 || error == EEXIST) return {};
  return system_error("cannot make " + interface + " receive " + mac.to_string(), error, "run as root; see: ip maddr");
}

Result<> remove_multicast_mac(const std::string& interface, const MacAddress& mac) {
  const int error = change(interface, mac, SIOCDELMULTI);
  if (error == 0 || error == ENOENT || error == ENODEV) return {};
  return system_error("cannot make " + interface + " ignore " + mac.to_string(), error, "run as root; see: ip maddr");
}

Result<std::vector<MacAddress>> list_multicast_macs(IfIndex interface) {
  std::ifstream file(kTable);
  if (!file) return system_error(std::string("cannot read ") + kTable);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  return parse_multicast_table(text, interface);
}

std::vector<MacAddress> parse_multicast_table(std::string_view text, IfIndex interface) {
  std::vector<MacAddress> macs;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::uint32_t index = 0;
    std::string name, users, global_users, address;
    if (!(fields >> index >> name >> users >> global_users >> address) || index != interface.value()) continue;
    if (const auto mac = parse_hex_mac(address)) macs.push_back(*mac);
  }
  return macs;
}

}  // namespace relais::netfilter
