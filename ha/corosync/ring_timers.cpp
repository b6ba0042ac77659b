// Corosync's timers as it runs with them: see ring_timers.h.
#include "ha/corosync/ring_timers.h"

#include "ha/corosync/corosync_map.h"

#include <string>

namespace relais::corosync {
namespace {

constexpr std::uint32_t kMaxLinks = 8;  // knet's own bound

}  // namespace

Result<RingTimers> read_ring_timers() {
  const CorosyncMap map(CMAP_MAP_ICMAP);
  if (map.code() != CS_OK) {
    return Error{.what = std::string("cmap_initialize: ") + cs_strerror(map.code()),
                 .way_out = "is corosync running? see its log"};
  }
  RingTimers timers;
  timers.token_ms = map.number("runtime.config.totem.token").value_or(0);
  timers.consensus_ms = map.number("runtime.config.totem.consensus").value_or(0);
  timers.token_retransmit_ms = map.number("runtime.config.totem.token_retransmit").value_or(0);
  for (std::uint32_t number = 0; number < kMaxLinks; ++number) {
    const std::string link = "totem.interface." + std::to_string(number) + ".";
    const std::uint32_t interval = map.number(link + "knet_ping_interval").value_or(0);
    const std::uint32_t timeout = map.number(link + "knet_ping_timeout").value_or(0);
    if (interval == 0 && timeout == 0) continue;
    timers.links.push_back({.number = number, .ping_interval_ms = interval, .ping_timeout_ms = timeout});
  }
  return timers;
}

}  // namespace relais::corosync
