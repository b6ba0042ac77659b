// The node as the control API and the metrics see it.
#include "base/clock.h"
#include "daemon/config/print.h"
#include "daemon/node/node.h"
#include "daemon/node/view.h"
#include "ha/core/assign.h"

#include <algorithm>

namespace relais::node {

namespace {

const Error kNotMember{.what = "this node is not a member of the cluster now, so nobody would hear the order",
                       .way_out = "see `relais status` for the reason, or give the order on a node that is a member"};

const Error kNoLease{.what = "this node has no lease now, so the cluster may not hear it",
                     .way_out = "see `relais events` for the reason, or give the order on another node"};

Result<std::vector<VipId>> vips_of(const config::Cluster& config, const control::Order& order) {
  std::vector<VipId> vips;
  if (order.vip) {
    const std::optional<VipId> vip = config::find_vip(config, *order.vip);
    if (!vip)
      return Error{.what = "no VIP is called \"" + *order.vip + "\"", .way_out = "see `relais status` for their names"};
    return std::vector{*vip};
  }
  for (std::size_t i = 0; i < config.vips.size(); ++i) vips.emplace_back(static_cast<std::uint8_t>(i));
  return vips;
}

}  // namespace

std::string Node::corosync_status() const {
  const corosync::ProcessStatus process = corosync_->status();
  std::string text(corosync::to_string(process.phase));
  if (!process.last_error.empty() && process.phase != corosync::ProcessPhase::running)
    text += ": " + process.last_error;
  return text;
}

std::string Node::arbiter_status() const { return arbiter_ ? arbiter_->status().text : ""; }

control::DataPlaneStatus Node::data_plane_status() const {
  control::DataPlaneStatus status{.mode = std::string(netfilter::to_string(data_plane_.mode())),
                                  .why = data_plane_.why(),
                                  .interface = self_.interface,
                                  .verdicts = {},
                                  .hold = hold_ ? hold_->counters() : std::map<std::string, std::uint64_t>{},
                                  .held_now = hold_ ? hold_->size() : 0};
  const Result<netfilter::Counters> counters = data_plane_.counters();
  if (counters.has_error()) return status;
  for (const auto& [name, count] : counters->verdicts) status.verdicts[std::string(name)] = count;
  return status;
}

control::Status Node::status() {
  return make_status(driver_.state(), config_,
                     {.version = RELAIS_VERSION,
                      .corosync = corosync_status(),
                      .arbiter = arbiter_status(),
                      .data_plane = data_plane_status(),
                      .upgrade = upgrade_status(),
                      .dead_links = dead_links_.all()},
                     boot_now());
}

control::Who Node::who(const IpAddress& client) { return make_who(driver_.state(), config_, key_, client, boot_now()); }

control::EventList Node::events_after(std::uint64_t id, std::string_view run) { return log_.events_after(id, run); }

control::ReceiptList Node::receipts() { return log_.receipts(); }

std::string Node::configuration() { return config::print(config_); }

control::Version Node::version() { return {.version = RELAIS_VERSION}; }

Result<void> Node::carry_out(control::OrderKind kind, const control::Order& order) {
  const ha::State& state = driver_.state();
  if (state.role != ha::Role::member) return kNotMember;
  if (state.lease_until <= boot_now()) return kNoLease;
  const config::Node* node = config::find_node(config_, order.node);
  if (node == nullptr) {
    return Error{.what = "no node is called \"" + order.node + "\"", .way_out = "see `relais status` for their names"};
  }
  switch (kind) {
    case control::OrderKind::drain:
      if (ha::is_last_in_service(state.cluster, node->id)) {
        return Error{.what = node->name + " is the last node in service: nobody could take its clients",
                     .way_out = "resume or start another node, or give one a weight, first"};
      }
      driver_.feed(ha::Ordered{ha::SetDrained{.node = node->id, .drained = true}});
      return {};
    case control::OrderKind::resume:
      driver_.feed(ha::Ordered{ha::SetDrained{.node = node->id, .drained = false}});
      return {};
    case control::OrderKind::weight: break;
  }
  const Result<std::vector<VipId>> vips = vips_of(config_, order);
  if (vips.has_error()) return vips.error();
  for (const VipId vip : *vips) {
    driver_.feed(ha::Ordered{ha::SetWeight{.node = node->id, .vip = vip, .weight = order.weight.value_or(0)}});
  }
  return {};
}

metrics::MetricsInput Node::metrics_input() {
  const ha::State& state = driver_.state();
  const control::DataPlaneStatus plane = data_plane_status();
  const corosync::LinkStatus ring = ring_ ? ring_->status() : corosync::LinkStatus{};
  metrics::MetricsInput input{
      .version = RELAIS_VERSION,
      .cluster = config_.name,
      .node = self_.name,
      .member = state.role == ha::Role::member ? metrics::Answer::yes : metrics::Answer::no,
      .quorate = state.view.quorate ? metrics::Answer::yes : metrics::Answer::no,
      .lease_left = std::max(Duration::zero(), state.lease_until - boot_now()),
      .verdicts = plane.verdicts,
      .hold = plane.hold,
      .held_now = plane.held_now,
      .moves_by_cause = log_.moves_by_cause(),
      .last_takeover = last_takeover_,
      .heartbeats_sent = heartbeats_sent_,
      .heartbeats_delivered = heartbeats_delivered_,
      .ring_messages = ring.messages_in,
      .undecodable_messages = ring.undecodable,
      .front_lost = state.front_lost_since != Instant{} ? metrics::Answer::yes : metrics::Answer::no,
      .clients_tickled = clients_tickled_,
      .clients_in_book = client_book_.size(),
      .clients_dropped = client_book_.dropped(),
      .client_list_gaps = client_book_.gaps(),
      .clients_unlisted = clients_unlisted_,
      .events_by_severity = log_.events_by_severity(),
      .corosync_restarts = std::max<std::uint64_t>(corosync_->status().starts, 1) - 1};
  for (const auto& [node, record] : state.cluster.nodes) {
    const bool differs = state.cluster.members.contains(node) && record.config_hash != state.settings.config_hash;
    if (differs) ++input.nodes_with_other_configuration;
  }
  for (const config::Node& node : config_.nodes) {
    if (node.id != self_.id) input.heard_on_links[node.name].assign(node.links.size(), metrics::Answer::yes);
  }
  for (const corosync::PeerLink& link : dead_links_.all())
    input.heard_on_links[name_of(config_, link.peer)][link.link] = metrics::Answer::no;
  for (std::size_t i = 0; i < config_.vips.size(); ++i) {
    metrics::VipMetrics vip{.vip = config_.vips[i].name, .buckets_by_state = {}};
    for (const BucketState local : state.applied[i]) ++vip.buckets_by_state[std::string(to_string(local))];
    for (const std::uint32_t count : state.flows[i]) vip.connections += count;
    input.vips.push_back(std::move(vip));
  }
  return input;
}

}  // namespace relais::node
