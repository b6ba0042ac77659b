// What the daemon knows, as the control API says it. Pure functions: core state in, API values out.
#pragma once

#include "base/address.h"
#include "base/siphash.h"
#include "base/time.h"
#include "daemon/config/cluster.h"
#include "daemon/control/api.h"
#include "ha/core/action.h"
#include "ha/core/state.h"
#include "ha/corosync/link_watch.h"

#include <cstdint>
#include <string>
#include <vector>

namespace relais::node {

// What the status says beyond the core's state.
struct Surroundings {
  std::string version;
  std::string corosync;  // see control::Status::corosync
  std::string arbiter;   // see control::Status::arbiter
  control::DataPlaneStatus data_plane;
  control::UpgradeStatus upgrade;
  std::vector<corosync::PeerLink> dead_links;  // see control::NodeStatus::dead_links
};

control::Status make_status(const ha::State& state, const config::Cluster& config, const Surroundings& surroundings,
                            Instant now);

// Which node answers `client`, per VIP of its family. Certain only while this node has a lease: Who::current.
control::Who make_who(const ha::State& state, const config::Cluster& config, const SipKey& key, const IpAddress& client,
                      Instant now);

control::EventRecord make_event(const ha::Report& report, std::int64_t wall_ms);
control::ReceiptRecord make_receipt(const ha::Receipt& receipt, std::int64_t wall_ms);

// A node's name; "nobody" for kNoNode.
std::string name_of(const config::Cluster& config, NodeId node);
std::string_view to_string(ha::Role role);
std::string_view to_string(ha::Severity severity);
std::string_view to_string(ha::MovePhase phase);

}  // namespace relais::node
