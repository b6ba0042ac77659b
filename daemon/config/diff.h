// What is different between two configurations, in words: `relais config check` tells what a restart would change.
#pragma once

#include "daemon/config/cluster.h"

#include <cstdint>
#include <string>
#include <vector>

namespace relais::config {

// What it takes to bring a running cluster to the new value.
enum class Effect : std::uint8_t {
  live,     // `relais weight` does the same without a restart
  restart,  // relaisd must be restarted on the nodes, one after the other
};

struct Difference {
  std::string what;  // "weight of n1 for mail4: 1 -> 2"
  Effect effect = Effect::restart;
  bool operator==(const Difference&) const = default;
};

// Pure; empty if the two are equal. Nodes are matched by id, VIPs by name.
std::vector<Difference> diff(const Cluster& from, const Cluster& to);

}  // namespace relais::config
