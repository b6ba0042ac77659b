// The checks: see checks.h and docs/invariants.md.
#include "tests/simulation/checks.h"

#include <algorithm>
#include <array>

namespace relais::simulation {

namespace {

using namespace std::chrono_literals;

class Mixer {
 public:
  void add(std::uint64_t value) {
    hash_ ^= value + 0x9e3779b97f4a7c15ULL;
    hash_ *= 0xff51afd7ed558ccdULL;
    hash_ ^= hash_ >> 32;
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0x2545f4914f6cdd1dULL;
};

void add_record(Mixer& mixer, const ha::NodeRecord& record) {
  mixer.add((record.drained ? 1U : 0U) + (record.grace ? 2U : 0U) + (record.front_lost ? 4U : 0U) +
            (record.retiring ? 16U : 0U));
  mixer.add(static_cast<std::uint64_t>(record.front));
  mixer.add((static_cast<std::uint64_t>(record.presence) << 32) + record.long_lease_ms);
  for (const std::uint16_t weight : record.weights) mixer.add(weight);
  mixer.add(record.incarnation);
  mixer.add(record.config_hash);
  mixer.add(record.heartbeat);
  mixer.add(record.connections);
}

void add_move(Mixer& mixer, Epoch epoch, const ha::Move& move) {
  mixer.add(epoch.value());
  mixer.add((std::uint64_t{move.from.value()} << 32) + move.to.value());
  mixer.add((static_cast<std::uint64_t>(move.cause) << 8) + static_cast<std::uint64_t>(move.phase) +
            (move.cut_off ? 0x80U : 0U));
  mixer.add(move.buckets);
  mixer.add((std::uint64_t{move.flows_kept} << 32) + move.flows_lost);
}

std::string name(const SimNode& node) { return "node " + std::to_string(node.id.value()); }

// The bucket's name in messages.
std::string bucket_name(std::size_t vip, std::size_t bucket) {
  return "VIP " + std::to_string(vip) + " bucket " + std::to_string(bucket);
}

std::size_t first_of(const BucketMask& mask) { return mask._Find_first(); }

// Owners' counts against their exact shares, within one bucket.
std::string unbalanced(const ha::Cluster& cluster, const std::vector<std::uint64_t>& weights, std::size_t vip) {
  std::array<std::uint64_t, kSlots> owned{};
  for (const ha::Bucket& bucket : cluster.vips[vip]) {
    if (bucket.owner.value() < kSlots) ++owned[bucket.owner.value()];
  }
  std::uint64_t total = 0;
  for (const std::uint64_t weight : weights) total += weight;
  for (std::size_t node = 1; node < weights.size(); ++node) {
    const std::uint64_t scaled = kBuckets * weights[node];
    const bool too_few = (owned[node] + 1) * total <= scaled && scaled > 0;
    const bool too_many = owned[node] * total >= scaled + total;
    if (total > 0 && (too_few || too_many)) {
      return "node " + std::to_string(node) + " owns " + std::to_string(owned[node]) + " buckets of VIP " +
             std::to_string(vip);
    }
  }
  return {};
}

std::vector<std::uint64_t> weights_of(const ha::Cluster& cluster, std::size_t vip) {
  std::vector<std::uint64_t> all(kSlots, 0);
  std::vector<std::uint64_t> undrained(kSlots, 0);
  bool any = false;
  for (const NodeId node : cluster.members) {
    const ha::NodeRecord& record = cluster.nodes.at(node);
    all[node.value()] = record.weights[vip];
    undrained[node.value()] = record.drained ? 0 : record.weights[vip];
    any = any || undrained[node.value()] > 0;
  }
  if (any) return undrained;
  if (std::ranges::all_of(all, [](std::uint64_t weight) { return weight == 0; })) {
    for (const NodeId node : cluster.members) all[node.value()] = 1;
  }
  return all;
}

std::string node_unsettled(const SimNode& node, const ha::Cluster& cluster, Duration now) {
  for (std::size_t vip = 0; vip < cluster.vips.size(); ++vip) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const BucketState state = node.data_plane.states[vip][i];
      const ha::Bucket& bucket = cluster.vips[vip][i];
      const BucketState wanted = bucket.owner == node.id     ? BucketState::serve
                                 : bucket.standby == node.id ? BucketState::shadow
                                                             : BucketState::foreign;
      if (state == wanted) continue;
      return name(node) + ": " + bucket_name(vip, i) + " is " + std::string(to_string(state));
    }
  }
  return node.has_lease(now) ? std::string() : name(node) + " has no lease";
}

}  // namespace

bool share_membership(const SimNode& one, const SimNode& other) {
  return one.daemon && other.daemon && one.daemon->cluster.members.contains(other.id) &&
         other.daemon->cluster.members.contains(one.id);
}

bool are_apart(const SimNode& one, const SimNode& other) {
  return one.daemon && other.daemon && (one.daemon->cluster.members & other.daemon->cluster.members).empty();
}

ClusterPrint print_of(const ha::Cluster& cluster) {
  ClusterPrint print{.epoch = cluster.epoch.value(), .members = cluster.members.bits()};
  Mixer nodes;
  for (const auto& [id, record] : cluster.nodes) {
    nodes.add(id.value());
    add_record(nodes, record);
  }
  Mixer buckets;
  for (const ha::BucketTable& table : cluster.vips) {
    for (const ha::Bucket& bucket : table) {
      buckets.add((std::uint64_t{bucket.owner.value()} << 32) + bucket.standby.value());
      buckets.add(bucket.move.value() ^ (bucket.leftovers.bits() << 20));
    }
  }
  Mixer moves;
  for (const auto& [epoch, move] : cluster.moves) add_move(moves, epoch, move);
  moves.add(static_cast<std::uint64_t>(cluster.cause));
  print.nodes = nodes.value();
  print.buckets = buckets.value();
  print.moves = moves.value();
  return print;
}

std::string difference(const ClusterPrint& a, const ClusterPrint& b) {
  std::string text;
  if (a.epoch != b.epoch) text += " epoch " + std::to_string(a.epoch) + "/" + std::to_string(b.epoch);
  if (a.members != b.members) text += " members";
  if (a.nodes != b.nodes) text += " node records";
  if (a.buckets != b.buckets) text += " buckets";
  if (a.moves != b.moves) text += " moves";
  return text;
}

void Checks::on_data_plane(std::span<const SimNode> nodes, const SimNode& changed, Duration now) {
  check_one_owner(nodes, changed, now);
  check_no_resets(nodes, now);
}

void Checks::check_one_owner(std::span<const SimNode> nodes, const SimNode& changed, Duration now) {
  if (!changed.has_lease(now)) return;
  for (const SimNode& other : nodes) {
    if (other.id == changed.id || !other.has_lease(now)) continue;
    if (plan_.split == Split::both && !share_membership(changed, other)) continue;
    for (std::size_t vip = 0; vip < plan_.vips; ++vip) {
      const BucketMask both = changed.data_plane.answering[vip] & other.data_plane.answering[vip];
      if (both.none()) continue;
      fail("I1: " + name(changed) + " and " + name(other) + " both answer for " + std::to_string(both.count()) +
           " buckets, first " + bucket_name(vip, first_of(both)));
    }
  }
}

// I5: a node that serves resets what it does not know, so nobody else may have connections there that are still owed
// protection.
void Checks::check_no_resets(std::span<const SimNode> nodes, Duration now) {
  // What others have said takes a moment to arrive everywhere, on a frozen node at most as long as its lease.
  const Duration settling = plan_.timing.lease + 400ms;
  for (const SimNode& holder : nodes) {
    const bool owed =
        holder.up && holder.is_owed &&
        (holder.is_member && !holder.frozen ? now > holder.member_since + settling : now < holder.owed_until - 30ms);
    if (!owed || holder.data_plane.connections.empty()) continue;
    for (const SimNode& other : nodes) {
      if (other.id == holder.id || !other.has_lease(now)) continue;
      if (plan_.split == Split::both && !share_membership(holder, other)) continue;
      // Of two halves, each a membership of its own, the one that had the arbiter's vote goes on until it knows better.
      if (plan_.split == Split::arbiter && are_apart(holder, other)) continue;
      // Who is away for an upgrade hears of a new member when it is back; its lease ends by itself.
      const bool cannot_know = other.away_since != Duration{} && holder.member_since > other.away_since;
      if (cannot_know) continue;
      for (const auto& [id, connection] : holder.data_plane.connections) {
        if (!other.data_plane.serving[connection.vip][connection.bucket]) continue;
        fail("I5: " + name(other) + " serves " + bucket_name(connection.vip, connection.bucket) + " where " +
             name(holder) + " has a connection");
        return;
      }
    }
  }
}

void Checks::on_step(const SimNode& stepped, const ha::Event& event) {
  const ha::State& state = *stepped.daemon;
  if (state.resumes != 0) return;  // under the lease that was announced (I4)
  if (state.role != ha::Role::member) {
    for (const BucketMask& answering : stepped.data_plane.answering) {
      if (answering.any()) fail("I4: " + name(stepped) + " is no member and answers");
    }
    if (stepped.data_plane.lease != Instant{}) fail("I4: " + name(stepped) + " is no member and has a lease");
    return;
  }
  const auto* delivered = std::get_if<ha::Delivered>(&event);
  const bool is_heartbeat = delivered != nullptr && std::holds_alternative<ha::Heartbeat>(delivered->message.body);
  const bool from_stream = delivered != nullptr || std::holds_alternative<ha::ViewChanged>(event);
  // Most of the stream is heartbeats: of those, some are enough.
  if (!from_stream || (is_heartbeat && stepped.position % 16 != 0)) return;
  check_tables(stepped);
  check_equal(stepped);
}

void Checks::check_tables(const SimNode& node) {
  const ha::Cluster& cluster = node.daemon->cluster;
  for (std::size_t vip = 0; vip < cluster.vips.size(); ++vip) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const ha::Bucket& bucket = cluster.vips[vip][i];
      if (bucket.owner != kNoNode && bucket.owner == bucket.standby && bucket.move == Epoch{}) {
        fail("I7: " + bucket_name(vip, i) + " has its owner as standby");
      }
      if (cluster.members.contains(bucket.owner) && bucket.leftovers.contains(bucket.owner))
        fail("I7: " + bucket_name(vip, i) + ": the owner has leftovers");
      if (bucket.move != Epoch{} && !cluster.moves.contains(bucket.move))
        fail("I7: " + bucket_name(vip, i) + " has no such move");
    }
  }
}

void Checks::check_equal(const SimNode& node) {
  const ClusterPrint print = print_of(node.daemon->cluster);
  std::vector<Seen>& seen = seen_[node.position];
  NodeSet away;
  for (const auto& [id, record] : node.daemon->cluster.nodes) {
    if (record.presence != ha::Presence::here) away.insert(id);
  }
  for (const Seen& other : seen) {
    if (!are_of_one_membership(other, {.node = node.id, .print = print, .away = away}))
      continue;  // one of them is about to yield
    if (other.print != print)
      fail("I6: " + name(node) + " has another state than " + std::to_string(other.node.value()) +
           " before it:" + difference(other.print, print));
    return;
  }
  seen.push_back({.node = node.id, .print = print, .away = away});
}

// Where both halves of a split go on, one of them may still count somebody as away for an upgrade who has founded the
// other.
bool Checks::are_of_one_membership(const Seen& one, const Seen& other) const {
  const NodeSet members(one.print.members);
  const NodeSet others(other.print.members);
  const bool one_waits = one.away.contains(other.node) && !others.contains(one.node);
  const bool other_waits = other.away.contains(one.node) && !members.contains(other.node);
  if (plan_.split == Split::both && (one_waits || other_waits)) return false;
  return !(members & others).empty();
}

void Checks::on_answer(NodeId node, NodeSet before, std::uint64_t opener) {
  before.erase(node);
  if (before.empty()) return;
  fail("I12: node " + std::to_string(node.value()) + " answers opener " + std::to_string(opener) + " after node " +
       std::to_string(before.lowest().value()) + " has answered it");
}

void Checks::note_answers(std::span<const SimNode> nodes, Duration now) {
  bool all = true;
  answered_.resize(plan_.vips);
  for (std::size_t vip = 0; vip < plan_.vips; ++vip) {
    BucketMask answered;
    for (const SimNode& node : nodes) {
      if (node.has_lease(now)) answered |= node.data_plane.answering[vip];
    }
    note_changes(answered_[vip], answered, now);
    all = all && answered.all();
  }
  has_stood_ = has_stood_ || all;
  last_noted_ = now;
}

// A bucket that is not answered now may have lost its owner right after the last look.
void Checks::note_changes(Answered& before, const BucketMask& answered, Duration now) {
  const BucketMask changed = before.now ^ answered;
  for (std::size_t i = changed._Find_first(); i < kBuckets; i = changed._Find_next(i)) {
    if (!answered[i]) {
      before.until[i] = last_noted_;
    } else if (has_stood_ && now - before.until[i] > longest_gap_) {
      longest_gap_ = now - before.until[i];
      longest_gap_end_ = now;
    }
  }
  before.now = answered;
}

std::string Checks::unsettled(std::span<const SimNode> nodes, Duration now) {
  NodeSet expected;
  for (const SimNode& node : nodes) expected.insert(node.id);
  for (const SimNode& node : nodes) {
    if (!node.daemon) return name(node) + " has no relaisd";
    if (node.daemon->role != ha::Role::member) return name(node) + " is no member";
    const ha::Cluster& cluster = node.daemon->cluster;
    if (cluster.members != expected) return name(node) + " misses members";
    if (!cluster.moves.empty()) return name(node) + " sees moves under way";
    for (std::size_t vip = 0; vip < cluster.vips.size(); ++vip) {
      if (std::string text = unbalanced(cluster, weights_of(cluster, vip), vip); !text.empty()) return text;
    }
    if (std::string text = node_unsettled(node, cluster, now); !text.empty()) return text;
  }
  return {};
}

}  // namespace relais::simulation
