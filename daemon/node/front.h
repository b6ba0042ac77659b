// The front of this node: its interface, the data plane on it, the VIPs' addresses and the cluster MACs in the NIC's
// filter.
#pragma once

#include "base/result.h"
#include "base/siphash.h"
#include "base/unique_fd.h"
#include "daemon/config/cluster.h"
#include "netfilter/hold/queue_rule.h"
#include "netfilter/loader/data_plane.h"

#include <optional>
#include <string>
#include <vector>

namespace relais::node {

// Where the data plane of an interface is pinned.
std::string pin_directory_of(const std::string& interface);

// One relaisd for an interface, whatever sockets and configurations it was given: whoever holds the lock may touch the
// data plane. Held as long as the descriptor is open. Error: another one has it.
Result<UniqueFd> lock_front(const config::Node& self);

// Requires the lock. Attaches the data plane first and puts the addresses on the interface then, so that the stack
// never answers for a VIP unguarded. VIPs of a former configuration are taken off before. Nothing is answered until a
// lease is set.
Result<netfilter::DataPlane> open_front(const config::Cluster& config, const config::Node& self, const SipKey& key);

// Requires the lock. For a relaisd that replaces another: the data plane, its states and its lease stay as they are.
// On error nothing has changed, and open_front() may follow.
Result<netfilter::DataPlane> resume_front(const config::Cluster& config, const config::Node& self, const SipKey& key);

// The rule of the SYN hold on the front interface. One queue per interface, so that nodes of two clusters on one
// machine do not take each other's packets.
Result<netfilter::QueueRule> hold_rule(const config::Node& self);

struct FrontCheck {
  std::vector<IpAddress> put_back;  // VIPs that somebody had taken off the interface
  std::optional<Error> unguarded;   // a program is gone: the VIPs were taken off, a new start puts all back
  std::optional<Error> trouble;     // an address could not be changed, or the programs not be looked at
  std::optional<std::vector<IpAddress>> gateways;  // of the default routes, if they could be read
  Result<> neighbours;  // whether the heartbeat links keep theirs; somebody may have made an interface anew
};

// Requires the lock. To be called now and then while the data plane, attached in `mode`, serves: sees whether what
// open_front() put there still is, and looks after the heartbeat links' interfaces, too. May take long (the kernel's
// network lock): not for the thread of the lease.
FrontCheck mend_front(const config::Cluster& config, const config::Node& self, netfilter::AttachMode mode);

// Requires the lock. Takes addresses, filter entries, programs and pins off again: this machine is no node any more. In
// that order.
Result<void> remove_front(const config::Cluster& config, const config::Node& self);

}  // namespace relais::node
