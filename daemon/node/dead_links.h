// The heartbeat links that are dead, from many looks: what the status shows, and what is said in the log.
#pragma once

#include "base/ids.h"
#include "ha/core/action.h"
#include "ha/corosync/link_watch.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace relais::node {

class DeadLinks {
 public:
  // `links`: how many every node has; `name` gives a node's.
  DeadLinks(std::size_t links, std::function<std::string(NodeId)> name) : links_(links), name_(std::move(name)) {}

  // `dead`: of one look; `in_ring`: the nodes of the view. Returns what to say: a link that is dead in two looks while
  // its node is in the ring, so not at a node's death or return, and one that was told so and is back.
  std::vector<ha::Report> look(const std::vector<corosync::PeerLink>& dead, NodeSet in_ring);

  // Of the last look, in order.
  const std::vector<corosync::PeerLink>& all() const { return dead_; }

 private:
  enum class Told : std::uint8_t { no, yes };
  ha::Report lost(const corosync::PeerLink& link) const;
  ha::Report back(const corosync::PeerLink& link) const;

  std::size_t links_;
  std::function<std::string(NodeId)> name_;
  std::vector<corosync::PeerLink> dead_;
  std::map<corosync::PeerLink, Told> missed_;  // dead while its node was in the ring
};

}  // namespace relais::node
