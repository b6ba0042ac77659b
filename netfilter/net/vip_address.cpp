// Adds and removes addresses through rtnetlink.
#include "netfilter/net/vip_address.h"

#include "netfilter/net/netlink_socket.h"

#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/route/addr.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

namespace relais::netfilter {
namespace {

constexpr std::uint32_t kForever = 0xffffffff;

struct AddressDeleter {
  void operator()(rtnl_addr* address) const { rtnl_addr_put(address); }
  void operator()(nl_addr* address) const { nl_addr_put(address); }
  void operator()(nl_cache* cache) const { nl_cache_free(cache); }
};
template <class Object>
using Owned = std::unique_ptr<Object, AddressDeleter>;

// The address as rtnetlink wants it.
Owned<rtnl_addr> describe(IfIndex interface, const IpAddress& address) {
  const bool is_v4 = address.family() == IpFamily::v4;
  const Owned<nl_addr> local(nl_addr_build(is_v4 ? AF_INET : AF_INET6, address.bytes().data(), address.bytes().size()));
  Owned<rtnl_addr> result(rtnl_addr_alloc());
  rtnl_addr_set_ifindex(result.get(), static_cast<int>(interface.value()));
  rtnl_addr_set_local(result.get(), local.get());
  rtnl_addr_set_prefixlen(result.get(), is_v4 ? 32 : 128);
  if (!is_v4) {
    rtnl_addr_set_flags(result.get(), IFA_F_NODAD);
    rtnl_addr_set_valid_lifetime(result.get(), kForever);
    rtnl_addr_set_preferred_lifetime(result.get(), 0);
  }
  return result;
}

std::optional<IpAddress> address_of(rtnl_addr* address) {
  const nl_addr* local = rtnl_addr_get_local(address);
  if (local == nullptr) return std::nullopt;
  const auto* bytes = static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(local));
  if (nl_addr_get_family(local) == AF_INET) {
    std::array<std::uint8_t, 4> ipv4{};
    std::copy_n(bytes, ipv4.size(), ipv4.begin());
    return IpAddress::v4(ipv4);
  }
  if (nl_addr_get_family(local) != AF_INET6) return std::nullopt;
  std::array<std::uint8_t, 16> ipv6{};
  std::copy_n(bytes, ipv6.size(), ipv6.begin());
  return IpAddress::v6(ipv6);
}

// Calls `visit` for each address object of this machine.
template <class Visit>
Result<> for_each_address(NetlinkSocket& socket, Visit visit) {
  nl_cache* read = nullptr;
  const int result = rtnl_addr_alloc_cache(socket.get(), &read);
  if (result < 0) return netlink_error("cannot list addresses", result);
  const Owned<nl_cache> cache(read);
  for (nl_object* object = nl_cache_get_first(read); object != nullptr; object = nl_cache_get_next(object)) {
    visit(reinterpret_cast<rtnl_addr*>(object));  // how libnl wants its objects to be taken out of a cache
  }
  return {};
}

// The same for those of an interface.
template <class Visit>
Result<> for_each_address_of(NetlinkSocket& socket, IfIndex interface, Visit visit) {
  return for_each_address(socket, [&](rtnl_addr* address) {
    if (rtnl_addr_get_ifindex(address) == static_cast<int>(interface.value())) visit(address);
  });
}

enum class Presence { absent, usable, refused };

Result<Presence> presence_of(NetlinkSocket& socket, IfIndex interface, const IpAddress& wanted) {
  Presence presence = Presence::absent;
  auto listed = for_each_address_of(socket, interface, [&](rtnl_addr* address) {
    if (address_of(address) != wanted) return;
    const bool refused = (rtnl_addr_get_flags(address) & (IFA_F_DADFAILED | IFA_F_TENTATIVE)) != 0;
    presence = refused ? Presence::refused : Presence::usable;
  });
  if (!listed) return std::move(listed).error();
  return presence;
}

}  // namespace

Result<AddressChange> add_vip_address(IfIndex interface, const IpAddress& address) {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::move(socket).error();
  const auto presence = presence_of(*socket, interface, address);
  if (!presence) return presence.error();
  if (*presence == Presence::usable) return AddressChange::none;
  if (*presence == Presence::refused) {
    if (auto removed = remove_vip_address(interface, address); !removed) return removed.error();
  }
  const auto description = describe(interface, address);
  const int result = rtnl_addr_add(socket->get(), description.get(), 0);
  if (result == 0 || result == -NLE_EXIST) return AddressChange::added;
  return netlink_error(
      "cannot add " + address.to_string() + " to the interface", result,
      address.family() == IpFamily::v6 ? "check that the interface is up and disable_ipv6 is 0" : "run as root");
}

Result<> remove_vip_address(IfIndex interface, const IpAddress& address) {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::move(socket).error();
  const auto description = describe(interface, address);
  const int result = rtnl_addr_delete(socket->get(), description.get(), 0);
  if (result == 0 || result == -NLE_NOADDR || result == -NLE_OBJ_NOTFOUND || result == -NLE_NODEV) return {};
  return netlink_error("cannot remove " + address.to_string() + " from the interface", result, "run as root");
}

Result<std::vector<IpAddress>> list_addresses(IfIndex interface) {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::move(socket).error();
  std::vector<IpAddress> addresses;
  auto listed = for_each_address_of(*socket, interface, [&](rtnl_addr* address) {
    if (const auto value = address_of(address)) addresses.push_back(*value);
  });
  if (!listed) return std::move(listed).error();
  return addresses;
}

Result<std::string> interface_with(const IpAddress& wanted) {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::move(socket).error();
  unsigned index = 0;
  auto listed = for_each_address(*socket, [&](rtnl_addr* address) {
    if (address_of(address) == wanted) index = static_cast<unsigned>(rtnl_addr_get_ifindex(address));
  });
  if (!listed) return std::move(listed).error();
  std::array<char, IF_NAMESIZE> name{};
  if (index != 0 && ::if_indextoname(index, name.data()) != nullptr)
    return {boost::system::in_place_value, name.data()};
  return Error{.what = wanted.to_string() + " is on no interface", .way_out = "relais doctor says how to put it there"};
}

}  // namespace relais::netfilter
