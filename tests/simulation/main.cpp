// The simulation by hand: runs seeds, prints what broke and the command that replays it.
//   simulation --seeds 1..2000        all of them; the first that fails ends it with its plan, trace and command
//                [--all]              does not end it: one line for each that fails
//   simulation --seed 17 [--steps K]  one seed, to its end or to step K [--trace: everything that happened]
#include "tests/simulation/world.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace relais;
using namespace relais::simulation;

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t last = 100;
  std::uint64_t last_step = std::numeric_limits<std::uint64_t>::max();
  Trace trace = Trace::off;
  bool all = false;
};

Arguments parse(const std::vector<std::string>& words) {
  Arguments arguments;
  const auto number = [](const std::string& word) { return std::strtoull(word.c_str(), nullptr, 10); };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool has_value = i + 1 < words.size();
    if (words[i] == "--trace") {
      arguments.trace = Trace::on;
    } else if (words[i] == "--all") {
      arguments.all = true;
    } else if (words[i] == "--seed" && has_value) {
      arguments.first = arguments.last = number(words[++i]);
    } else if (words[i] == "--steps" && has_value) {
      arguments.last_step = number(words[++i]);
    } else if (words[i] == "--seeds" && has_value && words[i + 1].find("..") != std::string::npos) {
      const std::string& range = words[++i];
      arguments.first = number(range);
      arguments.last = number(range.substr(range.find("..") + 2));
    } else {
      std::fprintf(stderr, "usage: simulation --seeds A..B [--all] | --seed S [--steps K] [--trace]\n");
      std::exit(2);
    }
  }
  return arguments;
}

int show_failure(const RunResult& failed) {
  const RunResult again = run({.seed = failed.seed, .last_step = failed.steps, .trace = Trace::on});
  const std::size_t skip = again.trace.size() > 60 ? again.trace.size() - 60 : 0;
  std::printf("%s", failed.plan.c_str());
  for (std::size_t i = skip; i < again.trace.size(); ++i) std::printf("%s\n", again.trace[i].c_str());
  std::printf("%s\n%s\n", failed.violation.c_str(), replay_command(failed).c_str());
  return 1;
}

int run_one(const Arguments& arguments) {
  const RunResult result = run({.seed = arguments.first, .last_step = arguments.last_step, .trace = arguments.trace});
  std::printf("%s", result.plan.c_str());
  for (const std::string& line : result.trace) std::printf("%s\n", line.c_str());
  if (!result.violation.empty()) {
    std::printf("%s\n%s\n", result.violation.c_str(), replay_command(result).c_str());
    return 1;
  }
  std::printf(
      "%llu steps, %llu connections, longest gap %lld ms, settled %lld ms after the faults, fingerprint %016llx\n",
      static_cast<unsigned long long>(result.steps), static_cast<unsigned long long>(result.connections),
      static_cast<long long>(to_ms(result.longest_gap)), static_cast<long long>(to_ms(result.settled_after)),
      static_cast<unsigned long long>(result.fingerprint));
  return 0;
}

int run_many(const Arguments& arguments) {
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t steps = 0;
  std::uint64_t takeovers = 0;
  std::uint64_t handovers = 0;
  std::uint64_t failed = 0;
  Duration slowest{};
  for (std::uint64_t seed = arguments.first; seed <= arguments.last; ++seed) {
    const RunResult result = run({.seed = seed});
    if (!result.violation.empty()) {
      if (!arguments.all) return show_failure(result);
      ++failed;
      std::printf("%s: %s\n", replay_command(result).c_str(), result.violation.c_str());
      std::fflush(stdout);
    }
    steps += result.steps;
    takeovers += result.takeovers;
    handovers += result.handovers;
    slowest = std::max(slowest, result.settled_after);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const std::uint64_t seeds = arguments.last - arguments.first + 1;
  std::printf(
      "%llu seeds, %llu steps, %llu takeovers, %llu handovers, settled within %lld ms, %llu violations, %.1f seeds/s\n",
      static_cast<unsigned long long>(seeds), static_cast<unsigned long long>(steps),
      static_cast<unsigned long long>(takeovers), static_cast<unsigned long long>(handovers),
      static_cast<long long>(to_ms(slowest)), static_cast<unsigned long long>(failed),
      static_cast<double>(seeds) / took.count());
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments = parse(std::vector<std::string>(argv + 1, argv + argc));
  return arguments.first == arguments.last ? run_one(arguments) : run_many(arguments);
}
