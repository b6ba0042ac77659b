// What each verdict costs: single packets through the loaded programs, many times (BPF_PROG_TEST_RUN).
#pragma once

#include "base/result.h"
#include "tests/bench/measurement.h"

#include <cstddef>
#include <vector>

namespace relais::bench {

// In interleaved rounds. The first line is an empty XDP program, the second an empty tc program: what the harness
// itself costs.
Result<std::vector<Measurement>> measure_verdicts(std::size_t rounds);

}  // namespace relais::bench
