// The timers that the local Corosync really runs with (cmap), for `relais doctor`.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <vector>

namespace relais::corosync {

struct RingTimers {
  struct Link {
    std::uint32_t number = 0;
    std::uint32_t ping_interval_ms = 0;  // 0: not set explicitly, Corosync derives it from the token
    std::uint32_t ping_timeout_ms = 0;
    bool operator==(const Link&) const = default;
  };
  std::uint32_t token_ms = 0;
  std::uint32_t consensus_ms = 0;
  std::uint32_t token_retransmit_ms = 0;
  std::vector<Link> links;
  bool operator==(const RingTimers&) const = default;
};

// Blocks for ever while Corosync is frozen: for a thread that may.
Result<RingTimers> read_ring_timers();

}  // namespace relais::corosync
