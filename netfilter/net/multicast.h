// The NIC's multicast filter: without an entry for the cluster MAC a real NIC does not deliver the frames at all.
#pragma once

#include "base/address.h"
#include "base/ids.h"
#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace relais::netfilter {

// The entry outlives the process, as the programs do. There already: fine.
Result<> add_multicast_mac(const std::string& interface, const MacAddress& mac);

// Not there: fine.
Result<> remove_multicast_mac(const std::string& interface, const MacAddress& mac);

// What the interface is set to receive.
Result<std::vector<MacAddress>> list_multicast_macs(IfIndex interface);

// The entries of one interface in the text of /proc/net/dev_mcast: index, name, users, global users, address in hex.
// Pure.
std::vector<MacAddress> parse_multicast_table(std::string_view text, IfIndex interface);

}  // namespace relais::netfilter
