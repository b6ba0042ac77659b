// One run of load.
#include "lab/probe/load.h"

#include "base/clock.h"
#include "lab/probe/commands.h"
#include "lab/probe/idle.h"
#include "lab/probe/long_lived.h"
#include "lab/probe/tcp_load.h"
#include "lab/probe/udp_load.h"

#include <algorithm>
#include <csignal>
#include <memory>
#include <optional>

namespace relais::probe {

namespace {

constexpr Duration kOverduePeriod = std::chrono::milliseconds(50);
// After a stall of our own no more than this many connections start at once: a burst would measure itself.
constexpr std::uint64_t kLargestBurst = 50;
constexpr Duration kLastingFirst = std::chrono::seconds(5);

volatile std::sig_atomic_t stop_asked = 0;
void ask_to_stop(int) { stop_asked = 1; }

class Run {
 public:
  Run(const LoadOptions& options, EventLoop& loop, CommandReader commands)
      : options_(options), loop_(loop), commands_(std::move(commands)) {}

  Result<void> prepare() {
    if (options_.protocol == Protocol::udp) {
      auto udp = UdpLoad::open(loop_, record_, options_.targets);
      if (!udp) return std::move(udp).error();
      udp_ = std::move(*udp);
    } else {
      tcp_.emplace(loop_, record_, options_.targets,
                   TcpLoadOptions{.time_limit = options_.time_limit, .payload = options_.payload});
    }
    long_lived_ = std::make_unique<LongLived>(loop_, record_, options_.targets, options_.long_lived);
    idle_clients_ = std::make_unique<IdleClients>(loop_, record_, options_.targets, options_.idle);
    return {};
  }

  Record run() {
    begin();
    open_lasting();
    rate_begin_ = boot_now();
    while (!over(boot_now())) turn();
    while (!idle()) turn_without_starts();
    record_.end = boot_now();
    return std::move(record_);
  }

 private:
  void begin() {
    record_.begin = boot_now();
    timespec wall{};
    clock_gettime(CLOCK_REALTIME, &wall);
    record_.begin_wall_ms = wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
    record_.phases.push_back({.name = "start", .when = record_.begin});
  }

  // The long-lived and the idle connections come first, so that the first phase finds them open.
  void open_lasting() {
    const Instant limit = boot_now() + kLastingFirst;
    while (!lasting_are_open() && boot_now() < limit && stop_asked == 0) turn_without_starts();
  }

  bool lasting_are_open() const {
    return long_lived_->established() >= options_.long_lived && idle_clients_->opened() >= options_.idle;
  }

  bool over(Instant now) const {
    if (stop_asked != 0 || stopped_) return true;
    if (options_.count > 0 && started_ >= options_.count) return true;
    return options_.duration > Duration::zero() && now - rate_begin_ >= options_.duration;
  }

  bool idle() const { return (!tcp_ || tcp_->idle()) && (!udp_ || udp_->idle()); }

  void turn() {
    loop_.run_once(1);
    const Instant now = boot_now();
    follow_orders(now);
    start_due(now);
    housekeeping(now);
  }

  void turn_without_starts() {
    loop_.run_once(1);
    follow_orders(boot_now());
    housekeeping(boot_now());
  }

  void start_due(Instant now) {
    const double elapsed_s = std::chrono::duration<double>(now - rate_begin_).count();
    const auto due = static_cast<std::uint64_t>(elapsed_s * options_.rate);
    if (due <= passed_) return;
    const std::uint64_t behind = due - passed_;
    if (options_.rate > 0) {
      const double late_s = static_cast<double>(behind - 1) / options_.rate;
      record_.latest =
          std::max(record_.latest, std::chrono::duration_cast<Duration>(std::chrono::duration<double>(late_s)));
    }
    passed_ = due;
    for (std::uint64_t i = 0; i < std::min(behind, kLargestBurst) && !over(now); ++i) {
      ++started_;
      if (tcp_) tcp_->start_one(boot_now());
      if (udp_) udp_->start_one(boot_now());
    }
  }

  void housekeeping(Instant now) {
    long_lived_->tick(now);
    idle_clients_->tick(now);
    if (now - last_overdue_ < kOverduePeriod) return;
    last_overdue_ = now;
    if (tcp_) tcp_->end_overdue(now);
    if (udp_) udp_->end_overdue(now);
  }

  void follow_orders(Instant now) {
    for (const auto& line : commands_.take()) {
      if (line.starts_with("phase ")) record_.phases.push_back({.name = line.substr(6), .when = now});
      if (line == "stop") stopped_ = true;
    }
  }

  const LoadOptions& options_;
  EventLoop& loop_;
  CommandReader commands_;
  Record record_;
  std::optional<TcpLoad> tcp_;
  std::unique_ptr<UdpLoad> udp_;
  std::unique_ptr<LongLived> long_lived_;
  std::unique_ptr<IdleClients> idle_clients_;
  Instant rate_begin_;
  Instant last_overdue_;
  std::uint64_t passed_ = 0;  // starts that were due so far
  std::uint64_t started_ = 0;
  bool stopped_ = false;
};

void end_on_signals() {
  struct sigaction action {};
  action.sa_handler = ask_to_stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

Result<Record> run_load(const LoadOptions& options) {
  auto loop = EventLoop::open();
  if (!loop) return std::move(loop).error();
  auto commands = CommandReader::open(options.control);
  if (!commands) return std::move(commands).error();
  end_on_signals();
  Run run(options, *loop, std::move(*commands));
  if (auto prepared = run.prepare(); !prepared) return std::move(prepared).error();
  return run.run();
}

}  // namespace relais::probe
