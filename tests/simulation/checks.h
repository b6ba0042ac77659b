// What must hold: safety after every step, in true time, which no node knows; liveness and bounds at the end of a run.
// Numbers are those of docs/invariants.md.
#pragma once

#include "ha/core/cluster.h"
#include "tests/simulation/node.h"
#include "tests/simulation/plan.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace relais::simulation {

// Fingerprints of a Cluster's parts, so that a difference can be named.
struct ClusterPrint {
  std::uint64_t epoch = 0;
  std::uint64_t members = 0;
  std::uint64_t nodes = 0;
  std::uint64_t buckets = 0;
  std::uint64_t moves = 0;
  bool operator==(const ClusterPrint&) const = default;
};

ClusterPrint print_of(const ha::Cluster& cluster);
std::string difference(const ClusterPrint& a, const ClusterPrint& b);

// Where both halves of a split go on, there are two memberships until they have met again, and the rules hold in each.
bool share_membership(const SimNode& one, const SimNode& other);
// Whether each was in a membership without the other when it last was in any.
bool are_apart(const SimNode& one, const SimNode& other);

class Checks {
 public:
  explicit Checks(const Plan& plan) : plan_(plan) {}

  // I1, I2, I5: after `changed`'s data plane got new states or a new lease.
  void on_data_plane(std::span<const SimNode> nodes, const SimNode& changed, Duration now);
  // I4, I6, I7: after a step of `stepped`'s core.
  void on_step(const SimNode& stepped, const ha::Event& event);
  // I12: `node`'s answer has reached the client of an opener that `before` have answered.
  void on_answer(NodeId node, NodeSet before, std::uint64_t opener);
  // I9: notes which buckets nobody answers for.
  void note_answers(std::span<const SimNode> nodes, Duration now);
  // The longest time for which any bucket had nobody since the cluster first stood.
  Duration longest_gap() const { return longest_gap_; }
  Duration longest_gap_end() const { return longest_gap_end_; }
  // Whether all buckets have been answered at one time.
  bool has_stood() const { return has_stood_; }
  // What was before does not count.
  void forget_gaps() { longest_gap_ = Duration{}; }

  // Empty: the cluster has settled; else what is missing (I10).
  static std::string unsettled(std::span<const SimNode> nodes, Duration now);

  const std::optional<std::string>& violation() const { return violation_; }
  void fail(std::string text) {
    if (!violation_) violation_ = std::move(text);
  }

 private:
  void check_one_owner(std::span<const SimNode> nodes, const SimNode& changed, Duration now);
  void check_no_resets(std::span<const SimNode> nodes, Duration now);
  void check_tables(const SimNode& node);
  void check_equal(const SimNode& node);

  const Plan& plan_;
  struct Seen {
    NodeId node;
    ClusterPrint print;
    NodeSet away;  // for an upgrade, as it sees it
  };
  bool are_of_one_membership(const Seen& one, const Seen& other) const;
  std::unordered_map<std::uint64_t, std::vector<Seen>> seen_;  // by position in the stream; one per membership
  std::optional<std::string> violation_;
  // Of one VIP: which buckets are answered, and until when those were that are not.
  struct Answered {
    BucketMask now;
    std::array<Duration, kBuckets> until{};
  };
  void note_changes(Answered& before, const BucketMask& answered, Duration now);

  std::vector<Answered> answered_;
  Duration last_noted_{};
  bool has_stood_ = false;
  Duration longest_gap_{};
  Duration longest_gap_end_{};
};

}  // namespace relais::simulation
