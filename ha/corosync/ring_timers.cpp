// Corosync's timers as it runs with them: see ring_timers.h.
#include "ha/corosync/ring_timers.h"

#include <corosync/cmap.h>
#include <corosync/corotypes.h>

#include <string>

namespace relais::corosync {
namespace {

constexpr std::uint32_t kMaxLinks = 8;  // knet's own bound

class Map {
 public:
  Map() : code_(cmap_initialize(&handle_)) {}
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;
  ~Map() {
    if (code_ == CS_OK) cmap_finalize(handle_);
  }
  cs_error_t code() const { return code_; }
  // 0 if the key is absent.
  std::uint32_t number(const std::string& key) const {
    std::uint32_t value = 0;
    return cmap_get_uint32(handle_, key.c_str(), &value) == CS_OK ? value : 0;
  }

 private:
  cmap_handle_t handle_{};
  cs_error_t code_;
};

}  // namespace

Result<RingTimers> read_ring_timers() {
  const Map map;
  if (map.code() != CS_OK) {
    return Error{.what = std::string("cmap_initialize: ") + cs_strerror(map.code()),
                 .way_out = "is corosync running? see its log"};
  }
  RingTimers timers;
  timers.token_ms = map.number("runtime.config.totem.token");
  timers.consensus_ms = map.number("runtime.config.totem.consensus");
  timers.token_retransmit_ms = map.number("runtime.config.totem.token_retransmit");
  for (std::uint32_t number = 0; number < kMaxLinks; ++number) {
    const std::string link = "totem.interface." + std::to_string(number) + ".";
    const std::uint32_t interval = map.number(link + "knet_ping_interval");
    const std::uint32_t timeout = map.number(link + "knet_ping_timeout");
    if (interval == 0 && timeout == 0) continue;
    timers.links.push_back({.number = number, .ping_interval_ms = interval, .ping_timeout_ms = timeout});
  }
  return timers;
}

}  // namespace relais::corosync
