// A SYN flood: openers from addresses that nobody has, as many per second as asked for or as the machine gives.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "lab/probe/addresses.h"

#include <cstdint>
#include <string>
#include <vector>

namespace relais::probe {

struct FloodOptions {
  std::vector<Target> targets;  // at least one
  double rate = 0;              // per second; 0: as many as possible
  Duration duration{};          // zero: until a signal
  std::uint64_t seed = 0;
};

struct FloodReport {
  std::uint64_t sent = 0;
  std::uint64_t refused = 0;  // by the kernel of this machine: its queues were full
  Duration duration{};
};

// Floods until the time is up or SIGINT or SIGTERM comes. Needs CAP_NET_RAW. The sources must be such that the answers
// reach nobody, or somebody resets what should have stayed half open.
Result<FloodReport> run_flood(const FloodOptions& options);

std::string to_json(const FloodReport& report);
std::string to_table(const FloodReport& report);  // for people

}  // namespace relais::probe
