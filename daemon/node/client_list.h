// What this node tells the others about its connections: lists of what came and went, bounded in size and rate. Pure.
#pragma once

#include "daemon/node/client_set.h"
#include "ha/core/message.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace relais::node {

// Of one node. Beyond that a takeover tells most of its clients, not all.
inline constexpr std::size_t kMaxListed = 65'536;

class ClientList {
 public:
  static constexpr std::size_t kMessageBytes = 16 * 1024;
  static constexpr std::size_t kMessagesPerCall = 4;  // one call a second: 64 KiB a second

  // The messages that bring the others nearer to `all` (in any order), at most kMessagesPerCall. What does not fit
  // is told by the next calls.
  std::vector<ha::Clients> tell(std::vector<ha::Client> all);
  // The others know nothing, or something else: tell them everything.
  void begin_anew();

  // Connections of the last call that are not in the list, because it is full.
  std::size_t unlisted() const { return unlisted_; }

 private:
  ClientSet told_;
  std::uint32_t next_sequence_ = 1;
  bool begins_ = true;
  std::size_t unlisted_ = 0;
};

}  // namespace relais::node
