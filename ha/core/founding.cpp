// How a cluster begins, and begins anew when nobody is a member any more: of the nodes in a quorate view one proposes
// the last known state, and at the proposal's place in the ordered stream those that it names are members.
#include "ha/core/machine.h"

#include <algorithm>

namespace relais::ha {

namespace {

// The founder's proposal: the last known state if there is one (who is drained, who owned what), weights as configured.
Cluster founding_cluster(const State& state) {
  Cluster cluster = state.cluster;
  cluster.members = NodeSet{};
  cluster.moves.clear();
  cluster.vips.resize(state.settings.vips);
  for (BucketTable& table : cluster.vips) {
    for (Bucket& bucket : table) {
      bucket.move = Epoch{};
      bucket.leftovers = NodeSet{};
    }
  }
  std::map<NodeId, NodeRecord> nodes;
  for (const auto& [node, weights] : state.settings.weights) {
    const auto known = cluster.nodes.find(node);
    nodes[node] = NodeRecord{.drained = known != cluster.nodes.end() && known->second.drained, .weights = weights};
  }
  cluster.nodes = std::move(nodes);
  return cluster;
}

// By its last hello in this view, if there is one.
bool has_no_lease(const State& state, NodeId node) {
  const auto hello = state.hellos.find(node);
  return hello != state.hellos.end() && hello->second.resumes == 0;
}

// Who proposes, equal on all nodes of the view whatever their configuration is: of the largest number of nodes that are
// alike, the one with the best known state, then the lowest id. Not who has a lease (it will give it up, or be the same
// member again). kNoNode if there is nobody.
NodeId founder(const std::map<NodeId, Hello>& hellos) {
  std::map<std::uint64_t, std::size_t> alike;
  for (const auto& [node, hello] : hellos) {
    if (hello.resumes == 0) ++alike[hello.common_hash];
  }
  NodeId best = kNoNode;
  const auto rank = [&](const Hello& hello) { return std::pair(alike.at(hello.common_hash), hello.epoch); };
  for (const auto& [node, hello] : hellos) {
    if (hello.resumes != 0) continue;
    if (best == kNoNode || rank(hello) > rank(hellos.at(best))) best = node;
  }
  return best;
}

}  // namespace

bool is_alike(const State& state, const Hello& hello) {
  const std::size_t vips = state.settings.vips;
  return hello.common_hash == state.settings.common_hash && hello.leftovers.size() == vips &&
         hello.weights.size() == vips;
}

void Machine::form_if_due() {
  if (state.role != Role::joining || !state.members_heard.empty() || now < state.next_founding_at) return;
  if (founder(state.hellos) != self()) return;
  const bool all_said_hello =
      std::ranges::all_of(state.view.members, [&](NodeId node) { return state.hellos.contains(node); });
  if (!all_said_hello && now < state.view_since + 3 * state.settings.timing.hello_retry) return;
  NodeSet members;
  for (const auto& [node, hello] : state.hellos) {
    if (is_alike(state, hello) && hello.resumes == 0) members.insert(node);
  }
  state.next_founding_at = now + state.settings.timing.hello_retry;
  multicast(Snapshot{.for_node = kNoNode, .forming = members, .cluster = founding_cluster(state)});
}

// At the founding's place in the stream everybody decides alike. A member that has been silent in this view (frozen)
// yields: what it still holds is over before the founders claim, and it cannot renew, because who has seen the founding
// does not acknowledge.
void Machine::on_founding(const Snapshot& snapshot) {
  const bool counts = state.members_heard.empty() && !snapshot.forming.empty() &&
                      (snapshot.forming - state.view.members).empty() &&
                      std::ranges::all_of(snapshot.forming, [&](NodeId node) { return has_no_lease(state, node); });
  if (!counts) return;
  state.members_heard = snapshot.forming;
  if (state.resumes != 0) abandon_resumption("the others have founded the cluster anew");
  if (is_member()) {
    report(Severity::warning, "yielded", self(), "the others have founded the cluster anew: asking them for the state");
    become_joining();
  }
  if (state.role != Role::joining) return;
  state.next_hello_at = now;
  const bool takes_part =
      snapshot.forming.contains(self()) && is_sound(snapshot.cluster, vip_count()) &&
      std::ranges::all_of(snapshot.forming, [&](NodeId node) { return is_alike(state, state.hellos.at(node)); });
  if (takes_part) return install_founding(snapshot);
  report(
      Severity::error, "not-in-founding", self(),
      "a cluster was founded without this node: asking to join; see whether its configuration is that of the others");
}

void Machine::install_founding(const Snapshot& snapshot) {
  cluster() = snapshot.cluster;
  advance_epoch();
  for (const NodeId node : snapshot.forming) apply_member(node, state.hellos.at(node));
  apply_unsureness(snapshot.forming);
  apply_founding_plan();
  for (const NodeId node : snapshot.forming)
    apply_leftovers(node, state.hellos.at(node));  // the plan says what is left over
  state.took_over_at = now;                        // of what is held, somebody may have answered the first in the end
  begin_membership();
}

// What the founders know or cannot know of announced leases holds for all that do not take part. An announced lease was
// noted by half of the nodes: fewer founders than that may not know of any that did. (A ring can be quorate with fewer
// daemons than votes.)
void Machine::apply_unsureness(NodeSet founders) {
  const bool one_has_noted = founders.size() >= state.settings.weights.size() - half_of_nodes(state);
  auto longest_ms = one_has_noted ? std::uint32_t{0} : static_cast<std::uint32_t>(to_ms(state.settings.timing.upgrade));
  for (const NodeId node : founders) longest_ms = std::max(longest_ms, state.hellos.at(node).unsure_ms);
  for (auto& [node, record] : cluster().nodes) {
    if (!founders.contains(node)) record.long_lease_ms = longest_ms;
  }
}

}  // namespace relais::ha
