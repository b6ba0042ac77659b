// Reads the boot clock. For the shell only: the core gets time as an argument.
#pragma once

#include "base/time.h"

#include <ctime>

namespace relais {

// CLOCK_BOOTTIME: does not jump, and counts time in suspend, so a lease runs out while a machine sleeps.
inline Instant boot_now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return Instant(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace relais
