// One line of a benchmark's table.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace relais::bench {

struct Measurement {
  std::string what;
  std::vector<double> samples;  // ns per packet, one per round
};

// Of a copy; 0 without samples.
inline double median(std::vector<double> samples) {
  if (samples.empty()) return 0;
  std::ranges::sort(samples);
  const std::size_t middle = samples.size() / 2;
  return samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
}

}  // namespace relais::bench
