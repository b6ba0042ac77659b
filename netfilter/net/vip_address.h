// Addresses on interfaces. VIPs: /32 and /128, without duplicate address detection (every node has the same address),
// and for IPv6 deprecated, so that the node itself never picks a VIP as the source of what it sends outward.
#pragma once

#include "base/address.h"
#include "base/ids.h"
#include "base/result.h"

#include <string>
#include <vector>

namespace relais::netfilter {

enum class AddressChange : std::uint8_t { none, added };

// There already: fine; one that failed duplicate address detection is put right. The interface must be up for IPv6.
// The kernel answers for a new IPv6 address only a moment later (a work queue installs its local route): milliseconds,
// more on a busy machine.
Result<AddressChange> add_vip_address(IfIndex interface, const IpAddress& address);

// Not there: fine.
Result<> remove_vip_address(IfIndex interface, const IpAddress& address);

// All addresses of the interface, of any prefix length.
Result<std::vector<IpAddress>> list_addresses(IfIndex interface);

// The name of the interface that has this address (not its label). Error: none has.
Result<std::string> interface_with(const IpAddress& address);

}  // namespace relais::netfilter
