// Remembers what was told: see dead_links.h.
#include "daemon/node/dead_links.h"

#include <algorithm>
#include <utility>

namespace relais::node {

std::vector<ha::Report> DeadLinks::look(const std::vector<corosync::PeerLink>& dead, NodeSet in_ring) {
  dead_ = dead;
  std::ranges::sort(dead_);
  std::vector<ha::Report> said;
  std::map<corosync::PeerLink, Told> missed;
  for (const corosync::PeerLink& link : dead_) {
    if (!in_ring.contains(link.peer)) continue;
    const auto before = missed_.find(link);
    if (before != missed_.end() && before->second == Told::no) said.push_back(lost(link));
    missed[link] = before == missed_.end() ? Told::no : Told::yes;
  }
  for (const auto& [link, told] : missed_) {
    if (told == Told::yes && in_ring.contains(link.peer) && !missed.contains(link)) said.push_back(back(link));
  }
  missed_ = std::move(missed);
  return said;
}

ha::Report DeadLinks::lost(const corosync::PeerLink& link) const {
  const std::string name = name_(link.peer);
  const auto dead = std::ranges::count(dead_, link.peer, &corosync::PeerLink::peer);
  if (static_cast<std::size_t>(dead) < links_) {
    return {.severity = ha::Severity::warning,
            .kind = "link-lost",
            .node = link.peer,
            .text = "nothing is heard from " + name + " over heartbeat link " + std::to_string(link.link) +
                    ": mend it before the other one fails, too (cable, switch port; relais doctor on both nodes)"};
  }
  return {.severity = ha::Severity::error,
          .kind = "link-lost",
          .node = link.peer,
          .text = "nothing is heard from " + name + " over any heartbeat link, but others hear it: the ring falls " +
                  "apart, and nobody has a lease, until a link is back or one of the two nodes is cut off whole"};
}

ha::Report DeadLinks::back(const corosync::PeerLink& link) const {
  return {.severity = ha::Severity::info,
          .kind = "link-back",
          .node = link.peer,
          .text = name_(link.peer) + " is heard over heartbeat link " + std::to_string(link.link) + " again"};
}

}  // namespace relais::node
