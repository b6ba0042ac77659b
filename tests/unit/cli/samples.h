// A cluster of three nodes as `relais status` may meet it.
#pragma once

#include "daemon/control/api.h"

namespace relais::cli {

// n1 (here), n2 and n3 in service, one VIP, its buckets in turn; nothing moves.
inline control::Status calm_cluster() {
  control::Status status{.cluster = "mail",
                         .version = "0.1.0",
                         .self = 1,
                         .role = "member",
                         .quorate = true,
                         .votes = 3,
                         .quorum = 2,
                         .expected_votes = 3,
                         .lease_left_ms = 412,
                         .lease_ms = 515,
                         .token_ms = 200,
                         .detection_ms = 440,
                         .timing_preset = "normal",
                         .epoch = 17,
                         .config_hash = "627db955e3f1ae8e",
                         .two_node = "none",
                         .corosync = "running"};
  for (std::uint32_t id = 1; id <= 3; ++id) {
    status.nodes.push_back({.id = id,
                            .name = "n" + std::to_string(id),
                            .self = id == 1,
                            .in_ring = true,
                            .member = true,
                            .connections = 10 * id,
                            .heard_ms_ago = 7});
  }
  control::VipStatus vip{.name = "mail4", .address = "198.51.100.100", .mac = "03:00:5e:11:11:11", .connections = 10};
  vip.shares = {{.node = 1, .weight = 1, .buckets = 86},
                {.node = 2, .weight = 1, .buckets = 85},
                {.node = 3, .weight = 1, .buckets = 85}};
  for (std::uint32_t bucket = 0; bucket < 256; ++bucket) {
    const std::uint32_t owner = bucket % 3 + 1;
    vip.buckets.push_back({.owner = owner, .standby = owner % 3 + 1});
    vip.local_states.emplace_back(owner == 1 ? "serve" : "foreign");
  }
  status.vips.push_back(vip);
  status.data_plane = {.mode = "xdp-native", .interface = "eth0"};
  return status;
}

// The same while n3 is drained: some buckets move, some have moved and left connections behind; n2 is gone.
inline control::Status busy_cluster() {
  control::Status status = calm_cluster();
  status.nodes[1].in_ring = false;
  status.nodes[1].member = false;
  status.nodes[1].heard_ms_ago = 9000;
  status.nodes[2].drained = true;
  status.nodes[2].config_differs = true;
  status.votes = 2;
  status.moves = {{.epoch = 18, .from = 3, .to = 1, .cause = "drain", .phase = "holding", .buckets = 40}};
  auto& buckets = status.vips[0].buckets;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (buckets[i].owner == 3 && i < 128) buckets[i].moving = true;
    if (buckets[i].owner == 3 && i >= 128) buckets[i] = {.owner = 1, .standby = 3, .leftovers = {3}};
  }
  status.vips[0].shares[0].buckets = 129;
  status.vips[0].shares[2] = {.node = 3, .weight = 1, .buckets = 42, .leftover_buckets = 43};
  status.data_plane = {.mode = "xdp-generic", .why = "the driver of eth0 refuses native XDP", .interface = "eth0"};
  return status;
}

// Cut off: no quorum, no lease, nobody owns anything.
inline control::Status lost_cluster() {
  control::Status status = calm_cluster();
  status.role = "outside";
  status.why = "no quorum";
  status.quorate = false;
  status.votes = 1;
  status.lease_left_ms = 0;
  status.corosync = "stopped: killed by signal 9";
  for (std::size_t i = 1; i < 3; ++i) {
    status.nodes[i].in_ring = false;
    status.nodes[i].member = false;
    status.nodes[i].heard_ms_ago = -1;
  }
  status.nodes[0].member = false;
  for (auto& bucket : status.vips[0].buckets) bucket = {};
  for (auto& share : status.vips[0].shares) share.buckets = 0;
  status.vips[0].local_states.assign(256, "foreign");
  status.data_plane = {.mode = "none", .why = "no permission to load BPF programs"};
  return status;
}

}  // namespace relais::cli
