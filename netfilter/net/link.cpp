// Looks interfaces up through rtnetlink.
#include "netfilter/net/link.h"

#include "netfilter/net/netlink_socket.h"

#include <linux/if.h>
#include <netlink/addr.h>
#include <netlink/route/link.h>

#include <algorithm>
#include <array>
#include <memory>

namespace relais::netfilter {
namespace {

struct LinkDeleter {
  void operator()(rtnl_link* link) const { rtnl_link_put(link); }
};

MacAddress mac_of(rtnl_link* link) {
  std::array<std::uint8_t, 6> bytes{};
  const nl_addr* address = rtnl_link_get_addr(link);
  if (address != nullptr && nl_addr_get_len(address) == bytes.size()) {
    std::copy_n(static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(address)), bytes.size(), bytes.begin());
  }
  return MacAddress(bytes);
}

LinkState state_of(rtnl_link* link) {
  const unsigned flags = rtnl_link_get_flags(link);
  if ((flags & IFF_UP) == 0) return LinkState::down;
  return (flags & IFF_LOWER_UP) == 0 ? LinkState::no_carrier : LinkState::up;
}

}  // namespace

Result<Link> find_link(const std::string& name) {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::move(socket).error();
  rtnl_link* found = nullptr;
  const int result = rtnl_link_get_kernel(socket->get(), 0, name.c_str(), &found);
  if (result < 0) {
    return netlink_error("no interface " + name, result,
                         "name the front interface of this node in its [[node]] entry; see: ip link");
  }
  const std::unique_ptr<rtnl_link, LinkDeleter> link(found);
  return Link{.index = IfIndex(static_cast<std::uint32_t>(rtnl_link_get_ifindex(found))),
              .name = name,
              .mac = mac_of(found),
              .state = state_of(found),
              .mtu = rtnl_link_get_mtu(found)};
}

}  // namespace relais::netfilter
