// Long-lived connections that exchange a byte every 100 ms, each from its own source; one that breaks is opened again.
#pragma once

#include "lab/probe/addresses.h"
#include "lab/probe/event_loop.h"
#include "lab/probe/record.h"

#include <memory>
#include <vector>

namespace relais::probe {

inline constexpr Duration kByteInterval = std::chrono::milliseconds(100);
// Without any byte for so long a connection counts as broken although nobody said so.
inline constexpr Duration kSilenceLimit = std::chrono::seconds(15);
inline constexpr Duration kReopenDelay = std::chrono::milliseconds(100);
inline constexpr Duration kOpenLimit = std::chrono::seconds(8);

class LongLived {
 public:
  // `loop` and `record` must outlive this object. The connections are spread evenly over the targets and their sources.
  LongLived(EventLoop& loop, Record& record, const std::vector<Target>& targets, std::size_t count);
  ~LongLived();

  // Opens, sends the bytes that are due, gives up what is silent. Outside of handlers only; call it often.
  void tick(Instant now);
  // How many are open and have heard their node's name.
  std::size_t established() const;

 private:
  class Connection;
  EventLoop& loop_;
  Record& record_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace relais::probe
