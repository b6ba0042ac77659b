// The firewall rule that takes marked openers out of the stack's way and into the hold's queue: first in the table
// `raw`, chain PREROUTING, for IPv4 and IPv6, by the source MAC that the data plane gives them. It has no bypass: while
// nobody reads the queue, its packets are dropped. Were it missing, the data plane would keep the stack's answers back.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>

namespace relais::netfilter {

struct QueueRule {
  std::string interface;
  std::uint16_t queue = 0;
};

enum class RuleChange : std::uint8_t { none, added };

// There already: fine. Runs iptables and ip6tables: milliseconds to, at a locked firewall, seconds.
Result<RuleChange> add_queue_rule(const QueueRule& rule);

// Not there: fine.
Result<> remove_queue_rule(const QueueRule& rule);

}  // namespace relais::netfilter
