// Messages between daemons as bytes: round trips, damage, and peers of other releases.
#include "ha/wire/codec.h"

#include "tests/unit/wire/random_message.h"

#include <gtest/gtest.h>

#include <string>

namespace relais::wire {
namespace {

constexpr std::size_t kBodyLengthAt = 16;  // offset in the header

ha::Message decoded_message(ByteView bytes) {
  const auto decoded = decode_message(bytes);
  if (!decoded) {
    ADD_FAILURE() << decoded.error().to_string();
    return {};
  }
  return std::get<ha::Message>(*decoded);
}

// The bytes with the body cut or padded to `length` and the header telling so.
Bytes with_body_length(Bytes bytes, std::size_t length) {
  bytes.resize(kHeaderBytes + length, 0xaa);
  for (std::size_t i = 0; i < 4; ++i) bytes[kBodyLengthAt + i] = static_cast<std::uint8_t>(length >> (8 * i));
  return bytes;
}

TEST(Codec, every_message_comes_back_as_it_was) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Prng random(seed);
    for (std::size_t type = 0; type < kMessageTypes; ++type) {
      const ha::Message message = random_message(random, type);
      EXPECT_EQ(decoded_message(encode_message(message)), message) << "seed " << seed << ", type " << type;
    }
  }
}

TEST(Codec, a_message_cut_off_anywhere_is_an_error) {
  Prng random(7);
  for (std::size_t type = 0; type < kMessageTypes; ++type) {
    const Bytes bytes = encode_message(random_message(random, type));
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      EXPECT_FALSE(decode_message(ByteView(bytes).first(length))) << "type " << type << ", length " << length;
    }
  }
}

TEST(Codec, bytes_after_the_body_are_an_error) {
  Bytes bytes = encode_message({.view = ha::ViewId(1), .body = ha::Leaving{}});
  bytes.push_back(0);
  EXPECT_EQ(decode_message(bytes).error().what, "message: bytes after the body");
}

// What decodes must survive another round trip: this is also what the fuzz target checks.
void expect_stable(ByteView bytes) {
  const auto decoded = decode_message(bytes);
  if (!decoded || std::holds_alternative<Ignored>(*decoded)) return;
  const auto& message = std::get<ha::Message>(*decoded);
  EXPECT_EQ(decoded_message(encode_message(message)), message);
}

TEST(Codec, a_flipped_bit_never_yields_an_unstable_message) {
  Prng random(11);
  for (std::size_t type = 0; type < kMessageTypes; ++type) {
    const Bytes bytes = encode_message(random_message(random, type));
    for (int i = 0; i < 2000; ++i) {
      Bytes damaged = bytes;
      const std::uint64_t bit = random.below(8 * bytes.size());
      damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
      expect_stable(damaged);
    }
  }
}

TEST(Codec, a_body_cut_anywhere_by_its_sender_is_an_error_or_defaults) {
  Prng random(13);
  for (std::size_t type = 0; type < kMessageTypes; ++type) {
    const Bytes bytes = encode_message(random_message(random, type));
    for (std::size_t length = 0; kHeaderBytes + length < bytes.size(); ++length)
      expect_stable(with_body_length(bytes, length));
  }
}

TEST(Codec, noise_is_an_error) {
  Prng random(17);
  for (int i = 0; i < 20000; ++i) {
    Bytes noise(random.below(200));
    for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(random.next());
    EXPECT_FALSE(decode_message(noise));
  }
}

TEST(Codec, fields_that_a_newer_peer_appends_are_ignored) {
  Prng random(19);
  for (std::size_t type = 0; type < kMessageTypes; ++type) {
    const ha::Message message = random_message(random, type);
    const Bytes bytes = encode_message(message);
    EXPECT_EQ(decoded_message(with_body_length(bytes, bytes.size() - kHeaderBytes + 13)), message) << "type " << type;
  }
}

TEST(Codec, fields_that_an_older_peer_does_not_know_get_their_defaults) {
  const Bytes released = encode_message({.view = ha::ViewId(5), .body = ha::Released{.move = Epoch(9), .flows = 4}});
  const ha::Message without_flows = {.view = ha::ViewId(5),
                                     .body = ha::Released{.move = Epoch(9), .openers = {}, .complete = false}};
  EXPECT_EQ(decoded_message(with_body_length(released, 8)), without_flows);
  EXPECT_EQ(decode_message(with_body_length(released, 10)).error().what,
            "message of type 5: released.flows: is cut off");
}

TEST(Codec, fields_appended_to_a_nested_record_are_ignored) {
  const ha::Message message = {
      .view = ha::ViewId(1),
      .body =
          ha::Heartbeat{.sequence = 2, .connections = 3, .members = {}, .acks = {{.node = NodeId(4), .sequence = 5}}}};
  Bytes bytes = encode_message(message);
  const std::size_t ack_length_at = kHeaderBytes + 21;
  ASSERT_EQ(bytes[ack_length_at], 9);
  bytes[ack_length_at] = 11;
  bytes.insert(bytes.begin() + ack_length_at + 1 + 9, 2, 0xaa);
  EXPECT_EQ(decoded_message(with_body_length(bytes, bytes.size() - kHeaderBytes)), message);
}

TEST(Codec, a_message_type_of_a_newer_peer_is_ignored_not_an_error) {
  Bytes bytes = encode_message({.view = ha::ViewId(1), .body = ha::GraceOver{.node = NodeId(3)}});
  bytes[5] = 200;
  const auto decoded = decode_message(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Ignored>(*decoded), (Ignored{.format_version = 1, .type = 200}));
}

TEST(Codec, another_format_version_is_ignored_not_an_error) {
  Bytes bytes = encode_message({.view = ha::ViewId(1), .body = ha::Leaving{}});
  bytes[4] = 2;
  const auto decoded = decode_message(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(std::get<Ignored>(*decoded), (Ignored{.format_version = 2, .type = 9}));
}

TEST(Codec, values_out_of_range_are_errors_that_name_the_field) {
  struct Row {
    const char* description;
    ha::Body body;
    std::size_t offset_in_body;
    std::uint8_t value;
    const char* error;
  };
  const ha::Cluster one_move{.epoch = {}, .members = {}, .nodes = {}, .vips = {}, .moves = {{Epoch(1), ha::Move{}}}};
  const std::size_t cluster_at = 1 + 8 + 4 + 8 + 4;
  const std::size_t move_at = cluster_at + 8 + 8 + 1 + 1 + 1 + 2 + 1;
  const Row rows[] = {
      {"no node", ha::GraceOver{.node = NodeId(3)}, 0, 0, "message of type 8: grace_over.node: names no node"},
      {"node 64", ha::GraceOver{.node = NodeId(3)}, 0, 64, "message of type 8: grace_over.node: is 64, more than 63"},
      {"VIP 16", ha::Cleared{}, 0, 16, "message of type 6: cleared.vip: is 16, more than 15"},
      {"an upgrade that takes too long", ha::Upgrading{}, 1, 0x40,
       "message of type 16: upgrading.for_ms: is 16384, more than 10000"},
      {"flag 2", ha::SetDrained{.node = NodeId(3)}, 1, 2, "message of type 10: set_drained.drained: is 2, more than 1"},
      {"64 acks", ha::Heartbeat{}, 20, 64, "message of type 1: heartbeat.acks: is 64, more than 63"},
      {"17 leftovers", ha::Hello{}, 38, 17, "message of type 2: hello.leftovers: is 17, more than 16"},
      {"17 weights", ha::Hello{}, 37, 17, "message of type 2: hello.weights: is 17, more than 16"},
      {"long version", ha::Hello{}, 36, 65, "message of type 2: hello.version: is 65, more than 64"},
      {"node 0 in a set", ha::Snapshot{}, 13, 1, "message of type 3: snapshot.forming: contains node 0"},
      {"17 VIPs", ha::Snapshot{}, cluster_at + 18, 17, "message of type 3: cluster.vips: is 17, more than 16"},
      {"unknown cause", ha::Snapshot{.for_node = {}, .incarnation = 0, .forming = {}, .cluster = one_move},
       move_at + 10, 9, "message of type 3: move.cause: is 9, more than 8"},
      {"unknown phase", ha::Snapshot{.for_node = {}, .incarnation = 0, .forming = {}, .cluster = one_move},
       move_at + 11, 3, "message of type 3: move.phase: is 3, more than 2"},
  };
  for (const Row& row : rows) {
    Bytes bytes = encode_message({.view = ha::ViewId(1), .body = row.body});
    bytes[kHeaderBytes + row.offset_in_body] = row.value;
    const auto decoded = decode_message(bytes);
    ASSERT_FALSE(decoded) << row.description;
    EXPECT_EQ(decoded.error().what, row.error) << row.description;
  }
}

TEST(Codec, keys_of_a_map_that_come_twice_are_an_error) {
  ha::Cluster cluster;
  cluster.nodes = {{NodeId(1), {}}, {NodeId(2), {}}};
  Bytes bytes = encode_message(
      {.view = {}, .body = ha::Snapshot{.for_node = {}, .incarnation = 0, .forming = {}, .cluster = cluster}});
  const std::size_t second_id_at = kHeaderBytes + 25 + 18 + 2 + 35 + 2;
  ASSERT_EQ(bytes[second_id_at], 2);
  bytes[second_id_at] = 1;
  EXPECT_EQ(decode_message(bytes).error().what, "message of type 3: cluster.nodes: come out of order");
}

ha::Client any_client() { return {.vip = VipId(1), .vip_port = 993, .port = 4000, .address = IpAddress::v6({})}; }

TEST(Codec, a_client_takes_no_more_bytes_than_announced_and_its_family_is_known) {
  const auto length_of = [](const ha::Clients& clients) {
    return encode_message({.view = {}, .body = clients}).size() - kHeaderBytes;
  };
  EXPECT_EQ(length_of({.added = {any_client()}}) - length_of({}), kMaxClientBytes);
  Bytes bytes = encode_message({.view = {}, .body = ha::Clients{.added = {any_client()}}});
  bytes[kHeaderBytes + 4 + 2 + 2 + 1] = 5;
  EXPECT_EQ(decode_message(bytes).error().what, "message of type 15: client.family: is none of 4 and 6");
}

TEST(Codec, more_clients_than_a_message_may_have_are_an_error) {
  const ha::Clients most{.added = std::vector<ha::Client>(kMaxClients / 2, any_client()),
                         .removed = std::vector<ha::Client>(kMaxClients / 2, any_client())};
  Bytes bytes = encode_message({.view = {}, .body = most});
  EXPECT_EQ(decoded_message(bytes).body, ha::Body(most));
  bytes[kHeaderBytes + 4 + 2 + 1] = 0xff;  // the high byte of how many were added
  EXPECT_EQ(decode_message(bytes).error().what, "message of type 15: clients.added: is 65280, more than 2048");
}

ha::Cluster largest_cluster() {
  ha::Cluster cluster;
  for (std::uint32_t id = 1; id <= kMaxNodeId; ++id) cluster.nodes[NodeId(id)].weights.resize(kMaxVips);
  cluster.vips.resize(kMaxVips);
  for (ha::BucketTable& table : cluster.vips) {
    table.fill({.owner = NodeId(1), .standby = NodeId(2), .move = Epoch(3), .leftovers = NodeSet(8)});
  }
  for (std::uint64_t epoch = 1; epoch <= 4096; ++epoch) cluster.moves[Epoch(epoch)] = {};
  return cluster;
}

TEST(Codec, the_largest_snapshot_fits_one_atomic_message) {
  const ha::Message message = {
      .view = {}, .body = ha::Snapshot{.for_node = {}, .incarnation = 0, .forming = {}, .cluster = largest_cluster()}};
  const Bytes bytes = encode_message(message);
  EXPECT_LT(bytes.size(), 300'000U);
  EXPECT_EQ(decoded_message(bytes), message);
}

TEST(Codec, a_bucket_at_rest_takes_three_bytes) {
  ha::Cluster cluster;
  cluster.vips.resize(16);
  for (ha::BucketTable& table : cluster.vips)
    table.fill({.owner = NodeId(1), .standby = NodeId(2), .move = {}, .leftovers = {}});
  EXPECT_LT(encode_cluster_file(cluster).size(), 16 * 256 * 3 + 128U);
}

TEST(ClusterFile, the_state_comes_back_as_it_was) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Prng random(seed);
    const ha::Cluster cluster = random_cluster(random);
    const auto decoded = decode_cluster_file(encode_cluster_file(cluster));
    ASSERT_TRUE(decoded) << decoded.error().to_string();
    EXPECT_EQ(*decoded, cluster) << "seed " << seed;
  }
}

TEST(ClusterFile, a_file_cut_off_anywhere_is_recognised) {
  Prng random(23);
  const Bytes bytes = encode_cluster_file(random_cluster(random));
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(decode_cluster_file(ByteView(bytes).first(length))) << length;
  }
}

TEST(ClusterFile, any_flipped_bit_is_recognised) {
  ha::Cluster cluster;
  cluster.vips.resize(1);
  cluster.nodes[NodeId(1)].weights = {1};
  const Bytes bytes = encode_cluster_file(cluster);
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    Bytes damaged = bytes;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(decode_cluster_file(damaged)) << "bit " << bit;
  }
}

TEST(ClusterFile, the_error_says_how_to_go_on) {
  const auto decoded = decode_cluster_file({});
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().to_string(),
            "saved cluster state: cut off (remove the file: the state comes back from the other nodes)");
}

}  // namespace
}  // namespace relais::wire
