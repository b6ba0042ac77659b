// Random values within the core's bounds: see random_message.h.
#include "tests/unit/wire/random_message.h"

#include <array>
#include <utility>

namespace relais::wire {
namespace {

template <class T>
T any(Prng& random) {
  return static_cast<T>(random.next());
}

NodeId any_node(Prng& random) { return NodeId(static_cast<std::uint32_t>(random.between(1, kMaxNodeId))); }
NodeId any_node_or_none(Prng& random) { return NodeId(static_cast<std::uint32_t>(random.between(0, kMaxNodeId))); }
VipId any_vip(Prng& random) { return VipId(static_cast<std::uint8_t>(random.below(kMaxVips))); }
Epoch any_epoch(Prng& random) { return Epoch(random.next()); }

ha::BucketSet any_buckets(Prng& random) {
  ha::BucketSet buckets;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) buckets[bucket] = random.chance(300);
  return buckets;
}

ha::Bucket any_bucket(Prng& random) {
  ha::Bucket bucket{
      .owner = any_node_or_none(random), .standby = any_node_or_none(random), .move = {}, .leftovers = {}};
  if (random.chance(200)) bucket.move = any_epoch(random);
  if (random.chance(200)) bucket.leftovers = NodeSet(random.next());
  return bucket;
}

std::vector<std::uint16_t> any_weights(Prng& random) {
  std::vector<std::uint16_t> weights(random.below(kMaxVips + 1));
  for (std::uint16_t& weight : weights) weight = any<std::uint16_t>(random);
  return weights;
}

ha::Front any_front(Prng& random) { return static_cast<ha::Front>(random.below(4)); }

ha::NodeRecord any_record(Prng& random) {
  return {.drained = random.chance(500),
          .grace = random.chance(500),
          .retiring = random.chance(500),
          .front = any_front(random),
          .front_lost = random.chance(500),
          .weights = any_weights(random),
          .incarnation = random.next(),
          .config_hash = random.next(),
          .heartbeat = random.next(),
          .connections = any<std::uint32_t>(random),
          .presence = static_cast<ha::Presence>(random.below(3)),
          .long_lease_ms = static_cast<std::uint32_t>(random.below(60'001)),
          .brief_grace = random.chance(500)};
}

ha::Move any_move(Prng& random) {
  return {.from = any_node_or_none(random),
          .to = any_node_or_none(random),
          .cause = static_cast<ha::Cause>(random.below(11)),
          .phase = static_cast<ha::MovePhase>(random.below(3)),
          .buckets = any<std::uint16_t>(random),
          .flows_kept = any<std::uint32_t>(random),
          .flows_lost = any<std::uint32_t>(random),
          .cut_off = random.chance(500)};
}

void fill(Prng& random, ha::Heartbeat& body) {
  body.sequence = random.next();
  body.connections = any<std::uint32_t>(random);
  body.members = NodeSet(random.next());
  for (std::uint64_t i = random.below(17); i > 0; --i) {
    body.acks.push_back({.node = any_node(random), .sequence = random.next()});
  }
  if (random.chance(300)) body.upgrading = NodeSet(random.next());
}

void fill(Prng& random, ha::Hello& body) {
  body.incarnation = random.next();
  body.attempt = any<std::uint32_t>(random);
  body.config_hash = random.next();
  body.common_hash = random.next();
  body.epoch = any_epoch(random);
  body.weights = any_weights(random);
  body.version = std::string(random.below(65), 'v');
  body.front = any_front(random);
  for (std::uint64_t i = random.below(kMaxVips + 1); i > 0; --i) body.leftovers.push_back(any_buckets(random));
  if (random.chance(300)) body.resumes = random.next();
  if (random.chance(300)) body.unsure_ms = static_cast<std::uint32_t>(random.below(60'001));
}

void fill(Prng& random, ha::Snapshot& body) {
  body.for_node = any_node_or_none(random);
  body.incarnation = random.next();
  body.attempt = any<std::uint32_t>(random);
  body.forming = NodeSet(random.next());
  body.cluster = random_cluster(random);
}

void fill(Prng& random, ha::Holding& body) { body.move = any_epoch(random); }

void fill(Prng& random, ha::Released& body) {
  body = {
      .move = any_epoch(random), .flows = any<std::uint32_t>(random), .openers = {}, .complete = random.chance(500)};
  for (std::uint64_t i = random.below(50); i > 0; --i) {
    body.openers.push_back({.id = OpenerId(random.next()),
                            .vip = any_vip(random),
                            .bucket = BucketId(any<std::uint8_t>(random)),
                            .phase = random.chance(500) ? OpenerPhase::opening : OpenerPhase::answered});
  }
}

void fill(Prng& random, ha::Cleared& body) { body = {.vip = any_vip(random), .buckets = any_buckets(random)}; }

void fill(Prng& random, ha::Suspect& body) { body = {.node = any_node(random), .sequence = random.next()}; }

void fill(Prng& random, ha::GraceOver& body) { body.node = any_node(random); }

void fill(Prng&, ha::Leaving&) {}

void fill(Prng&, ha::Retiring&) {}

void fill(Prng& random, ha::Upgrading& body) { body.for_ms = static_cast<std::uint32_t>(random.below(10'001)); }

void fill(Prng& random, ha::UpgradeOver& body) { body.node = any_node(random); }

void fill(Prng& random, ha::SetDrained& body) { body = {.node = any_node(random), .drained = random.chance(500)}; }

void fill(Prng& random, ha::SetWeight& body) {
  body = {.node = any_node(random), .vip = any_vip(random), .weight = any<std::uint16_t>(random)};
}

void fill(Prng& random, ha::Claimed& body) {
  body = {.move = any_epoch(random), .detect_us = any<std::int64_t>(random), .takeover_us = any<std::int64_t>(random)};
}

void fill(Prng& random, ha::FrontHealth& body) { body.front = any_front(random); }

IpAddress any_address(Prng& random) {
  std::array<std::uint8_t, 16> bytes{};
  for (std::uint8_t& byte : bytes) byte = any<std::uint8_t>(random);
  if (random.chance(500)) return IpAddress::v6(bytes);
  return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
}

std::vector<ha::Client> any_clients(Prng& random) {
  std::vector<ha::Client> clients(random.below(20));
  for (ha::Client& client : clients) {
    client = {.vip = any_vip(random),
              .vip_port = any<std::uint16_t>(random),
              .port = any<std::uint16_t>(random),
              .address = any_address(random)};
  }
  return clients;
}

void fill(Prng& random, ha::Clients& body) {
  body = {.sequence = any<std::uint32_t>(random), .begins = random.chance(500), .complete = random.chance(500)};
  body.added = any_clients(random);
  body.removed = any_clients(random);
}

template <std::size_t Index = 0>
ha::Body any_body(Prng& random, std::size_t index) {
  if constexpr (Index < kMessageTypes) {
    if (index != Index) return any_body<Index + 1>(random, index);
    std::variant_alternative_t<Index, ha::Body> body{};
    fill(random, body);
    return body;
  } else {
    INVARIANT(false, "a type of message");
    return ha::Leaving{};
  }
}

}  // namespace

ha::Cluster random_cluster(Prng& random) {
  ha::Cluster cluster;
  cluster.epoch = any_epoch(random);
  cluster.members = NodeSet(random.next());
  cluster.cause = static_cast<ha::Cause>(random.below(11));
  for (std::uint64_t i = random.below(20); i > 0; --i) cluster.nodes[any_node(random)] = any_record(random);
  cluster.vips.resize(random.below(4));
  for (ha::BucketTable& table : cluster.vips) {
    for (ha::Bucket& bucket : table) bucket = any_bucket(random);
  }
  for (std::uint64_t i = random.below(10); i > 0; --i) cluster.moves[any_epoch(random)] = any_move(random);
  return cluster;
}

ha::Message random_message(Prng& random, std::size_t index) {
  const ha::ViewId view(random.next());
  return {.view = view, .body = any_body(random, index)};
}

}  // namespace relais::wire
