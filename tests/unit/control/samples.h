// Values of the control API with no field at its default, so that a field that gets lost on the wire is missed.
#pragma once

#include "daemon/control/api.h"

namespace relais::control {

inline NodeStatus sample_node() {
  return {.id = 2,
          .name = "n2",
          .self = true,
          .in_ring = true,
          .member = true,
          .drained = true,
          .grace = true,
          .front = "no carrier",
          .front_lost = true,
          .config_differs = true,
          .connections = 4'000'000'000,
          .heard_ms_ago = 17,
          .dead_links = {1}};
}

inline VipStatus sample_vip() {
  return {.name = "mail4",
          .address = "198.51.100.100",
          .mac = "03:00:5e:11:11:11",
          .shares = {{.node = 1, .weight = 2, .buckets = 171, .leftover_buckets = 3}},
          .buckets = {{.owner = 1, .standby = 2, .moving = true, .leftovers = {3, 4}}, {.owner = 2}},
          .local_states = {"serve", "leftover"},
          .connections = 64};
}

inline Status sample_status() {
  Status status{.cluster = "mail",
                .version = "0.1.0",
                .self = 2,
                .role = "member",
                .why = "because",
                .quorate = true,
                .votes = 3,
                .quorum = 2,
                .expected_votes = 3,
                .lease_left_ms = 510,
                .lease_ms = 555,
                .token_ms = 200,
                .detection_ms = 440,
                .timing_preset = "normal",
                .epoch = 18'446'744'073'709'551'615ULL,
                .config_hash = "0123456789abcdef",
                .two_node = "arbiter",
                .arbiter = "no connection: timed out",
                .corosync = "running"};
  status.nodes = {sample_node()};
  status.vips = {sample_vip()};
  status.moves = {{.epoch = 9, .from = 1, .to = 2, .cause = "drain", .phase = "holding", .buckets = 85}};
  status.data_plane = {.mode = "xdp-generic", .why = "no native", .interface = "eth0", .verdicts = {{"pass", 12}}};
  status.upgrade = {.state = "failed", .text = "not acknowledged"};
  return status;
}

inline Who sample_who() {
  return {.address = "203.0.113.7",
          .bucket = 41,
          .current = true,
          .vips = {{.vip = "mail4",
                    .address = "198.51.100.100",
                    .owner = 1,
                    .owner_name = "n1",
                    .standby = 2,
                    .standby_name = "n2",
                    .leftovers = {3},
                    .moving = true,
                    .why = "n1 owns bucket 41"}}};
}

inline EventRecord sample_event() {
  return {
      .id = 5, .time_ms = 1'700'000'000'123, .severity = "warning", .kind = "node-died", .node = 3, .text = "n3 died"};
}

inline ReceiptRecord sample_receipt() {
  return {.epoch = 7,
          .time_ms = 1'700'000'000'456,
          .from = 3,
          .to = 1,
          .cause = "node died",
          .buckets = 43,
          .detect_ms = 431.25,
          .takeover_ms = 0.75,
          .flows_kept = 10,
          .flows_lost = 2,
          .abandoned = true};
}

}  // namespace relais::control
