// Reads rtnetlink's link group.
#include "netfilter/net/link_watch.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace relais::netfilter {
namespace {

template <class T>
std::optional<T> copy_from(std::span<const std::uint8_t> bytes) {
  T value{};
  if (bytes.size() < sizeof value) return std::nullopt;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

constexpr std::size_t aligned(std::size_t length) { return (length + 3) & ~std::size_t{3}; }  // NLMSG_ALIGN, RTA_ALIGN

LinkState state_of(unsigned flags) {
  if ((flags & IFF_UP) == 0) return LinkState::down;
  return (flags & IFF_LOWER_UP) == 0 ? LinkState::no_carrier : LinkState::up;
}

// The MAC among the attributes, or `otherwise`.
MacAddress mac_in(std::span<const std::uint8_t> attributes, const MacAddress& otherwise) {
  while (const auto attribute = copy_from<rtattr>(attributes)) {
    if (attribute->rta_len < sizeof(rtattr) || attribute->rta_len > attributes.size()) break;
    std::array<std::uint8_t, 6> mac{};
    if (attribute->rta_type == IFLA_ADDRESS && attribute->rta_len == sizeof(rtattr) + mac.size()) {
      std::ranges::copy(attributes.subspan(sizeof(rtattr), mac.size()), mac.begin());
      return MacAddress(mac);
    }
    attributes = attributes.subspan(std::min(aligned(attribute->rta_len), attributes.size()));
  }
  return otherwise;
}

// Without the kernel's network lock, so it is quick whatever else is going on.
LinkState ask(int socket, const Link& link) {
  ifreq request{};
  std::ranges::copy_n(link.name.begin(), static_cast<std::ptrdiff_t>(std::min<std::size_t>(link.name.size(), 15)),
                      request.ifr_name);
  if (::ioctl(socket, SIOCGIFFLAGS, &request) != 0) return LinkState::down;
  const auto flags = static_cast<unsigned>(request.ifr_flags);
  if ((flags & IFF_UP) == 0) return LinkState::down;
  return (flags & IFF_RUNNING) == 0 ? LinkState::no_carrier : LinkState::up;
}

}  // namespace

std::optional<Link> decode_link_message(std::span<const std::uint8_t> message, const Link& known) {
  const auto header = copy_from<nlmsghdr>(message);
  if (!header || (header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK)) return std::nullopt;
  const auto info = copy_from<ifinfomsg>(message.subspan(sizeof(nlmsghdr)));
  if (!info || info->ifi_index != static_cast<int>(known.index.value())) return std::nullopt;
  // A bridge announces its ports with messages of its own family, also when one only leaves the bridge.
  if (info->ifi_family != AF_UNSPEC) return std::nullopt;
  Link link = known;
  link.state = header->nlmsg_type == RTM_DELLINK ? LinkState::down : state_of(info->ifi_flags);
  link.mac = mac_in(message.subspan(sizeof(nlmsghdr) + sizeof(ifinfomsg)), known.mac);
  return link;
}

Result<LinkWatch> LinkWatch::open(const std::string& interface) {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!socket) return system_error("cannot watch the front interface");
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_error("cannot watch the front interface");
  Result<Link> link = find_link(interface);  // after the subscription, so that nothing is missed
  if (link.has_error()) return link.error();
  return LinkWatch(std::move(socket), std::move(*link));
}

const Link& LinkWatch::read() {
  std::array<std::uint8_t, 32768> buffer{};  // as large as the kernel's largest message
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got > 0) take(std::span(buffer).first(static_cast<std::size_t>(got)));
    if (got < 0 && errno == ENOBUFS) link_.state = ask(socket_.get(), link_);
    if (got <= 0 && errno != EINTR && errno != ENOBUFS) return link_;
  }
}

void LinkWatch::take(std::span<const std::uint8_t> messages) {
  while (const auto header = copy_from<nlmsghdr>(messages)) {
    if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > messages.size()) return;
    if (const auto link = decode_link_message(messages.first(header->nlmsg_len), link_)) link_ = *link;
    messages = messages.subspan(std::min(aligned(header->nlmsg_len), messages.size()));
  }
}

}  // namespace relais::netfilter
