// `relais status`: sections from top (is all well?) to bottom (which bucket is where?).
#include "daemon/cli/render_status.h"

#include <algorithm>
#include <cstdio>
#include <map>

namespace relais::cli {
namespace {

using control::Status;

const control::NodeStatus* find_node(const Status& status, std::uint32_t id) {
  const auto found =
      std::find_if(status.nodes.begin(), status.nodes.end(), [&](const auto& known) { return known.id == id; });
  return found == status.nodes.end() ? nullptr : &*found;
}

std::string heading(std::string_view text, const Style& style) {
  return "\n" + painted(Paint::strong, text, style) + "\n";
}

std::string line(std::string_view label, const std::string& text) {
  constexpr std::size_t kLabelWidth = 12;
  std::string padded(label);
  padded.resize(std::max(kLabelWidth, padded.size() + 1), ' ');
  return padded + text + "\n";
}

std::string quorum_line(const Status& status, const Style& style) {
  const std::string votes = std::to_string(status.votes) + " of " + counted(status.expected_votes, "vote") + ", " +
                            std::to_string(status.quorum) + " needed";
  const Cell verdict = status.quorate ? Cell{"yes", Paint::good} : Cell{"no: this node answers nobody", Paint::bad};
  return line("quorum", painted(verdict.paint, verdict.text, style) + " (" + votes + ")");
}

std::string lease_line(const Status& status, const Style& style) {
  if (status.lease_left_ms <= 0) return line("lease", painted(Paint::bad, "none: this node answers nobody", style));
  return line("lease", painted(Paint::good, "valid", style) + ", " + std::to_string(status.lease_left_ms) + " of " +
                           std::to_string(status.lease_ms) + " ms left");
}

std::string arbiter_line(const Status& status, const Style& style) {
  if (status.arbiter.empty()) return {};
  const bool connected = status.arbiter == "connected";
  const std::string loss = connected ? "" : "; if a node is lost now, the half that is left answers nobody";
  return line("arbiter", painted(connected ? Paint::good : Paint::warning, printable(status.arbiter), style) + loss);
}

std::string role_line(const Status& status, const Style& style) {
  const bool member = status.role == "member";
  const std::string why = status.why.empty() ? "" : ": " + printable(status.why);
  return line("role", painted(member ? Paint::good : Paint::warning, printable(status.role), style) + why);
}

std::string data_plane_line(const Status& status, const Style& style) {
  const control::DataPlaneStatus& plane = status.data_plane;
  const Paint paint = plane.mode == "xdp-native" ? Paint::good : plane.mode == "none" ? Paint::bad : Paint::warning;
  const std::string on = plane.interface.empty() ? "" : " on " + printable(plane.interface);
  const std::string why = plane.why.empty() ? "" : " (" + printable(plane.why) + ")";
  return line("data plane", painted(paint, printable(plane.mode), style) + on + why);
}

std::string render_summary(const Status& status, const Style& style) {
  const bool running = status.corosync == "running";
  return painted(Paint::strong, "cluster " + printable(status.cluster), style) + ", seen by " +
         printable(node_name(status, status.self)) + " (relais " + printable(status.version) + ")\n\n" +
         quorum_line(status, style) + arbiter_line(status, style) + role_line(status, style) +
         lease_line(status, style) + data_plane_line(status, style) +
         line("corosync", painted(running ? Paint::good : Paint::bad, printable(status.corosync), style)) +
         line("timing", printable(status.timing_preset) + ": token " + std::to_string(status.token_ms) +
                            " ms, a dead node is noticed after " + std::to_string(status.detection_ms) + " ms") +
         line("state", "epoch " + std::to_string(status.epoch) + ", configuration " + printable(status.config_hash));
}

Paint state_paint(const control::NodeStatus& node) {
  if (!node.in_ring) return node.drained ? Paint::warning : Paint::bad;
  if (node.member && node.front_lost) return Paint::bad;
  const bool is_well = node.front == "well" || node.front == "doubtful";
  return node.member && is_well && !node.drained && !node.retiring ? Paint::good : Paint::warning;
}

Cell heard_cell(const control::NodeStatus& node) {
  if (node.self) return {"this node"};
  std::string text = node.heard_ms_ago < 0 ? "-" : std::to_string(node.heard_ms_ago) + " ms ago";
  for (const std::uint32_t link : node.dead_links)
    text += (link == node.dead_links.front() ? ", not on link " : " or ") + std::to_string(link);
  return node.dead_links.empty() || !node.in_ring ? Cell{text} : Cell{text, Paint::warning};
}

std::string render_nodes(const Status& status, const Style& style) {
  std::vector<std::vector<Cell>> rows;
  for (const control::NodeStatus& node : status.nodes) {
    const Cell configuration = node.config_differs ? Cell{"differs", Paint::bad} : Cell{"same"};
    rows.push_back({{std::to_string(node.id)},
                    {printable(node.name)},
                    {node_state(node), state_paint(node)},
                    {std::to_string(node.connections)},
                    heard_cell(node),
                    node.in_ring ? configuration : Cell{"unknown"}});
  }
  return heading("Nodes", style) + render_table({{"id", Align::right},
                                                 {"name"},
                                                 {"state"},
                                                 {"connections", Align::right},
                                                 {"heard", Align::right},
                                                 {"configuration"}},
                                                rows, 2, style);
}

std::string render_moves(const Status& status, const Style& style) {
  if (status.moves.empty()) return {};
  std::vector<std::vector<Cell>> rows;
  for (const control::MoveStatus& move : status.moves) {
    rows.push_back({{std::to_string(move.epoch)},
                    {printable(node_name(status, move.from) + " -> " + node_name(status, move.to))},
                    {std::to_string(move.buckets)},
                    {printable(move.cause)},
                    {printable(move.phase)}});
  }
  return heading("Moves under way", style) +
         render_table({{"epoch", Align::right}, {"from -> to"}, {"buckets", Align::right}, {"cause"}, {"phase"}}, rows,
                      2, style);
}

std::string percent(std::size_t buckets) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%", static_cast<double>(buckets) * 100 / 256);
  return text;
}

std::string render_shares(const Status& status, const control::VipStatus& vip, const Style& style) {
  std::vector<std::vector<Cell>> rows;
  for (const control::ShareStatus& share : vip.shares) {
    constexpr std::size_t kBucketsPerMark = 8;  // so that the whole VIP is 32 marks, as wide as half a map
    rows.push_back({{std::string(1, node_symbol(share.node))},
                    {printable(node_name(status, share.node))},
                    {std::to_string(share.weight)},
                    {std::to_string(share.buckets)},
                    {percent(share.buckets)},
                    {std::to_string(share.leftover_buckets)},
                    {std::string((share.buckets + kBucketsPerMark / 2) / kBucketsPerMark, '#')}});
  }
  return render_table({{"on map"},
                       {"node"},
                       {"weight", Align::right},
                       {"buckets", Align::right},
                       {"share", Align::right},
                       {"leftover", Align::right},
                       {""}},
                      rows, 2, style);
}

std::string unowned_line(const control::VipStatus& vip, const Style& style) {
  const auto unowned = static_cast<std::uint64_t>(
      std::count_if(vip.buckets.begin(), vip.buckets.end(), [](const auto& bucket) { return bucket.owner == 0; }));
  if (unowned == 0) return {};
  return "  " +
         painted(Paint::bad, counted(unowned, "bucket") + " without owner: nobody answers those clients", style) + "\n";
}

// Why shares are not in proportion to the weights.
std::string weights_line(const Status& status, const control::VipStatus& vip) {
  bool any_member = false;
  bool any_weight = false;
  for (const control::ShareStatus& share : vip.shares) {
    const control::NodeStatus* node = find_node(status, share.node);
    if (node == nullptr || !node->member) continue;
    if (share.weight > 0 && !node->drained && !node->retiring && !node->front_lost) return {};
    any_member = true;
    any_weight = any_weight || (share.weight > 0 && !node->retiring && !node->front_lost);
  }
  if (!any_member) return {};
  return any_weight ? "  all nodes with a weight are drained: they serve nevertheless, better than nobody\n"
                    : "  no node has a weight: all share alike, better than nobody\n";
}

std::string last_known_line(const Status& status, const Style& style) {
  if (status.role == "member") return {};
  return "  " + painted(Paint::warning, "last known; what the other nodes do now is not known here", style) + "\n";
}

std::string local_states_line(const control::VipStatus& vip) {
  std::map<std::string, std::size_t> counts;
  for (const std::string& state : vip.local_states) ++counts[state];
  std::string text;
  for (const auto& [state, count] : counts) {
    text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + printable(state);
  }
  return text.empty() ? "" : "  here: " + text + "; " + counted(vip.connections, "connection") + "\n";
}

std::string render_vip(const Status& status, const control::VipStatus& vip, const Style& style) {
  return heading("VIP " + printable(vip.name) + " " + printable(vip.address) + " at " + printable(vip.mac), style) +
         last_known_line(status, style) + render_shares(status, vip, style) + weights_line(status, vip) +
         unowned_line(vip, style) + local_states_line(vip) + render_map(vip, style);
}

bool has_marks(const Status& status) {
  return std::any_of(status.vips.begin(), status.vips.end(), [](const control::VipStatus& vip) {
    return std::any_of(vip.buckets.begin(), vip.buckets.end(),
                       [](const auto& bucket) { return bucket.moving || !bucket.leftovers.empty(); });
  });
}

std::string map_cell(const control::BucketStatus& bucket, const Style& style) {
  const char mark = bucket.moving ? '>' : bucket.leftovers.empty() ? ' ' : '*';
  return painted_for_node(bucket.owner, std::string{node_symbol(bucket.owner), mark}, style);
}

}  // namespace

std::string node_name(const Status& status, std::uint32_t node) {
  if (node == 0) return "nobody";
  const control::NodeStatus* found = find_node(status, node);
  return found == nullptr ? "node " + std::to_string(node) : found->name;
}

std::string node_state(const control::NodeStatus& node) {
  const std::string drained = node.drained ? ", drained" : "";
  if (node.upgrading) return "upgrading" + drained;
  if (!node.in_ring) return (node.grace ? "grace" : "gone") + drained;
  if (!node.member) return "no member" + drained;
  if (node.retiring) return "retiring" + drained;
  if (node.front_lost) return "front lost: " + printable(node.front) + drained;
  if (node.front == "no gateway" || node.front == "no carrier") return printable(node.front) + drained;
  return node.drained ? "drained" : "member";
}

std::string render_map(const control::VipStatus& vip, const Style& style) {
  constexpr std::size_t kCellsPerRow = 32;
  std::string map;
  for (std::size_t first = 0; first < vip.buckets.size(); first += kCellsPerRow) {
    const std::string number = std::to_string(first);
    map += painted(Paint::faint, std::string(5 - number.size(), ' ') + number + "  ", style);
    std::string cells;
    for (std::size_t i = first; i < std::min(first + kCellsPerRow, vip.buckets.size()); ++i) {
      cells += map_cell(vip.buckets[i], style);
    }
    cells.resize(cells.find_last_not_of(' ') + 1);
    map += cells + "\n";
  }
  return map;
}

std::string render_status(const Status& status, const Style& style) {
  std::string text = render_summary(status, style) + render_nodes(status, style) + render_moves(status, style);
  for (const control::VipStatus& vip : status.vips) text += render_vip(status, vip, style);
  if (has_marks(status)) text += "  > moving   * an earlier owner may still have connections   . nobody\n";
  return text;
}

}  // namespace relais::cli
