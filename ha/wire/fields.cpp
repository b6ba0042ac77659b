// Fields that messages and the cluster's state share: see fields.h.
#include "ha/wire/fields.h"

#include <array>

namespace relais::wire {

void write_node(Writer& out, NodeId node) {
  INVARIANT(node.value() <= kMaxNodeId, "node ids are 1..63");
  out.put(static_cast<std::uint8_t>(node.value()));
}

NodeId read_node_or_none(Reader& in, std::string_view field) {
  return NodeId(in.get_at_most<std::uint8_t>(field, kMaxNodeId));
}

NodeId read_node(Reader& in, std::string_view field) {
  const NodeId node = read_node_or_none(in, field);
  if (node == kNoNode) in.fail(field, "names no node");
  return node;
}

void write_node_set(Writer& out, NodeSet nodes) { out.put(nodes.bits()); }

NodeSet read_node_set(Reader& in, std::string_view field) {
  const auto bits = in.get<std::uint64_t>(field);
  if ((bits & 1) != 0) in.fail(field, "contains node 0");
  return NodeSet(bits);
}

namespace {
constexpr std::size_t kBucketSetBytes = kBuckets / 8;
}

void write_buckets(Writer& out, const ha::BucketSet& buckets) {
  std::array<std::uint8_t, kBucketSetBytes> bytes{};
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    if (buckets[bucket]) bytes[bucket / 8] = static_cast<std::uint8_t>(bytes[bucket / 8] | (1U << (bucket % 8)));
  }
  out.put_bytes(bytes);
}

ha::BucketSet read_buckets(Reader& in, std::string_view field) {
  const ByteView bytes = in.get_bytes(field, kBucketSetBytes);
  ha::BucketSet buckets;
  if (bytes.empty()) return buckets;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    buckets[bucket] = ((bytes[bucket / 8] >> (bucket % 8)) & 1) != 0;
  }
  return buckets;
}

void write_weights(Writer& out, const std::vector<std::uint16_t>& weights) {
  INVARIANT(weights.size() <= kMaxVips, "one weight per VIP");
  out.put(static_cast<std::uint8_t>(weights.size()));
  for (const std::uint16_t weight : weights) out.put(weight);
}

std::vector<std::uint16_t> read_weights(Reader& in, std::string_view field) {
  std::vector<std::uint16_t> weights;
  const auto count = in.get_at_most<std::uint8_t>(field, kMaxVips);
  for (std::size_t i = 0; i < count && !in.failed(); ++i) {
    if (in.at_end()) in.fail(field, "are fewer than announced");
    weights.push_back(in.get<std::uint16_t>(field));
  }
  return weights;
}

void write_front(Writer& out, ha::Front front) { out.put(static_cast<std::uint8_t>(front)); }

ha::Front read_front(Reader& in, std::string_view field) {
  constexpr auto kWorst = static_cast<std::uint8_t>(ha::Front::no_carrier);
  return static_cast<ha::Front>(in.get_at_most<std::uint8_t>(field, kWorst));
}

void write_flag(Writer& out, bool flag) { out.put(static_cast<std::uint8_t>(flag ? 1 : 0)); }

bool read_flag(Reader& in, std::string_view field) { return in.get_at_most<std::uint8_t>(field, 1) != 0; }

}  // namespace relais::wire
