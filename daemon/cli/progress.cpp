// Progress and changes, from statuses.
#include "daemon/cli/progress.h"

#include "daemon/cli/render_status.h"
#include "daemon/cli/style.h"

#include <algorithm>

namespace relais::cli {
namespace {

using control::NodeStatus;
using control::Status;

const NodeStatus* find_node(const Status& status, std::string_view name_or_id) {
  const auto found = std::find_if(status.nodes.begin(), status.nodes.end(), [&](const NodeStatus& node) {
    return node.name == name_or_id || std::to_string(node.id) == name_or_id;
  });
  return found == status.nodes.end() ? nullptr : &*found;
}

template <class Predicate>
std::uint64_t count_buckets(const Status& status, const Predicate& matches) {
  std::uint64_t count = 0;
  for (const control::VipStatus& vip : status.vips) {
    count += static_cast<std::uint64_t>(std::count_if(vip.buckets.begin(), vip.buckets.end(), matches));
  }
  return count;
}

bool holds_leftovers(const control::BucketStatus& bucket, std::uint32_t node) {
  return std::find(bucket.leftovers.begin(), bucket.leftovers.end(), node) != bucket.leftovers.end();
}

bool is_moving_away(const Status& status, const NodeStatus& node) {
  const auto from_it = [&](const control::MoveStatus& move) { return move.from == node.id; };
  const auto moving = [&](const control::BucketStatus& bucket) { return bucket.owner == node.id && bucket.moving; };
  return std::any_of(status.moves.begin(), status.moves.end(), from_it) || count_buckets(status, moving) > 0;
}

// The order and the moves that follow from it are one step of the cluster: what does not move then, stays.
Progress measure_drain(const NodeStatus& node, const Status& status) {
  Progress progress{.node = node.name, .ordered = node.drained};
  const auto owned = [&](const control::BucketStatus& bucket) { return bucket.owner == node.id; };
  const auto left_over = [&](const control::BucketStatus& bucket) { return holds_leftovers(bucket, node.id); };
  progress.buckets_left = count_buckets(status, owned);
  const std::uint64_t leftovers = count_buckets(status, left_over);
  if (progress.buckets_left + leftovers > 0) progress.connections_left = node.connections;
  progress.done = node.drained && !is_moving_away(status, node) && leftovers == 0;
  if (progress.done && progress.buckets_left > 0) {
    progress.note = "it keeps " + counted(progress.buckets_left, "bucket") + ", because no other node can take them";
  }
  return progress;
}

Progress measure_resume(const NodeStatus& node, const Status& status) {
  Progress progress{.node = node.name, .ordered = !node.drained};
  for (const control::MoveStatus& move : status.moves) {
    if (move.to == node.id) progress.buckets_left += move.buckets;
  }
  progress.done = progress.ordered && progress.buckets_left == 0;
  if (progress.done && !node.member) progress.note = "it is not in the cluster now; it gets its share when it joins";
  return progress;
}

using Lines = std::vector<std::string>;

void note(Lines& lines, const std::string& text) { lines.push_back(printable(text)); }

void describe_own(const Status& before, const Status& after, Lines& lines) {
  if (before.quorate != after.quorate) note(lines, after.quorate ? "quorum gained" : "quorum lost");
  if (before.role != after.role)
    note(lines, "role: " + (before.role.empty() ? "" : before.role + " -> ") + after.role +
                    (after.why.empty() ? "" : ": " + after.why));
  if ((before.lease_left_ms > 0) != (after.lease_left_ms > 0)) {
    note(lines, after.lease_left_ms > 0 ? "lease gained" : "lease ended: this node answers nobody");
  }
  if (before.corosync != after.corosync) note(lines, "corosync: " + after.corosync);
  if (before.data_plane.mode != after.data_plane.mode) note(lines, "data plane: " + after.data_plane.mode);
}

void describe_nodes(const Status& before, const Status& after, Lines& lines) {
  for (const NodeStatus& node : after.nodes) {
    const NodeStatus* known = find_node(before, node.name);
    if (known == nullptr) {
      note(lines, node.name + ": " + node_state(node));
      continue;
    }
    if (node_state(*known) != node_state(node)) {
      note(lines, node.name + ": " + node_state(*known) + " -> " + node_state(node));
    }
    if (known->config_differs != node.config_differs) {
      note(lines, node.name + ": its configuration " + (node.config_differs ? "differs from ours" : "is ours again"));
    }
  }
}

std::string shares_text(const Status& status, const control::VipStatus& vip) {
  std::string text;
  for (const control::ShareStatus& share : vip.shares) {
    text += (text.empty() ? "" : ", ") + node_name(status, share.node) + " " + std::to_string(share.buckets);
  }
  return "VIP " + vip.name + ": " + text;
}

void describe_shares(const Status& before, const Status& after, Lines& lines) {
  for (std::size_t i = 0; i < after.vips.size(); ++i) {
    const std::string now = shares_text(after, after.vips[i]);
    if (i >= before.vips.size() || shares_text(before, before.vips[i]) != now) note(lines, now);
  }
}

bool has_move(const Status& status, std::uint64_t epoch) {
  return std::any_of(status.moves.begin(), status.moves.end(), [&](const auto& move) { return move.epoch == epoch; });
}

void describe_moves(const Status& before, const Status& after, Lines& lines) {
  const auto text = [](const Status& status, const control::MoveStatus& move) {
    return "move " + std::to_string(move.epoch) + ": " + counted(move.buckets, "bucket") + " " +
           node_name(status, move.from) + " -> " + node_name(status, move.to) + " (" + move.cause + ")";
  };
  for (const auto& move : before.moves) {
    if (!has_move(after, move.epoch)) note(lines, text(before, move) + " ended");
  }
  for (const auto& move : after.moves) {
    if (!has_move(before, move.epoch)) note(lines, text(after, move) + " began");
  }
}

}  // namespace

std::optional<Progress> measure_progress(MoveOrder order, std::string_view node, const Status& status) {
  const NodeStatus* found = find_node(status, node);
  if (found == nullptr) return std::nullopt;
  switch (order) {
    case MoveOrder::drain: return measure_drain(*found, status);
    case MoveOrder::resume: return measure_resume(*found, status);
  }
  return std::nullopt;
}

std::string render_progress(MoveOrder order, const Progress& progress) {
  const std::string node = printable(progress.node);
  const std::string reason = progress.note.empty() ? "" : " (" + printable(progress.note) + ")";
  if (progress.done) return node + (order == MoveOrder::drain ? " is drained" : " is back in service") + reason;
  if (!progress.ordered) return node + ": waiting for the cluster to take the order";
  std::string text = node + ": " + counted(progress.buckets_left, "bucket") + " to move";
  if (order == MoveOrder::drain) text += ", " + counted(progress.connections_left, "connection") + " left";
  return text;
}

std::vector<std::string> describe_changes(const Status& before, const Status& after) {
  Lines lines;
  describe_own(before, after, lines);
  describe_nodes(before, after, lines);
  describe_moves(before, after, lines);
  describe_shares(before, after, lines);
  return lines;
}

}  // namespace relais::cli
