// The replicated state as a record: see cluster_record.h. A bucket at rest takes three bytes (length, owner, standby):
// leftovers and the move under way come last and are left out while they are empty, so 16 VIPs fit in 12 KB.
#include "ha/wire/cluster_record.h"

#include "ha/wire/fields.h"

#include <utility>

namespace relais::wire {
namespace {

void write_node_record(Writer& out, NodeId id, const ha::NodeRecord& node) {
  const auto& [drained, grace, retiring, front, front_lost, weights, incarnation, config_hash, heartbeat, connections,
               presence, long_lease_ms, brief_grace] = node;
  write_node(out, id);
  write_flag(out, drained);
  write_flag(out, grace);
  out.put(incarnation);
  out.put(config_hash);
  out.put(heartbeat);
  out.put(connections);
  write_weights(out, weights);
  write_flag(out, retiring);
  write_front(out, front);
  write_flag(out, front_lost);
  if (presence == ha::Presence::here && long_lease_ms == 0 && !brief_grace) return;
  out.put(static_cast<std::uint8_t>(presence));
  out.put(long_lease_ms);
  write_flag(out, brief_grace);
}

std::pair<NodeId, ha::NodeRecord> read_node_record(Reader in) {
  ha::NodeRecord node;
  const NodeId id = read_node(in, "node.id");
  node.drained = read_flag(in, "node.drained");
  node.grace = read_flag(in, "node.grace");
  node.incarnation = in.get<std::uint64_t>("node.incarnation");
  node.config_hash = in.get<std::uint64_t>("node.config_hash");
  node.heartbeat = in.get<std::uint64_t>("node.heartbeat");
  node.connections = in.get<std::uint32_t>("node.connections");
  node.weights = read_weights(in, "node.weights");
  node.retiring = read_flag(in, "node.retiring");
  node.front = read_front(in, "node.front");
  node.front_lost = read_flag(in, "node.front_lost");
  constexpr auto kLastPresence = static_cast<std::uint8_t>(ha::Presence::away);
  node.presence = static_cast<ha::Presence>(in.get_at_most<std::uint8_t>("node.presence", kLastPresence));
  node.long_lease_ms = in.get_at_most<std::uint32_t>("node.long_lease_ms", kLongestUnsure_ms);
  node.brief_grace = read_flag(in, "node.brief_grace");
  return {id, std::move(node)};
}

void write_bucket(Writer& out, const ha::Bucket& bucket) {
  const auto& [owner, standby, move, leftovers] = bucket;
  write_node(out, owner);
  write_node(out, standby);
  const bool moving = move != Epoch{};
  if (moving || !leftovers.empty()) write_node_set(out, leftovers);
  if (moving) out.put(move.value());
}

ha::Bucket read_bucket(Reader in) {
  ha::Bucket bucket;
  bucket.owner = read_node_or_none(in, "bucket.owner");
  bucket.standby = read_node_or_none(in, "bucket.standby");
  bucket.leftovers = read_node_set(in, "bucket.leftovers");
  bucket.move = Epoch(in.get<std::uint64_t>("bucket.move"));
  return bucket;
}

void write_table(Writer& out, const ha::BucketTable& table) {
  for (const ha::Bucket& bucket : table) {
    out.record<std::uint8_t>([&] { write_bucket(out, bucket); });
  }
}

ha::BucketTable read_table(Reader in) {
  ha::BucketTable table{};
  for (ha::Bucket& bucket : table) {
    if (in.failed()) break;
    bucket = read_bucket(in.record<std::uint8_t>("bucket"));
  }
  return table;
}

// Causes that came after the first releases are in a field of their own at the record's end, with the one that comes
// nearest in the first field: peers that do not know them refuse other values there.
ha::Cause nearest_first_cause(ha::Cause cause) {
  if (cause == ha::Cause::front_lost) return ha::Cause::drain;
  return cause == ha::Cause::front_back ? ha::Cause::resume : cause;
}

void write_first_cause(Writer& out, ha::Cause cause) { out.put(static_cast<std::uint8_t>(nearest_first_cause(cause))); }

void write_later_cause(Writer& out, ha::Cause cause) {
  if (nearest_first_cause(cause) != cause) out.put(static_cast<std::uint8_t>(cause));
}

ha::Cause read_first_cause(Reader& in, std::string_view field) {
  constexpr auto kLastCause = static_cast<std::uint8_t>(ha::Cause::weight);
  return static_cast<ha::Cause>(in.get_at_most<std::uint8_t>(field, kLastCause));
}

// `first` if there is none, or one that this release does not know.
ha::Cause read_later_cause(Reader& in, std::string_view field, ha::Cause first) {
  const auto cause = static_cast<ha::Cause>(in.get<std::uint8_t>(field));
  return cause == ha::Cause::front_lost || cause == ha::Cause::front_back ? cause : first;
}

void write_move(Writer& out, Epoch epoch, const ha::Move& move) {
  const auto& [from, to, cause, phase, buckets, flows_kept, flows_lost, cut_off] = move;
  out.put(epoch.value());
  write_node(out, from);
  write_node(out, to);
  write_first_cause(out, cause);
  out.put(static_cast<std::uint8_t>(phase));
  out.put(buckets);
  out.put(flows_kept);
  out.put(flows_lost);
  if (!cut_off) return write_later_cause(out, cause);
  out.put(static_cast<std::uint8_t>(cause));
  write_flag(out, cut_off);
}

std::pair<Epoch, ha::Move> read_move(Reader in) {
  constexpr auto kLastPhase = static_cast<std::uint8_t>(ha::MovePhase::claiming);
  ha::Move move;
  const Epoch epoch(in.get<std::uint64_t>("move.epoch"));
  move.from = read_node_or_none(in, "move.from");
  move.to = read_node_or_none(in, "move.to");
  move.cause = read_first_cause(in, "move.cause");
  move.phase = static_cast<ha::MovePhase>(in.get_at_most<std::uint8_t>("move.phase", kLastPhase));
  move.buckets = in.get<std::uint16_t>("move.buckets");
  move.flows_kept = in.get<std::uint32_t>("move.flows_kept");
  move.flows_lost = in.get<std::uint32_t>("move.flows_lost");
  move.cause = read_later_cause(in, "move.cause", move.cause);
  move.cut_off = read_flag(in, "move.cut_off");
  return {epoch, move};
}

// Inserts behind all that is there: keys come in ascending order, so no two records can claim the same key.
template <class Map, class Entry>
void append_ascending(Map& map, Entry entry, Reader& in, std::string_view field) {
  if (in.failed()) return;
  if (!map.empty() && !(map.rbegin()->first < entry.first)) return in.fail(field, "come out of order");
  map.emplace_hint(map.end(), std::move(entry));
}

}  // namespace

void write_cluster(Writer& out, const ha::Cluster& cluster) {
  const auto& [epoch, members, nodes, vips, moves, cause] = cluster;
  INVARIANT(nodes.size() <= kMaxNodeId && vips.size() <= kMaxVips && moves.size() <= kMaxMoves,
            "the replicated state is within its bounds");
  out.put(epoch.value());
  write_node_set(out, members);
  write_first_cause(out, cause);
  out.put(static_cast<std::uint8_t>(nodes.size()));
  for (const auto& entry : nodes) {
    out.record<std::uint16_t>([&] { write_node_record(out, entry.first, entry.second); });
  }
  out.put(static_cast<std::uint8_t>(vips.size()));
  for (const ha::BucketTable& table : vips) {
    out.record<std::uint32_t>([&] { write_table(out, table); });
  }
  out.put(static_cast<std::uint16_t>(moves.size()));
  for (const auto& entry : moves) {
    out.record<std::uint8_t>([&] { write_move(out, entry.first, entry.second); });
  }
  write_later_cause(out, cause);
}

ha::Cluster read_cluster(Reader in) {
  ha::Cluster cluster;
  cluster.epoch = Epoch(in.get<std::uint64_t>("cluster.epoch"));
  cluster.members = read_node_set(in, "cluster.members");
  cluster.cause = read_first_cause(in, "cluster.cause");
  const auto nodes = in.get_at_most<std::uint8_t>("cluster.nodes", kMaxNodeId);
  for (std::size_t i = 0; i < nodes && !in.failed(); ++i) {
    append_ascending(cluster.nodes, read_node_record(in.record<std::uint16_t>("node")), in, "cluster.nodes");
  }
  const auto vips = in.get_at_most<std::uint8_t>("cluster.vips", kMaxVips);
  for (std::size_t i = 0; i < vips && !in.failed(); ++i) {
    cluster.vips.push_back(read_table(in.record<std::uint32_t>("vip")));
  }
  const auto moves = in.get_at_most<std::uint16_t>("cluster.moves", kMaxMoves);
  for (std::size_t i = 0; i < moves && !in.failed(); ++i) {
    append_ascending(cluster.moves, read_move(in.record<std::uint8_t>("move")), in, "cluster.moves");
  }
  cluster.cause = read_later_cause(in, "cluster.cause", cluster.cause);
  return cluster;
}

}  // namespace relais::wire
