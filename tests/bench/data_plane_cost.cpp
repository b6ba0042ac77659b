// Benchmark of the data plane: the cost of each verdict, and a flood of other nodes' packets beside xt_cluster and
// nft. Prints one table (docs/benchmarks.md explains it). Ends with 1 if native XDP is not at least four times
// cheaper in total than xt_cluster, with 77 if it cannot run here.
//
// RELAIS_BENCH_ROUNDS: rounds per line, default 7.
#include "tests/bench/flood.h"
#include "tests/bench/verdict_cost.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

using relais::bench::Measurement;
using relais::bench::median;

constexpr int kSkipped = 77;
constexpr double kTarget = 4;

int skip(const std::string& why) {
  std::printf("skipped: %s\n", why.c_str());
  return kSkipped;
}

std::size_t rounds() {
  const char* text = std::getenv("RELAIS_BENCH_ROUNDS");
  const long value = text == nullptr ? 7 : std::strtol(text, nullptr, 10);
  return value < 1 ? 1 : static_cast<std::size_t>(value);
}

void print_verdicts(const std::vector<Measurement>& lines) {
  std::printf("\n%-48s %10s %10s\n", "one packet through a program (BPF_PROG_TEST_RUN)", "ns", "over empty");
  const double empty_xdp = median(lines[0].samples);
  const double empty_tc = median(lines[1].samples);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const bool is_tc = i == 1 || lines[i].what.rfind("tc", 0) == 0 || lines[i].what.rfind("egress", 0) == 0;
    const double cost = median(lines[i].samples);
    std::printf("%-48s %10.0f %10.0f\n", lines[i].what.c_str(), cost, cost - (is_tc ? empty_tc : empty_xdp));
  }
}

void print_flood(const std::vector<Measurement>& lines) {
  std::printf("\n%-48s %10s %10s %10s\n", "flood of other nodes' SYNs, CPU per packet", "total ns", "over floor",
              "x relais");
  const double floor = median(lines[relais::bench::kFloodFloor].samples);
  const double native = median(lines[relais::bench::kFloodNative].samples);
  for (const Measurement& line : lines) {
    const double cost = median(line.samples);
    if (line.samples.empty()) {
      std::printf("%s\n", line.what.c_str());
    } else {
      std::printf("%-48s %10.0f %10.0f %10.1f\n", line.what.c_str(), cost, cost - floor, cost / native);
    }
  }
}

}  // namespace

int main() {
  if (::geteuid() != 0) return skip("needs root");
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) return skip("cannot make namespaces");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return skip("cannot make mounts private");
  std::printf("data plane: medians of %zu interleaved rounds\n", rounds());
  const auto verdicts = relais::bench::measure_verdicts(rounds());
  if (!verdicts) return skip(verdicts.error().to_string());
  print_verdicts(*verdicts);
  const auto flood = relais::bench::measure_flood(rounds());
  if (!flood) return skip(flood.error().to_string());
  print_flood(*flood);
  const double cluster = median((*flood)[relais::bench::kFloodCluster].samples);
  if (cluster == 0) return skip("no xt_cluster to compare with");
  const double ratio = cluster / median((*flood)[relais::bench::kFloodNative].samples);
  std::printf("\nnative XDP is %.1f times cheaper in total than xt_cluster (wanted: at least %.0f): %s\n", ratio,
              kTarget, ratio >= kTarget ? "ok" : "MISSED");
  return ratio >= kTarget ? 0 : 1;
}
