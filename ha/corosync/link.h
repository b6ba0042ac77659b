// The ring for the rest of relaisd: views, messages and losses as ordered events on the io_context; messages out.
//
// A frozen Corosync blocks every library call but dispatch, for ever. So all of them are made by one thread that is the
// link's own, and the io_context's thread, which holds the lease, never waits for it. That thread runs with SCHED_RR
// below Corosync's priority where permitted, because a starved reader delays heartbeats and so ends leases.
#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "ha/core/action.h"
#include "ha/core/event.h"
#include "ha/core/message.h"
#include "ha/corosync/ring_timers.h"
#include "ha/corosync/view_builder.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace boost::asio {
class io_context;
}

namespace relais::corosync {

struct LinkSettings {
  NodeId self;
  Votes votes;                   // as Corosync counts them
  std::string group = "relais";  // name of the process group
};

// Both are called on the io_context, in the order in which things happened.
struct LinkHandlers {
  // ViewChanged, Delivered or RingLost. In the first view after a connection, all members are `joined`.
  std::function<void(ha::Event)> event;
  // For the log: "ring-unreachable", "link-not-realtime", "message-damaged", "message-ignored".
  std::function<void(ha::Report)> report;
};

struct LinkStatus {
  bool connected = false;
  std::optional<RingId> ring;
  std::string last_error;         // of the last lost or failed connection
  std::uint64_t connections = 0;  // made since the start
  std::uint64_t messages_out = 0;
  std::uint64_t messages_in = 0;     // own ones too
  std::uint64_t undecodable = 0;     // damaged
  std::uint64_t ignored = 0;         // of a newer relaisd
  std::uint64_t refused = 0;         // send() said no
  bool realtime = false;             // the thread has its priority
  std::optional<RingTimers> timers;  // as Corosync runs with them
};

class RingLink {
 public:
  static constexpr std::size_t kMaxQueuedMessages = 1024;
  static constexpr std::size_t kMaxQueuedBytes = 8 * 1024 * 1024;

  // Starts to connect, and tries again every 100 ms until it is destroyed. `io` must outlive the link.
  RingLink(boost::asio::io_context& io, LinkSettings settings, LinkHandlers handlers);

  RingLink(const RingLink&) = delete;
  RingLink& operator=(const RingLink&) = delete;

  // No handler is called any more. Waits at most a second for the thread; if Corosync is frozen and holds it in a call,
  // the thread is left behind: it owns what it uses, and ends with the process.
  ~RingLink();

  // Queues a message; never blocks. Its view must be the one of the last ViewChanged that the handler was given. What
  // is queued when the ring is lost is dropped. An error if there is no connection or the queue is full.
  Result<> send(const ha::Message& message);

  LinkStatus status() const;

 private:
  struct Shared;
  class Worker;
  std::shared_ptr<Shared> shared_;
};

}  // namespace relais::corosync
