// What it costs to drop a packet that is another node's: the data plane beside what people use instead, under the
// same flood in one run.
#pragma once

#include "base/result.h"
#include "tests/bench/measurement.h"

#include <cstddef>
#include <vector>

namespace relais::bench {

// Total CPU time per received packet, generator and device included, in interleaved rounds. The first line is an XDP
// program that drops everything: what the harness itself costs; the second is the data plane by native XDP. What this
// kernel lacks has no samples, and the reason in its name.
Result<std::vector<Measurement>> measure_flood(std::size_t rounds);

inline constexpr std::size_t kFloodFloor = 0;
inline constexpr std::size_t kFloodNative = 1;
inline constexpr std::size_t kFloodCluster = 2;  // xt_cluster

}  // namespace relais::bench
