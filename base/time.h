// Instants on the boot clock, the one clock that the data plane can read too (bpf_ktime_get_boot_ns).
// This header is pure: reading the clock is in base/clock.h, which the core must not include.
#pragma once

#include <chrono>
#include <cstdint>

namespace relais {

struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};

using Duration = std::chrono::nanoseconds;
using Instant = BootClock::time_point;  // the epoch (zero) means "never" where a field says so

inline constexpr std::int64_t to_ms(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

// Nanoseconds since boot, as the data plane's maps hold them.
inline constexpr std::uint64_t boot_ns(Instant instant) {
  return static_cast<std::uint64_t>(instant.time_since_epoch().count());
}

}  // namespace relais
