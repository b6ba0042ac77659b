// Connections that only listen, as a mail client in IMAP IDLE does: each connects, hears the node's name, and then
// sends nothing at all, not even a keepalive. Silence is their normal state; one that the other side ends stays ended.
#pragma once

#include "lab/probe/addresses.h"
#include "lab/probe/event_loop.h"
#include "lab/probe/record.h"

#include <memory>
#include <vector>

namespace relais::probe {

class IdleClients {
 public:
  // `loop` and `record` must outlive this object. The connections are spread evenly over the targets and their sources.
  IdleClients(EventLoop& loop, Record& record, const std::vector<Target>& targets, std::size_t count);
  ~IdleClients();

  // Opens what has never been open. Outside of handlers only; call it often.
  void tick(Instant now);
  // How many have ever heard their node's name: all of them, once the run is prepared.
  std::size_t opened() const;

 private:
  class Connection;
  EventLoop& loop_;
  Record& record_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace relais::probe
