// What the core wants done. The shell carries actions out in the order of the list, one after the other, before it
// takes the next event. Stores into the data plane's mapped memory cannot fail, so what follows one in a list may rely
// on it.
#pragma once

#include "base/bucket_state.h"
#include "base/ids.h"
#include "base/time.h"
#include "ha/core/message.h"

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace relais::ha {

// The whole new table of one VIP on this node.
struct ApplyStates {
  VipId vip;
  BucketStates states{};
  bool operator==(const ApplyStates&) const = default;
};

// This node may answer until then; Instant{} = not at all.
struct SetLease {
  Instant until;
  bool operator==(const SetLease&) const = default;
};

struct Multicast {
  Body body;
  bool operator==(const Multicast&) const = default;
};

// For a handover: which openers of these buckets (by VIP) has this node accepted? It goes on with those that are still
// opening, but for those of a time when it was cut off: it gives them up, and they are not in the list, so the new
// owner answers them. The answer is OpenersListed, also if it is "not known".
struct ListOpeners {
  Epoch move;  // Epoch{}: nobody waits for the list, some are to be given up
  std::vector<BucketSet> buckets;
  Instant cut_off_until{};  // until then answers of this node may not have reached clients
  bool operator==(const ListOpeners&) const = default;
};

// Openers that previous owners have accepted. Carried out before the states that follow in the list.
struct LeaveOpeners {
  std::vector<Opener> openers;
  bool operator==(const LeaveOpeners&) const = default;
};

// Nothing that was noted of openers holds any more: others may have answered them since.
struct ForgetOpeners {
  bool operator==(const ForgetOpeners&) const = default;
};

// What becomes of the openers that are held for these buckets (by VIP).
enum class HeldDecision : std::uint8_t {
  drop,                // the owner has answered them, or nobody can tell
  release,             // nobody else answers them: what previous owners go on with is known
  release_unanswered,  // the owner has died or is cut off: those whose clients have not gone on
};
struct DecideHeld {
  std::vector<BucketSet> buckets;
  HeldDecision decision = HeldDecision::drop;
  bool operator==(const DecideHeld&) const = default;
};

// Reset the local connections of these buckets: all (drain limit, or a front that stays dead), or those that are half
// open: whose SYN-ACK the client has not answered.
enum class FlowKind : std::uint8_t { all, half_open };
struct DestroyFlows {
  VipId vip;
  BucketSet buckets;
  FlowKind kind = FlowKind::all;
  bool operator==(const DestroyFlows&) const = default;
};

// Tell the clients of these buckets that their connections with `of` are over: they are this node's now, in state
// `serve`, so what a client answers to the tickle is reset.
struct Tickle {
  NodeId of;
  VipId vip;
  BucketSet buckets;
  bool operator==(const Tickle&) const = default;
};

// Ask the clients of this node's own connections whether they still have them: who has nothing any more ends the
// connection with a reset, and it holds its bucket up no longer; who still has it confirms it.
struct AskClients {
  bool operator==(const AskClients&) const = default;
};

// The replicated state changed: keep a copy over restarts (best effort; what a node owns is never read from disk).
struct SaveCluster {
  bool operator==(const SaveCluster&) const = default;
};

enum class Severity : std::uint8_t { info, warning, error };

// For the log and `relais events`. `node` is the node that it is about.
struct Report {
  Severity severity = Severity::info;
  std::string kind;  // stable machine word: "node-died", "joined", "quorum-lost", "config-differs", …
  NodeId node;
  std::string text;
  bool operator==(const Report&) const = default;
};

// The record of one finished (or abandoned) move: `relais receipts`.
struct Receipt {
  Epoch epoch;
  NodeId from;
  NodeId to;
  Cause cause = Cause::formed;
  std::uint16_t buckets = 0;
  std::int64_t detect_us = 0;
  std::int64_t takeover_us = 0;
  std::uint32_t flows_kept = 0;
  std::uint32_t flows_lost = 0;
  bool abandoned = false;  // a member died before the move was finished; another move follows
  bool operator==(const Receipt&) const = default;
};

// This node may be without relaisd now, until the lease that was set ends: the successor may take the process over. If
// it cannot, UpgradeFailed must follow.
struct StartSuccessor {
  bool operator==(const StartSuccessor&) const = default;
};

// relaisd may end now: peers have been told.
struct StopNow {
  bool operator==(const StopNow&) const = default;
};

using Action = std::variant<ApplyStates, SetLease, Multicast, ListOpeners, LeaveOpeners, ForgetOpeners, DecideHeld,
                            DestroyFlows, Tickle, AskClients, SaveCluster, Report, Receipt, StopNow, StartSuccessor>;
using Actions = std::vector<Action>;

}  // namespace relais::ha
