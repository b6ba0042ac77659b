// How far a drain or resume has come, and what changed between two looks at the cluster. Pure.
#pragma once

#include "daemon/cli/invocation.h"
#include "daemon/control/api.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais::cli {

struct Progress {
  std::string node;                    // its name
  std::uint64_t buckets_left = 0;      // still to move; drain and done: those that nobody else can take
  std::uint64_t connections_left = 0;  // drain: on the node; resume: none are waited for
  bool ordered = false;                // the order has reached this node's state
  bool done = false;
  std::string note;  // why there is nothing to wait for; may be empty
  bool operator==(const Progress&) const = default;
};

// Nothing if the cluster has no node of that name or id.
std::optional<Progress> measure_progress(MoveOrder order, std::string_view node, const control::Status& status);

// "n2: 12 buckets to move, 3 connections left"
std::string render_progress(MoveOrder order, const Progress& progress);

// One line per change that an operator would want to read, in the order of the status; empty if there is none.
std::vector<std::string> describe_changes(const control::Status& before, const control::Status& after);

}  // namespace relais::cli
