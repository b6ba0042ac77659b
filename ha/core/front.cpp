// Who is cut off from the clients. A node whose front is dead while its heartbeats live would answer its share with
// silence, so it says how its front is, and the others serve in its place: an ordinary handover, since it is there to
// take part. What counts is the comparison: a gateway that nobody sees is itself dead, and giving up buckets for that
// would help nobody. Nodes notice the death (or return) of a gateway at different moments; `doubtful`, which every node
// passes on its way in both directions, gives the others the time to say the same before anybody is judged.
#include "ha/core/machine.h"

#include <algorithm>

namespace relais::ha {

namespace {

// A front that was lost is trusted again when it has been well for so long: a flapping cable must not move buckets.
constexpr Duration kWellFor = std::chrono::seconds(3);

// What the members in service know together.
struct Outlook {
  bool gateway_is_seen = false;
  bool carrier_is_seen = false;
};

Outlook outlook_of(const Cluster& cluster) {
  Outlook outlook;
  for (const NodeId node : cluster.members) {
    const NodeRecord& record = cluster.nodes.at(node);
    if (record.retiring) continue;
    outlook.gateway_is_seen = outlook.gateway_is_seen || record.front == Front::well;
    outlook.carrier_is_seen = outlook.carrier_is_seen || record.front != Front::no_carrier;
  }
  return outlook;
}

bool is_lost(const NodeRecord& record, const Outlook& outlook) {
  switch (record.front) {
    case Front::well: return false;
    case Front::doubtful: return record.front_lost && outlook.gateway_is_seen;
    case Front::no_gateway: return outlook.gateway_is_seen;
    case Front::no_carrier: return outlook.carrier_is_seen;
  }
  return false;
}

}  // namespace

void Machine::on_front(const FrontObserved& observed) {
  if (observed.front == Front::well && state.front != Front::well) state.front_well_since = now;
  if (observed.front != state.front && std::max(observed.front, state.front) > Front::doubtful) drop_what_is_held();
  state.front = observed.front;
}

// Whether their clients have gone on, this node has not seen.
void Machine::drop_what_is_held() {
  std::vector<BucketSet> all(vip_count());
  for (BucketSet& buckets : all) buckets.set();
  actions.emplace_back(DecideHeld{.buckets = std::move(all), .decision = HeldDecision::drop});
}

void Machine::say_front_if_due() {
  if (!is_member()) return;
  const NodeRecord& record = cluster().nodes.at(self());
  const bool waits = record.front_lost && state.front == Front::well && now < state.front_well_since + kWellFor;
  if (waits || state.front == state.front_said.value_or(record.front)) return;
  state.front_said = state.front;
  multicast(FrontHealth{state.front});
}

void Machine::apply_front(NodeId from, const FrontHealth& said) {
  if (!cluster().members.contains(from)) return;
  NodeRecord& record = cluster().nodes.at(from);
  if (record.front == said.front) return;
  record.front = said.front;
  advance_epoch();
  const bool has_changed = apply_front_review();
  if (said.front > Front::doubtful && !record.front_lost) {
    report(Severity::warning, "front-blind", from,
           name(from) + " has " + std::string(to_string(said.front)) +
               " on its front, and no other node has more: serving goes on");
  }
  if (has_changed) apply_plan(record.front_lost ? Cause::front_lost : Cause::front_back);
}

bool Machine::apply_front_review() {
  const Outlook outlook = outlook_of(cluster());
  bool has_changed = false;
  for (const NodeId node : cluster().members) {
    NodeRecord& record = cluster().nodes.at(node);
    const bool lost = is_lost(record, outlook);
    if (lost == record.front_lost) continue;
    record.front_lost = lost;
    has_changed = true;
    if (node == self()) state.front_lost_since = lost ? now : Instant{};
    report(lost ? Severity::error : Severity::info, lost ? "front-lost" : "front-back", node,
           name(node) +
               (lost ? " has " + std::string(to_string(record.front)) + " on its front: the others take its share over"
                     : " is served by its front again"));
  }
  return has_changed;
}

}  // namespace relais::ha
