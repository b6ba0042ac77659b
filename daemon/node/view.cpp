// Core state -> API values.
#include "daemon/node/view.h"

#include "daemon/config/print.h"
#include "ha/core/assign.h"

#include <algorithm>

namespace relais::node {

namespace {

std::vector<std::uint32_t> ids_of(NodeSet nodes) {
  std::vector<std::uint32_t> ids;
  for (const NodeId node : nodes) ids.push_back(node.value());
  return ids;
}

std::int64_t heard_ms_ago(const ha::State& state, NodeId node, Instant now) {
  if (node == state.settings.self) return state.role == ha::Role::member ? 0 : -1;
  const auto heard = state.heard.find(node);
  return heard == state.heard.end() ? -1 : to_ms(now - heard->second.at);
}

std::uint32_t total_flows(const ha::State& state) {
  std::uint32_t total = 0;
  for (const auto& vip : state.flows) {
    for (const std::uint32_t count : vip) total += count;
  }
  return total;
}

control::NodeStatus make_node(const ha::State& state, const config::Node& node, Instant now) {
  const bool is_self = node.id == state.settings.self;
  control::NodeStatus status{.id = node.id.value(), .name = node.name, .self = is_self};
  status.in_ring = state.view.members.contains(node.id);
  status.member = state.role == ha::Role::member && state.cluster.members.contains(node.id);
  status.heard_ms_ago = heard_ms_ago(state, node.id, now);
  const auto record = state.cluster.nodes.find(node.id);
  if (record == state.cluster.nodes.end()) return status;
  status.drained = record->second.drained;
  status.retiring = record->second.retiring;
  status.front = std::string(to_string(is_self ? state.front : record->second.front));
  status.front_lost = record->second.front_lost;
  status.upgrading = record->second.presence != ha::Presence::here;
  status.grace = record->second.grace;
  status.config_differs = status.member && record->second.config_hash != state.settings.config_hash;
  status.connections = is_self ? total_flows(state) : record->second.connections;
  return status;
}

std::vector<control::ShareStatus> make_shares(const ha::State& state, const config::Cluster& config, VipId vip) {
  std::vector<control::ShareStatus> shares;
  for (const config::Node& node : config.nodes) {
    control::ShareStatus share{.node = node.id.value()};
    if (const auto record = state.cluster.nodes.find(node.id); record != state.cluster.nodes.end())
      share.weight = ha::ordered_weight(record->second, vip);
    for (const ha::Bucket& bucket : state.cluster.vips[vip.value()]) {
      if (bucket.owner == node.id) ++share.buckets;
      if (bucket.leftovers.contains(node.id)) ++share.leftover_buckets;
    }
    shares.push_back(share);
  }
  return shares;
}

control::VipStatus make_vip(const ha::State& state, const config::Cluster& config, VipId id) {
  const config::Vip& vip = config.vips[id.value()];
  control::VipStatus status{.name = vip.name, .address = vip.address.to_string(), .mac = vip.mac.to_string()};
  for (const std::uint32_t count : state.flows[id.value()]) status.connections += count;
  for (const BucketState local : state.applied[id.value()]) status.local_states.emplace_back(to_string(local));
  if (id.value() >= state.cluster.vips.size()) return status;
  status.shares = make_shares(state, config, id);
  for (const ha::Bucket& bucket : state.cluster.vips[id.value()]) {
    status.buckets.push_back({.owner = bucket.owner.value(),
                              .standby = bucket.standby.value(),
                              .moving = bucket.move != Epoch{},
                              .leftovers = ids_of(bucket.leftovers)});
  }
  return status;
}

// A join takes one hello or a few; one that is refused is repeated for ever.
std::string why_still_joining(const ha::State& state, Instant now) {
  const std::string text = "waiting for the cluster state from the members";
  const Duration waiting = now - state.view_since;
  if (waiting < 5 * state.settings.timing.hello_retry) return text;
  return text + " for " + std::to_string(std::chrono::duration_cast<std::chrono::seconds>(waiting).count()) +
         " s: relais events on one of them says why (join-refused, config-differs)";
}

std::string why_not_member(const ha::State& state, const config::Cluster& config, Instant now) {
  switch (state.role) {
    case ha::Role::member: return {};
    case ha::Role::stopping: return "relaisd is stopping";
    case ha::Role::joining: return why_still_joining(state, now);
    case ha::Role::outside: break;
  }
  if (state.view.members.empty()) return "no connection to Corosync's ring yet";
  if (config.two_node == config::TwoNode::both) {
    return "no quorum: after a start Corosync waits until it has seen the other node once; if that will not come, "
           "corosync-cmapctl -s quorum.cancel_wait_for_all u8 1 ends the waiting";
  }
  return "no quorum: " + std::to_string(state.view.quorum) + " of " + std::to_string(state.view.expected) +
         " votes needed; see whether the other nodes run, the heartbeat links are up, and all nodes have the same "
         "cluster key";
}

bool has_lease(const ha::State& state, Instant now) {
  return state.role == ha::Role::member && state.lease_until > now;
}

std::string explain(const ha::State& state, const config::Cluster& config, const ha::Bucket& bucket, Instant now) {
  if (!has_lease(state, now)) {
    return name_of(config, state.settings.self) +
           (state.role == ha::Role::member ? " has no lease" : " is not a member of the cluster") +
           " now; this is what it knew last";
  }
  const std::string owner = name_of(config, bucket.owner);
  if (bucket.owner == kNoNode) return "nobody owns the bucket yet";
  if (bucket.move != Epoch{}) {
    const ha::Move& move = state.cluster.moves.at(bucket.move);
    const std::string cause(to_string(move.cause));
    if (move.phase == ha::MovePhase::claiming) {
      return owner + " takes the bucket over (" + cause + ") as soon as nobody else can hold a lease";
    }
    return owner + " owns the bucket and is handing it to " + name_of(config, move.to) + " (" + cause + ")";
  }
  std::string text = owner + " owns the bucket";
  if (bucket.leftovers.empty()) return text;
  text += "; older connections may still be answered by";
  for (const NodeId node : bucket.leftovers) text += " " + name_of(config, node);
  return text;
}

}  // namespace

std::string name_of(const config::Cluster& config, NodeId node) {
  const config::Node* found = config::find_node(config, node);
  if (found != nullptr) return found->name;
  return node == kNoNode ? "nobody" : "node " + std::to_string(node.value());
}

std::string_view to_string(ha::Role role) {
  switch (role) {
    case ha::Role::outside: return "outside";
    case ha::Role::joining: return "joining";
    case ha::Role::member: return "member";
    case ha::Role::stopping: return "stopping";
  }
  return "?";
}

std::string_view to_string(ha::Severity severity) {
  switch (severity) {
    case ha::Severity::info: return "info";
    case ha::Severity::warning: return "warning";
    case ha::Severity::error: return "error";
  }
  return "?";
}

std::string_view to_string(ha::MovePhase phase) {
  switch (phase) {
    case ha::MovePhase::planned: return "planned";
    case ha::MovePhase::holding: return "holding";
    case ha::MovePhase::claiming: return "claiming";
  }
  return "?";
}

control::Status make_status(const ha::State& state, const config::Cluster& config, const Surroundings& surroundings,
                            Instant now) {
  const ha::Timing& timing = state.settings.timing;
  control::Status status{.cluster = config.name,
                         .version = surroundings.version,
                         .self = state.settings.self.value(),
                         .role = std::string(to_string(state.role)),
                         .why = why_not_member(state, config, now),
                         .quorate = state.view.quorate,
                         .votes = static_cast<std::uint32_t>(state.view.members.size()),
                         .quorum = state.view.quorum,
                         .expected_votes = state.view.expected};
  if (state.view.expected == 0) {  // no ring yet: as Corosync will count
    status.expected_votes = static_cast<std::uint32_t>(config.nodes.size() + (config.arbiter ? 1 : 0));
    status.quorum = config.two_node == config::TwoNode::both ? 1 : status.expected_votes / 2 + 1;
  }
  if (surroundings.arbiter == "connected" && status.votes < status.quorum && status.quorate) ++status.votes;
  status.lease_left_ms = std::max<std::int64_t>(0, to_ms(state.lease_until - now));
  status.lease_ms = to_ms(timing.lease);
  status.token_ms = to_ms(timing.token);
  status.detection_ms = to_ms(timing.detection);
  status.timing_preset = std::string(config::to_string(config.timing.preset));
  status.epoch = state.cluster.epoch.value();
  status.config_hash = config::hash_text(state.settings.config_hash);
  status.two_node = std::string(config::to_string(config.two_node));
  status.corosync = surroundings.corosync;
  status.arbiter = surroundings.arbiter;
  status.data_plane = surroundings.data_plane;
  status.upgrade = surroundings.upgrade;
  for (const config::Node& node : config.nodes) {
    status.nodes.push_back(make_node(state, node, now));
    for (const corosync::PeerLink& link : surroundings.dead_links) {
      if (link.peer == node.id) status.nodes.back().dead_links.push_back(link.link);
    }
  }
  for (std::size_t i = 0; i < config.vips.size(); ++i) {
    status.vips.push_back(make_vip(state, config, VipId(static_cast<std::uint8_t>(i))));
  }
  for (const auto& [epoch, move] : state.cluster.moves) {
    status.moves.push_back({.epoch = epoch.value(),
                            .from = move.from.value(),
                            .to = move.to.value(),
                            .cause = std::string(to_string(move.cause)),
                            .phase = std::string(to_string(move.phase)),
                            .buckets = move.buckets});
  }
  return status;
}

control::Who make_who(const ha::State& state, const config::Cluster& config, const SipKey& key, const IpAddress& client,
                      Instant now) {
  const BucketId id = bucket_of(key, client);
  control::Who who{.address = client.to_string(), .bucket = id.value(), .current = has_lease(state, now), .vips = {}};
  for (std::size_t i = 0; i < config.vips.size() && i < state.cluster.vips.size(); ++i) {
    const config::Vip& vip = config.vips[i];
    if (vip.address.family() != client.family()) continue;
    const ha::Bucket& bucket = state.cluster.vips[i][id.value()];
    who.vips.push_back({.vip = vip.name,
                        .address = vip.address.to_string(),
                        .owner = bucket.owner.value(),
                        .owner_name = name_of(config, bucket.owner),
                        .standby = bucket.standby.value(),
                        .standby_name = name_of(config, bucket.standby),
                        .leftovers = ids_of(bucket.leftovers),
                        .moving = bucket.move != Epoch{},
                        .why = explain(state, config, bucket, now)});
  }
  return who;
}

control::EventRecord make_event(const ha::Report& report, std::int64_t wall_ms) {
  return {.time_ms = wall_ms,
          .severity = std::string(to_string(report.severity)),
          .kind = report.kind,
          .node = report.node.value(),
          .text = report.text};
}

control::ReceiptRecord make_receipt(const ha::Receipt& receipt, std::int64_t wall_ms) {
  return {.epoch = receipt.epoch.value(),
          .time_ms = wall_ms,
          .from = receipt.from.value(),
          .to = receipt.to.value(),
          .cause = std::string(to_string(receipt.cause)),
          .buckets = receipt.buckets,
          .detect_ms = static_cast<double>(receipt.detect_us) / 1000.0,
          .takeover_ms = static_cast<double>(receipt.takeover_us) / 1000.0,
          .flows_kept = receipt.flows_kept,
          .flows_lost = receipt.flows_lost,
          .abandoned = receipt.abandoned};
}

}  // namespace relais::node
