// INVARIANT: a programmer's error ends the process, in release builds too. Dying is safe, because peers take over;
// lying is not.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace relais {

[[noreturn]] inline void invariant_failed(const char* condition, const char* why, const char* file, int line) {
  std::fprintf(stderr, "relais: invariant broken: %s: %s (%s:%d)\n", why, condition, file, line);
  std::abort();
}

}  // namespace relais

#define INVARIANT(condition, why) \
  (static_cast<bool>(condition) ? void(0) : ::relais::invariant_failed(#condition, (why), __FILE__, __LINE__))
