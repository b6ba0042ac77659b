// How far a drain or resume is, and what `watch` calls a change.
#include "daemon/cli/progress.h"
#include "tests/unit/cli/samples.h"

#include <gtest/gtest.h>

namespace relais::cli {
namespace {

using Lines = std::vector<std::string>;

// Every bucket of `from` belongs to `to`.
void hand_over(control::Status& status, std::uint32_t from, std::uint32_t to) {
  for (auto& bucket : status.vips[0].buckets) {
    if (bucket.owner == from) bucket.owner = to;
  }
}

TEST(Drain, waits_until_the_cluster_has_taken_the_order) {
  const auto progress = measure_progress(MoveOrder::drain, "n3", calm_cluster());
  ASSERT_TRUE(progress);
  EXPECT_FALSE(progress->done);
  EXPECT_EQ(render_progress(MoveOrder::drain, *progress), "n3: waiting for the cluster to take the order");
}

TEST(Drain, counts_buckets_to_move_and_connections_left) {
  const auto progress = measure_progress(MoveOrder::drain, "3", busy_cluster());
  ASSERT_TRUE(progress);
  EXPECT_EQ(render_progress(MoveOrder::drain, *progress), "n3: 42 buckets to move, 30 connections left");
}

TEST(Drain, is_not_done_while_connections_are_left_behind) {
  control::Status status = busy_cluster();
  hand_over(status, 3, 1);
  const auto progress = measure_progress(MoveOrder::drain, "n3", status);
  ASSERT_TRUE(progress);
  EXPECT_FALSE(progress->done);
  EXPECT_EQ(render_progress(MoveOrder::drain, *progress), "n3: 0 buckets to move, 30 connections left");
}

TEST(Drain, is_done_when_nothing_is_left) {
  control::Status status = calm_cluster();
  status.nodes[2].drained = true;
  hand_over(status, 3, 1);
  const auto progress = measure_progress(MoveOrder::drain, "n3", status);
  ASSERT_TRUE(progress);
  EXPECT_TRUE(progress->done);
  EXPECT_EQ(render_progress(MoveOrder::drain, *progress), "n3 is drained");
}

TEST(Drain, of_the_last_node_in_service_ends_and_says_that_it_keeps_its_buckets) {
  control::Status status = calm_cluster();
  status.nodes[0].drained = true;
  const auto progress = measure_progress(MoveOrder::drain, "n1", status);
  ASSERT_TRUE(progress);
  EXPECT_EQ(render_progress(MoveOrder::drain, *progress),
            "n1 is drained (it keeps 86 buckets, because no other node can take them)");
}

TEST(Drain, is_not_done_while_a_move_is_under_way) {
  control::Status status = calm_cluster();
  status.nodes[0].drained = true;
  status.moves = {{.epoch = 18, .from = 1, .to = 2, .cause = "drain", .phase = "planned", .buckets = 86}};
  EXPECT_FALSE(measure_progress(MoveOrder::drain, "n1", status)->done);
  status.moves.clear();
  status.vips[0].buckets[0].moving = true;
  EXPECT_FALSE(measure_progress(MoveOrder::drain, "n1", status)->done);
}

TEST(Resume, is_done_when_no_move_goes_to_the_node) {
  control::Status status = calm_cluster();
  status.moves = {{.epoch = 20, .from = 1, .to = 3, .cause = "resume", .phase = "planned", .buckets = 85}};
  EXPECT_EQ(render_progress(MoveOrder::resume, *measure_progress(MoveOrder::resume, "n3", status)),
            "n3: 85 buckets to move");
  status.moves.clear();
  EXPECT_EQ(render_progress(MoveOrder::resume, *measure_progress(MoveOrder::resume, "n3", status)),
            "n3 is back in service");
}

TEST(Resume, of_a_node_that_is_gone_is_done_with_a_note) {
  const auto progress = measure_progress(MoveOrder::resume, "n2", busy_cluster());
  ASSERT_TRUE(progress);
  EXPECT_TRUE(progress->done);
  EXPECT_NE(progress->note.find("when it joins"), std::string::npos);
}

TEST(Progress, is_unknown_for_a_node_that_the_cluster_does_not_have) {
  EXPECT_FALSE(measure_progress(MoveOrder::drain, "n9", calm_cluster()));
  EXPECT_FALSE(measure_progress(MoveOrder::drain, "", calm_cluster()));
}

TEST(Changes, are_none_if_only_times_and_counts_differ) {
  control::Status later = calm_cluster();
  later.lease_left_ms -= 100;
  later.nodes[1].heard_ms_ago = 31;
  later.nodes[1].connections = 99;
  EXPECT_EQ(describe_changes(calm_cluster(), later), Lines{});
}

TEST(Changes, are_told_in_words) {
  EXPECT_EQ(describe_changes(calm_cluster(), busy_cluster()),
            (Lines{"data plane: xdp-generic", "n2: member -> gone", "n3: member -> drained",
                   "n3: its configuration differs from ours", "move 18: 40 buckets n3 -> n1 (drain) began",
                   "VIP mail4: n1 129, n2 85, n3 42"}));
  EXPECT_EQ(describe_changes(calm_cluster(), lost_cluster()),
            (Lines{"quorum lost", "role: member -> outside: no quorum", "lease ended: this node answers nobody",
                   "corosync: stopped: killed by signal 9", "data plane: none", "n1: member -> no member",
                   "n2: member -> gone", "n3: member -> gone", "VIP mail4: n1 0, n2 0, n3 0"}));
}

TEST(Changes, begin_with_everything) {
  const Lines lines = describe_changes(control::Status{}, calm_cluster());
  ASSERT_FALSE(lines.empty());
  EXPECT_EQ(lines.front(), "quorum gained");
  EXPECT_EQ(lines.back(), "VIP mail4: n1 86, n2 85, n3 85");
}

}  // namespace
}  // namespace relais::cli
