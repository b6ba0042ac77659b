// One connection to the local Corosync: membership of a process group (cpg) and the ring's quorum. The calls of
// Corosync's libraries are here and in ring_timers.cpp only. Any call but dispatch may block for ever while Corosync
// is frozen.
#pragma once

#include "base/result.h"
#include "ha/corosync/view_builder.h"
#include "ha/wire/bytes.h"

#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace relais::corosync {

struct RawMessage {
  NodeId from;
  wire::Bytes bytes;
};

// What one callback said.
using RingEvent = std::variant<GroupChange, RingId, RawMessage, QuorumWord>;
using RingEvents = std::vector<RingEvent>;

enum class SendOutcome : std::uint8_t { sent, try_again };

class RingConnection {
 public:
  // Joins the group `group` as node `self`. Fails while Corosync is not running or still starting.
  static Result<std::unique_ptr<RingConnection>> open(const std::string& group, NodeId self);

  RingConnection(const RingConnection&) = delete;
  RingConnection& operator=(const RingConnection&) = delete;
  virtual ~RingConnection() = default;

  // Readable when there is something to dispatch, or when Corosync has died. Owned by the connection.
  virtual int group_fd() const = 0;
  virtual int quorum_fd() const = 0;

  // Appends what has happened there, a bounded number of events at a time; only of use when the descriptor is readable.
  // Never blocks. After an error the connection is dead.
  virtual Result<> dispatch_group(RingEvents& out) = 0;
  virtual Result<> dispatch_quorum(RingEvents& out) = 0;

  // Multicasts in total order to the group.
  virtual Result<SendOutcome> send(wire::ByteView bytes) = 0;

 protected:
  RingConnection() = default;
};

}  // namespace relais::corosync
