// The replicated state as a record: inside a snapshot message, and alone in the state file.
#pragma once

#include "ha/core/cluster.h"
#include "ha/wire/bytes.h"

#include <cstddef>

namespace relais::wire {

// More moves than this are never under way together: a plan makes at most one per ordered pair of nodes.
inline constexpr std::size_t kMaxMoves = 4096;

// Fields only, without the record's own length.
void write_cluster(Writer& out, const ha::Cluster& cluster);
ha::Cluster read_cluster(Reader in);

}  // namespace relais::wire
