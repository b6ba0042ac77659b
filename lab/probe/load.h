// One run of load: starts connections on time, takes orders, returns what was seen.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "lab/probe/addresses.h"
#include "lab/probe/record.h"

#include <cstdint>
#include <string>
#include <vector>

namespace relais::probe {

enum class Protocol : std::uint8_t { tcp, udp };

struct LoadOptions {
  std::vector<Target> targets;
  Protocol protocol = Protocol::tcp;
  double rate = 200;        // per second, over all targets; 0: long-lived only
  Duration duration{};      // of starting; zero: until `count` or the order `stop`
  std::uint64_t count = 0;  // 0: no limit
  std::size_t long_lived = 0;
  std::size_t idle = 0;  // connections that only listen
  Duration time_limit{};
  std::size_t payload = 16;
  std::string control;  // "-", a FIFO, or "" for none
};

// Orders: "phase NAME" begins a phase now; "stop" ends the run. SIGINT and SIGTERM end it too.
Result<Record> run_load(const LoadOptions& options);

}  // namespace relais::probe
