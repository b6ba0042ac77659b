// The cluster state machine. Pure: no clock, socket, file, log or chance; `now` and the event are all it sees.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "ha/core/action.h"
#include "ha/core/event.h"
#include "ha/core/state.h"

namespace relais::ha {

struct Step {
  State state;
  Actions actions;
};

// A daemon that has just started: owns nothing, has no lease. `last_known` is a saved state, or an empty Cluster (epoch
// 0: this node has never been a member). The shell must have set the data plane's lease to "not at all" and every state
// to foreign or leftover before.
State initial_state(Settings settings, Cluster last_known, Instant now);

// A daemon that takes over from one that was replaced (StartSuccessor). It keeps the data plane as it is, until it is
// the same member again or learns that it cannot be.
State resumed_state(Settings settings, const Handoff& handoff, Instant now);

// Whether this node could be upgraded now without losing its share; the error says why not.
Result<> may_upgrade(const State& state, Instant now);

// The next state and what to do about it. Total: any event in any state is safe. `now` never goes back.
Step step(State state, const Event& event, Instant now);

// When the core wants a Tick at the latest.
Instant next_wakeup(const State& state);

// True while the core needs FlowsCounted about once a second: it has leftovers, or is about to say hello.
bool wants_flow_counts(const State& state);

}  // namespace relais::ha
