// What Corosync's callbacks, in every order that was seen or can be thought of, become for the core.
#include "ha/corosync/view_builder.h"

#include <gtest/gtest.h>

#include <string>

namespace relais::corosync {
namespace {

constexpr RingId kRingA{.node = 1, .sequence = 4};
constexpr RingId kRingB{.node = 1, .sequence = 8};
constexpr RingId kRingC{.node = 1, .sequence = 12};

Daemon daemon(std::uint32_t node, std::uint32_t process = 100) { return {.node = NodeId(node), .process = process}; }

// Node 1, with what the builder gave out as text: "view {1,2} joined {2} left 3:node quorate", "message 2/7", …
class Ring {
 public:
  Ring& group(std::vector<Daemon> members, std::vector<Daemon> joined, ChangeScope scope) {
    builder_.group_changed({.members = std::move(members), .left = {}, .joined = std::move(joined), .scope = scope},
                           out_);
    return *this;
  }
  Ring& joined(std::vector<Daemon> members, Daemon who) {
    return group(std::move(members), {who}, ChangeScope::within_ring);
  }
  Ring& merged(std::vector<Daemon> members, Daemon who) {
    return group(std::move(members), {who}, ChangeScope::with_ring);
  }
  Ring& nodes_down(std::vector<Daemon> members, const std::vector<Daemon>& who) {
    return lost(std::move(members), who, ha::LeaveReason::node_down, ChangeScope::with_ring);
  }
  Ring& daemon_down(std::vector<Daemon> members, Daemon who) {
    return lost(std::move(members), {who}, ha::LeaveReason::daemon_down, ChangeScope::within_ring);
  }
  Ring& ring(const RingId& id) {
    builder_.ring_changed(id, out_);
    return *this;
  }
  Ring& quorum(const RingId& id, Quorate quorate, std::uint32_t nodes = 3) {
    builder_.quorum_changed({.ring = id, .quorate = quorate, .nodes = nodes}, out_);
    return *this;
  }
  Ring& message(std::uint32_t from, std::uint64_t number) {
    builder_.delivered({.from = NodeId(from), .message = {.view = {}, .body = ha::Holding{.move = Epoch(number)}}},
                       out_);
    return *this;
  }
  // A connection in ring A with nodes 1 and 2, and 3 if asked for; its first view is taken away.
  Ring& with_members(const std::vector<Daemon>& members) {
    joined(members, daemon(1)).ring(kRingA).quorum(kRingA, Quorate::yes);
    out_.clear();
    return *this;
  }

  std::vector<std::string> told() {
    std::vector<std::string> lines;
    for (const ha::Event& event : out_) lines.push_back(text_of(event));
    out_.clear();
    return lines;
  }
  ha::ViewChanged last_view() const { return std::get<ha::ViewChanged>(out_.back()); }
  std::size_t waiting() const { return builder_.waiting(); }

 private:
  Ring& lost(std::vector<Daemon> members, const std::vector<Daemon>& who, ha::LeaveReason reason, ChangeScope scope) {
    GroupChange change{.members = std::move(members), .left = {}, .joined = {}, .scope = scope};
    for (const Daemon& one : who) change.left.push_back({.daemon = one, .reason = reason});
    builder_.group_changed(std::move(change), out_);
    return *this;
  }

  static std::string text_of(NodeSet nodes) {
    std::string text;
    for (const NodeId node : nodes) text += (text.empty() ? "" : ",") + std::to_string(node.value());
    return "{" + text + "}";
  }

  static std::string text_of(const ha::Event& event) {
    if (const auto* delivered = std::get_if<ha::Delivered>(&event)) {
      const auto number = std::get<ha::Holding>(delivered->message.body).move.value();
      return "message " + std::to_string(delivered->from.value()) + "/" + std::to_string(number);
    }
    const auto& view = std::get<ha::ViewChanged>(event);
    std::string text = "view " + text_of(view.members);
    if (!view.joined.empty()) text += " joined " + text_of(view.joined);
    for (const auto& left : view.left) {
      const bool node_down = left.reason == ha::LeaveReason::node_down;
      text += " left " + std::to_string(left.node.value()) + (node_down ? ":node" : ":daemon");
    }
    return text + (view.quorate ? " quorate" : " not quorate");
  }

  ViewBuilder builder_{NodeId(1), {.expected = 3, .quorum = 2}};
  ViewBuilder::Events out_;
};

using Told = std::vector<std::string>;

const Daemon k1 = daemon(1);
const Daemon k2 = daemon(2);
const Daemon k3 = daemon(3);

TEST(ViewBuilder, in_the_first_view_everybody_has_joined) {
  Ring ring;
  ring.joined({k1, k2, k3}, k1).ring(kRingA).quorum(kRingA, Quorate::yes);
  EXPECT_EQ(ring.told(), Told{"view {1,2,3} joined {1,2,3} quorate"});
}

TEST(ViewBuilder, the_first_view_comes_whichever_callback_is_last) {
  Ring quorum_first;
  quorum_first.quorum(kRingA, Quorate::no).joined({k1}, k1).ring(kRingA);
  EXPECT_EQ(quorum_first.told(), Told{"view {1} joined {1} not quorate"});
  Ring group_last;
  group_last.ring(kRingA).quorum(kRingA, Quorate::no).joined({k1}, k1);
  EXPECT_EQ(group_last.told(), Told{"view {1} joined {1} not quorate"});
}

TEST(ViewBuilder, a_view_carries_the_votes) {
  Ring ring;
  ring.joined({k1}, k1).ring(kRingA).quorum(kRingA, Quorate::no);
  EXPECT_EQ(ring.last_view().expected, 3U);
  EXPECT_EQ(ring.last_view().quorum, 2U);
}

TEST(ViewBuilder, messages_before_the_first_view_come_after_it) {
  Ring ring;
  ring.joined({k1, k2}, k1).message(2, 1).ring(kRingA).message(2, 2);
  EXPECT_EQ(ring.told(), Told{});
  ring.quorum(kRingA, Quorate::yes);
  EXPECT_EQ(ring.told(), (Told{"view {1,2} joined {1,2} quorate", "message 2/1", "message 2/2"}));
}

TEST(ViewBuilder, a_dead_node_leaves_when_quorum_has_spoken_after_cpg) {
  Ring ring;
  ring.with_members({k1, k2, k3}).nodes_down({k1, k2}, {k3}).ring(kRingB).message(2, 1);
  EXPECT_EQ(ring.told(), Told{});
  ring.quorum(kRingB, Quorate::yes);
  EXPECT_EQ(ring.told(), (Told{"view {1,2} left 3:node quorate", "message 2/1"}));
}

TEST(ViewBuilder, a_dead_node_leaves_when_cpg_has_spoken_after_quorum) {
  Ring ring;
  ring.with_members({k1, k2, k3}).quorum(kRingB, Quorate::yes);
  EXPECT_EQ(ring.told(), Told{});
  ring.message(2, 1).nodes_down({k1, k2}, {k3}).ring(kRingB).message(2, 2);
  EXPECT_EQ(ring.told(), (Told{"message 2/1", "view {1,2} left 3:node quorate", "message 2/2"}));
}

TEST(ViewBuilder, a_node_that_was_cut_off_never_sees_the_others_gone_and_itself_quorate) {
  Ring ring;
  ring.with_members({k1, k2, k3}).nodes_down({k1}, {k2, k3}).ring(kRingB);
  EXPECT_EQ(ring.told(), Told{});
  ring.quorum(kRingB, Quorate::no);
  EXPECT_EQ(ring.told(), Told{"view {1} left 2:node left 3:node not quorate"});
}

TEST(ViewBuilder, a_message_between_the_callbacks_of_one_change_does_not_overtake_the_view) {
  Ring ring;
  ring.with_members({k1}).merged({k1, k2, k3}, k2).message(2, 1).merged({k1, k2, k3}, k3).message(3, 2).ring(kRingB);
  ring.message(2, 3).quorum(kRingB, Quorate::yes);
  EXPECT_EQ(ring.told(), (Told{"view {1,2,3} joined {2,3} quorate", "message 2/1", "message 3/2", "message 2/3"}));
}

TEST(ViewBuilder, a_merge_of_many_nodes_is_one_view) {
  Ring ring;
  ring.with_members({k1}).quorum(kRingB, Quorate::yes);
  ring.merged({k1, k2, k3}, k2).merged({k1, k2, k3}, k3).ring(kRingB);
  EXPECT_EQ(ring.told(), Told{"view {1,2,3} joined {2,3} quorate"});
}

TEST(ViewBuilder, a_ring_that_forms_again_with_the_same_members_is_a_new_view) {
  Ring ring;
  ring.joined({k1, k2}, k1).ring(kRingA).quorum(kRingA, Quorate::yes);
  const ha::ViewId before = ring.last_view().view;
  ring.told();
  ring.ring(kRingB).message(2, 1).quorum(kRingB, Quorate::yes);
  EXPECT_EQ(ring.told(), (Told{"view {1,2} quorate", "message 2/1"}));
  ring.ring(kRingC).quorum(kRingC, Quorate::yes);
  EXPECT_NE(ring.last_view().view, before);
}

TEST(ViewBuilder, daemons_come_and_go_within_a_ring) {
  Ring ring;
  ring.with_members({k1, k2}).joined({k1, k2, k3}, k3).message(3, 1).daemon_down({k1, k3}, k2).message(3, 2);
  EXPECT_EQ(ring.told(), (Told{"view {1,2,3} joined {3} quorate", "message 3/1", "view {1,3} left 2:daemon quorate",
                               "message 3/2"}));
}

TEST(ViewBuilder, a_daemon_that_joins_within_a_ring_that_is_not_quorate_does_not_make_it_quorate) {
  Ring ring;
  ring.joined({k1}, k1).ring(kRingA).quorum(kRingA, Quorate::no).told();
  ring.joined({k1, k2}, k2);
  EXPECT_EQ(ring.told(), Told{"view {1,2} joined {2} not quorate"});
}

TEST(ViewBuilder, a_daemon_that_restarts_within_a_ring_leaves_and_joins) {
  Ring ring;
  ring.with_members({k1, k2}).daemon_down({k1}, k2).joined({k1, daemon(2, 101)}, daemon(2, 101));
  EXPECT_EQ(ring.told(), (Told{"view {1} left 2:daemon quorate", "view {1,2} joined {2} quorate"}));
}

TEST(ViewBuilder, a_node_that_restarted_within_one_change_is_left_and_joined) {
  Ring ring;
  ring.with_members({k1, k2, k3}).nodes_down({k1, k2}, {k3}).merged({k1, k2, daemon(3, 7)}, daemon(3, 7));
  ring.ring(kRingC).quorum(kRingC, Quorate::yes);
  EXPECT_EQ(ring.told(), Told{"view {1,2,3} joined {3} left 3:node quorate"});
}

TEST(ViewBuilder, a_node_that_came_and_went_within_one_change_was_never_there) {
  Ring ring;
  ring.with_members({k1, k2}).merged({k1, k2, k3}, k3).nodes_down({k1, k2}, {k3}).ring(kRingC);
  ring.quorum(kRingC, Quorate::yes);
  EXPECT_EQ(ring.told(), Told{"view {1,2} quorate"});
}

TEST(ViewBuilder, a_daemon_with_the_same_process_id_after_a_restart_is_still_left_and_joined) {
  Ring ring;
  ring.with_members({k1, k2}).nodes_down({k1}, {k2}).merged({k1, k2}, k2).ring(kRingB).quorum(kRingB, Quorate::yes);
  EXPECT_EQ(ring.told(), Told{"view {1,2} joined {2} left 2:node quorate"});
}

TEST(ViewBuilder, a_second_daemon_of_a_node_that_ends_counts_as_a_restart) {
  Ring ring;
  ring.with_members({k1, k2, daemon(2, 101)}).daemon_down({k1, k2}, daemon(2, 101));
  EXPECT_EQ(ring.told(), Told{"view {1,2} joined {2} left 2:daemon quorate"});
}

TEST(ViewBuilder, a_view_says_whether_the_ring_is_the_one_of_the_view_before) {
  Ring ring;
  ring.joined({k1, k2}, k1).ring(kRingA).quorum(kRingA, Quorate::yes);
  EXPECT_FALSE(ring.last_view().same_ring);
  ring.joined({k1, k2, k3}, k3);
  EXPECT_TRUE(ring.last_view().same_ring);
  ring.daemon_down({k1, k2}, k3);
  EXPECT_TRUE(ring.last_view().same_ring);
  ring.nodes_down({k1}, {k2}).ring(kRingB).quorum(kRingB, Quorate::yes);
  EXPECT_FALSE(ring.last_view().same_ring);
}

TEST(ViewBuilder, a_view_says_how_many_nodes_the_ring_has_with_a_daemon_or_without) {
  Ring ring;
  ring.joined({k1, k2}, k1).ring(kRingA).quorum(kRingA, Quorate::yes, 3);
  EXPECT_EQ(ring.last_view().ring_nodes, 3U);
  ring.daemon_down({k1}, k2);
  EXPECT_EQ(ring.last_view().ring_nodes, 3U);
  ring.nodes_down({k1}, {}).ring(kRingB).quorum(kRingB, Quorate::no, 1);
  EXPECT_EQ(ring.last_view().ring_nodes, 1U);
}

TEST(ViewBuilder, a_daemon_that_ended_after_the_ring_had_dropped_its_node_was_dropped_by_the_ring) {
  Ring ring;
  ring.with_members({k1, k2, k3});
  ring.nodes_down({k1, k2}, {k3}).merged({k1, k2, k3}, k3).daemon_down({k1, k2}, k3);
  ring.ring(kRingB).quorum(kRingB, Quorate::yes);
  EXPECT_EQ(ring.told(), Told{"view {1,2} left 3:node quorate"});
}

TEST(ViewBuilder, quorum_that_changes_within_a_ring_is_a_view_with_the_same_id) {
  Ring ring;
  ring.joined({k1, k2}, k1).ring(kRingA).quorum(kRingA, Quorate::yes);
  const ha::ViewId before = ring.last_view().view;
  ring.told();
  ring.quorum(kRingA, Quorate::yes);
  EXPECT_EQ(ring.told(), Told{});
  ring.quorum(kRingA, Quorate::no);
  EXPECT_EQ(ring.last_view().view, before);
  EXPECT_EQ(ring.told(), Told{"view {1,2} not quorate"});
}

TEST(ViewBuilder, quorum_about_an_old_ring_is_not_taken_for_the_new_one) {
  Ring ring;
  ring.with_members({k1, k2}).nodes_down({k1}, {k2}).ring(kRingB).quorum(kRingA, Quorate::yes);
  EXPECT_EQ(ring.told(), Told{});
}

TEST(ViewBuilder, a_ring_that_quorum_skipped_is_a_view_of_its_own_that_is_not_quorate) {
  Ring ring;
  ring.with_members({k1, k2, k3}).nodes_down({k1, k2}, {k3}).ring(kRingB).nodes_down({k1}, {k2}).ring(kRingC);
  EXPECT_EQ(ring.told(), Told{});
  ring.quorum(kRingC, Quorate::yes);
  EXPECT_EQ(ring.told(), (Told{"view {1,2} left 3:node not quorate", "view {1} left 2:node quorate"}));
}

TEST(ViewBuilder, messages_of_a_ring_that_quorum_skipped_follow_a_view_that_is_not_quorate) {
  Ring ring;
  ring.with_members({k1, k2, k3}).nodes_down({k1, k2}, {k3}).ring(kRingB).message(2, 1);
  ring.merged({k1, k2, k3}, k3).ring(kRingC).message(3, 2).quorum(kRingC, Quorate::yes);
  EXPECT_EQ(ring.told(), (Told{"view {1,2} left 3:node not quorate", "message 2/1", "view {1,2,3} joined {3} quorate",
                               "message 3/2"}));
}

TEST(ViewBuilder, quorum_that_runs_ahead_by_two_rings_is_matched_to_both) {
  Ring ring;
  ring.with_members({k1, k2, k3}).quorum(kRingB, Quorate::yes).quorum(kRingC, Quorate::no);
  ring.nodes_down({k1, k2}, {k3}).ring(kRingB).message(2, 1).nodes_down({k1}, {k2}).ring(kRingC);
  EXPECT_EQ(ring.told(), (Told{"view {1,2} left 3:node quorate", "message 2/1", "view {1} left 2:node not quorate"}));
}

TEST(ViewBuilder, cpg_that_runs_ahead_by_two_rings_waits_for_both) {
  Ring ring;
  ring.with_members({k1, k2, k3})
      .nodes_down({k1, k2}, {k3})
      .ring(kRingB)
      .message(2, 1)
      .nodes_down({k1}, {k2})
      .ring(kRingC);
  ring.quorum(kRingB, Quorate::yes);
  EXPECT_EQ(ring.told(), (Told{"view {1,2} left 3:node quorate", "message 2/1"}));
  ring.quorum(kRingC, Quorate::no);
  EXPECT_EQ(ring.told(), Told{"view {1} left 2:node not quorate"});
}

TEST(ViewBuilder, a_daemon_that_joins_while_quorum_is_ahead_joins_under_the_old_ring) {
  Ring ring;
  ring.with_members({k1, k2}).quorum(kRingB, Quorate::no).joined({k1, k2, k3}, k3).message(3, 1);
  EXPECT_EQ(ring.told(), (Told{"view {1,2,3} joined {3} quorate", "message 3/1"}));
  ring.nodes_down({k1}, {k2, k3}).ring(kRingB);
  EXPECT_EQ(ring.told(), Told{"view {1} left 2:node left 3:node not quorate"});
}

TEST(ViewBuilder, what_waits_for_quorum_can_be_counted) {
  Ring ring;
  ring.with_members({k1, k2}).nodes_down({k1}, {k2}).message(1, 1).ring(kRingB).message(1, 2).message(1, 3);
  EXPECT_EQ(ring.waiting(), 4U);
  ring.quorum(kRingB, Quorate::no);
  EXPECT_EQ(ring.waiting(), 0U);
}

TEST(ViewId, is_equal_where_ring_and_daemons_are_equal) {
  EXPECT_EQ(view_id_of(kRingA, {k2, k1}), view_id_of(kRingA, {k1, k2}));
  EXPECT_NE(view_id_of(kRingA, {k1, k2}), view_id_of(kRingB, {k1, k2}));
  EXPECT_NE(view_id_of(kRingA, {k1, k2}), view_id_of(kRingA, {k1}));
  EXPECT_NE(view_id_of(kRingA, {k1, k2}), view_id_of(kRingA, {k1, daemon(2, 101)}));
}

TEST(ViewId, stays_what_it_is_over_releases) {
  EXPECT_EQ(view_id_of(kRingA, {k1, k2}).value(), 17726438350795100036ULL);
}

}  // namespace
}  // namespace relais::corosync
