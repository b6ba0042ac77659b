// The last known cluster state on disk: who is drained, who owned what. Read once at the start; nothing that a node
// answers for is ever taken from it. Losing it costs the drain flags after a restart of the whole cluster, no more.
#pragma once

#include "base/result.h"
#include "ha/core/cluster.h"

#include <string>

namespace relais::node {

// An empty Cluster (epoch 0) if there is no file yet. Error: unreadable, damaged or of another release.
Result<ha::Cluster> load_state(const std::string& directory);

// Replaces the file atomically, creating the directory if need be. On error the old file is still there.
Result<void> save_state(const std::string& directory, const ha::Cluster& cluster);

}  // namespace relais::node
