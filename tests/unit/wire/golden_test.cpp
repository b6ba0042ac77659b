// The bytes of format version 1: golden_v1.txt has a line per message type. A line that changes breaks the talk between
// releases: append fields instead (ha/wire/bytes.h), and give what is new a line of its own. The test rewrites the
// file if RELAIS_REWRITE_GOLDEN is set.
#include "tests/unit/golden.h"
#include "ha/wire/codec.h"

#include <gtest/gtest.h>

#include <string>

namespace relais::wire {
namespace {

std::string hex(ByteView bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

ha::Cluster small_cluster() {
  ha::Cluster cluster;
  cluster.epoch = Epoch(0x11);
  cluster.members = NodeSet(0b110);
  cluster.nodes[NodeId(1)] = {.drained = true,
                              .grace = false,
                              .weights = {1, 0x0203},
                              .incarnation = 0x21,
                              .config_hash = 0x22,
                              .heartbeat = 0x25,
                              .connections = 0x26};
  cluster.nodes[NodeId(2)] = {.drained = false,
                              .grace = true,
                              .retiring = true,
                              .weights = {},
                              .incarnation = 0x23,
                              .config_hash = 0x24,
                              .heartbeat = 0x27,
                              .connections = 0x28};
  cluster.moves[Epoch(0x10)] = {.from = NodeId(1),
                                .to = NodeId(2),
                                .cause = ha::Cause::joined,
                                .phase = ha::MovePhase::claiming,
                                .buckets = 0x80,
                                .flows_kept = 0x31,
                                .flows_lost = 0x32};
  cluster.cause = ha::Cause::drain;
  return cluster;
}

const ha::BucketSet kBucketsZeroNineAndLast = [] {
  ha::BucketSet buckets;
  buckets.set(0).set(9).set(255);
  return buckets;
}();

const ha::Body kBodies[] = {
    ha::Heartbeat{.sequence = 0x0102,
                  .connections = 3,
                  .members = NodeSet(0b110),
                  .acks = {{.node = NodeId(2), .sequence = 0x0405}},
                  .upgrading = NodeSet(0b100)},
    ha::Hello{.incarnation = 1,
              .attempt = 4,
              .config_hash = 2,
              .common_hash = 3,
              .epoch = Epoch(3),
              .weights = {5, 6},
              .leftovers = {kBucketsZeroNineAndLast},
              .version = "0.1",
              .resumes = 0x0607,
              .unsure_ms = 0x0809},
    ha::Snapshot{
        .for_node = NodeId(3), .incarnation = 9, .attempt = 6, .forming = NodeSet(0b1000), .cluster = small_cluster()},
    ha::Holding{.move = Epoch(7)},
    ha::Released{.move = Epoch(7),
                 .flows = 8,
                 .openers = {{.id = OpenerId(0x1112131415161718),
                              .vip = VipId(15),
                              .bucket = BucketId(255),
                              .phase = OpenerPhase::opening}},
                 .complete = true},
    ha::Cleared{.vip = VipId(1), .buckets = kBucketsZeroNineAndLast},
    ha::Suspect{.node = NodeId(63), .sequence = 10},
    ha::GraceOver{.node = NodeId(5)},
    ha::Leaving{},
    ha::SetDrained{.node = NodeId(5), .drained = true},
    ha::SetWeight{.node = NodeId(5), .vip = VipId(15), .weight = 0x0102},
    ha::Claimed{.move = Epoch(7), .detect_us = -2, .takeover_us = 3},
    ha::Retiring{},
    ha::FrontHealth{.front = ha::Front::no_carrier},
    ha::Clients{
        .sequence = 5,
        .begins = true,
        .complete = false,
        .added =
            {{.vip = VipId(1), .vip_port = 993, .port = 40000, .address = IpAddress::parse("203.0.113.7").value()}},
        .removed =
            {{.vip = VipId(2), .vip_port = 25, .port = 40001, .address = IpAddress::parse("2001:db8:2::7").value()}}},
    ha::Upgrading{.for_ms = 0x1388},
    ha::UpgradeOver{.node = NodeId(5)},
};

// One line per message: its type, then header (magic, version and type, reserved, view, body length) and body in hex.
std::string current_format() {
  std::string text;
  for (const ha::Body& body : kBodies) {
    const std::string bytes = hex(encode_message({.view = ha::ViewId(0x1122334455667788), .body = body}));
    text += std::to_string(body.index()) + " " + bytes.substr(0, 2 * kHeaderBytes);
    text += " " + bytes.substr(2 * kHeaderBytes) + "\n";
  }
  return text + "state file " + hex(encode_cluster_file(small_cluster())) + "\n";
}

TEST(GoldenBytes, messages_and_the_state_file_have_the_bytes_of_format_version_1) {
  ASSERT_EQ(std::size(kBodies), std::variant_size_v<ha::Body>) << "a new message type needs a line";
  test::expect_golden(RELAIS_SOURCE_DIR "/tests/unit/wire/golden_v1.txt", current_format());
}

TEST(GoldenBytes, a_bucket_leaves_out_what_is_empty) {
  ha::Cluster cluster;
  cluster.vips.resize(1);
  cluster.vips[0].fill({.owner = NodeId(1), .standby = NodeId(2), .move = {}, .leftovers = {}});
  cluster.vips[0][1].leftovers = NodeSet(0b1000);
  cluster.vips[0][2].move = Epoch(5);
  const std::string bytes = hex(encode_cluster_file(cluster));
  EXPECT_EQ(bytes.substr(2 * (12 + 19 + 4), 84),
            "020102"
            "0a01020800000000000000"
            "12010200000000000000000500000000000000"
            "020102020102020102");
}

}  // namespace
}  // namespace relais::wire
