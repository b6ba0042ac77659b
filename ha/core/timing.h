// The times that everything else follows from. All are derived from Corosync's token timeout:
// docs/decisions/0002-lease.md proves why these values keep two owners apart and survivors serving.
#pragma once

#include "base/time.h"

#include <algorithm>

namespace relais::ha {

struct Timing {
  Duration token{};        // Corosync's token timeout; a dead node is out of the ring after token + consensus
  Duration detection{};    // token + consensus (1.2 x token) = 2.2 x token
  Duration heartbeat{};    // interval between a node's heartbeats
  Duration lease{};        // L: how long a heartbeat that a majority has seen lets its sender answer
  Duration guard{};        // added to L before another node claims: clock rates, late packets
  Duration silence{};      // a member that is in the ring but sends no heartbeat for so long is declared dead
  Duration hold{};         // a standby holds a connection opener so long: longer than any takeover, if it can
  Duration hold_settle{};  // a held opener that a dead node may have answered is let in this long after it came, if its
                           // client has not gone on: longer than the way to most clients and back
  Duration hello_retry{};  // a joiner that got no state asks again after so long
  Duration grace{};        // how long a node whose daemon died (not the node) may come back to its live connections
  Duration brief_grace{};  // the same for a node that is gone from the ring, which may have left it out by mistake
  Duration leftover_minimum{};  // a released bucket stays leftover at least so long: clients that are still opening
  Duration upgrade{};           // the announced lease of a node whose daemon replaces itself
  Duration upgrade_answer{};    // in which everybody must have acknowledged that announcement
  Duration drain_limit{};       // leftovers older than this are reset; zero: never
  Duration arbiter_lag{};       // so long may a half believe in an arbiter's vote that the other has; zero: no arbiter

  bool operator==(const Timing&) const = default;
};

// So late after it has settled may a held opener be let in: relaisd looks that often.
inline constexpr Duration kHoldPoll = std::chrono::milliseconds(20);

// Timing for a Corosync token. Requires token >= 50 ms.
constexpr Timing timing_for_token(Duration token) {
  using namespace std::chrono_literals;
  Timing timing;
  timing.token = token;
  timing.detection = token * 22 / 10;
  timing.heartbeat = std::clamp<Duration>(token / 10, 20ms, 50ms);
  // A survivor's last acknowledged heartbeat before a fault may be two intervals old, and the ring needs a moment to
  // carry the first one after it: so survivors never stop serving while the ring drops the dead node.
  timing.lease = timing.detection + 2 * timing.heartbeat + 35ms;
  timing.guard = 15ms;  // 500 ppm of the longest lease is 1.2 ms; the rest is for packets accepted just before the end
  // A SYN that comes in the moment of a crash waits for the fence, plus what the claim takes. Beyond a second the
  // client has sent it again (RFC 6298).
  timing.hold = std::min<Duration>(timing.lease + timing.guard + 60ms, 880ms);
  timing.hold_settle = 100ms;
  timing.silence = timing.lease + timing.guard;
  timing.hello_retry = std::max<Duration>(timing.detection, 1s);
  timing.grace = 10s;
  timing.brief_grace = 200ms;
  timing.leftover_minimum = 3s;
  timing.upgrade = 5s;  // loading the programs takes a fraction of a second, on a busy machine some
  timing.upgrade_answer = 1s;
  timing.drain_limit = std::chrono::hours(1);
  return timing;
}

// How long Corosync may count an arbiter's vote after it has last been renewed: relaisd sets this in corosync.conf. An
// arbiter takes a node for gone one and a half heartbeats after the last at the earliest, so this much later, at most,
// the vote that it gave away is over on the node that had it.
constexpr Duration arbiter_vote_timeout(Duration arbiter_heartbeat) {
  using namespace std::chrono_literals;
  return std::max<Duration>(arbiter_heartbeat, 500ms);
}

}  // namespace relais::ha
