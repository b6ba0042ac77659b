// A SYN flood.
#include "lab/probe/flood.h"

#include "base/clock.h"
#include "base/invariant.h"
#include "base/prng.h"
#include "base/unique_fd.h"
#include "lab/probe/flood_packet.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <optional>
#include <thread>

namespace relais::probe {

namespace {

constexpr std::size_t kBatch = 64;
constexpr auto kPause = std::chrono::milliseconds(1);
// What a stall of our own has left undone is not made up for beyond this: the rate asked for is a rate, not a total.
constexpr double kLongestCatchUp_s = 0.1;

volatile std::sig_atomic_t stop_asked = 0;
void ask_to_stop(int) { stop_asked = 1; }

void end_on_signals() {
  struct sigaction action {};
  action.sa_handler = ask_to_stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

// IPPROTO_RAW: we write the IP header ourselves (raw(7); for IPv6, net/ipv6/af_inet6.c sets hdrincl alike).
Result<UniqueFd> open_raw(IpFamily family) {
  UniqueFd fd(::socket(family == IpFamily::v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!fd) return system_error("cannot open a raw socket", errno, "run it as root: lab/lab flood");
  return fd;
}

// One VIP: its socket, and a batch of packets that is made anew each time.
class Stream {
 public:
  static Result<Stream> open(const Target& target) {
    INVARIANT(!target.sources.empty(), "make_targets gives every VIP a source");
    auto fd = open_raw(target.vip.family());
    if (!fd) return std::move(fd).error();
    return Stream(target, std::move(*fd));
  }

  // Sends up to `count` openers (at most kBatch) and returns how many the kernel took.
  Result<std::size_t> send(std::size_t count, Prng& chance) {
    std::array<std::optional<OpenerPacket>, kBatch> packets;
    std::array<iovec, kBatch> vectors{};
    std::array<mmsghdr, kBatch> messages{};
    count = std::min(count, kBatch);
    for (std::size_t i = 0; i < count; ++i) {
      const auto bytes = packets[i].emplace(next_opener(chance)).bytes();
      vectors[i] = {.iov_base = const_cast<std::uint8_t*>(bytes.data()), .iov_len = bytes.size()};
      messages[i].msg_hdr.msg_name = &address_.storage;
      messages[i].msg_hdr.msg_namelen = address_.length;
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int taken = ::sendmmsg(fd_.get(), messages.data(), static_cast<unsigned>(count), 0);
    if (taken >= 0) return static_cast<std::size_t>(taken);
    if (errno == ENOBUFS || errno == EAGAIN || errno == EINTR) return std::size_t{0};
    return system_error("cannot send to " + target_.vip.to_string(), errno, "is there a route to it?");
  }

 private:
  Stream(Target target, UniqueFd fd)
      : target_(std::move(target)), address_(socket_address(target_.vip, 0)), fd_(std::move(fd)) {}

  Opener next_opener(Prng& chance) const {
    return {.source = target_.sources[chance.below(target_.sources.size())],
            .target = target_.vip,
            .source_port = static_cast<std::uint16_t>(chance.between(1024, 65535)),
            .target_port = target_.port,
            .sequence = static_cast<std::uint32_t>(chance.next())};
  }

  Target target_;
  SocketAddress address_;
  UniqueFd fd_;
};

class Flood {
 public:
  Flood(const FloodOptions& options, std::vector<Stream> streams)
      : options_(options), streams_(std::move(streams)), chance_(options.seed) {}

  Result<FloodReport> run() {
    const Instant begin = boot_now();
    credit_begin_ = begin;
    Instant now = begin;
    for (; stop_asked == 0 && !over(now - begin); now = boot_now()) {
      const auto count = due(now);
      if (count == 0) {
        std::this_thread::sleep_for(kPause);
        continue;
      }
      if (auto sent = send(count); !sent) return std::move(sent).error();
    }
    report_.duration = now - begin;
    return report_;
  }

 private:
  bool over(Duration elapsed) const { return options_.duration > Duration::zero() && elapsed >= options_.duration; }

  // How many openers should go out at once.
  std::size_t due(Instant now) {
    if (options_.rate <= 0) return kBatch;
    const double elapsed_s = std::chrono::duration<double>(now - credit_begin_).count();
    const double behind = elapsed_s * options_.rate - static_cast<double>(credited_);
    if (behind > kLongestCatchUp_s * options_.rate + static_cast<double>(kBatch)) {
      credit_begin_ = now;
      credited_ = 0;
      return kBatch;
    }
    return behind < 1 ? 0 : std::min(kBatch, static_cast<std::size_t>(behind));
  }

  Result<void> send(std::size_t count) {
    auto taken = streams_[turn_++ % streams_.size()].send(count, chance_);
    if (!taken) return std::move(taken).error();
    credited_ += count;
    report_.sent += *taken;
    report_.refused += count - *taken;
    return {};
  }

  const FloodOptions& options_;
  std::vector<Stream> streams_;
  Prng chance_;
  FloodReport report_;
  Instant credit_begin_;
  std::uint64_t credited_ = 0;  // since credit_begin_
  std::size_t turn_ = 0;
};

double seconds_of(const FloodReport& report) { return std::chrono::duration<double>(report.duration).count(); }

double rate_of(const FloodReport& report) {
  return seconds_of(report) > 0 ? static_cast<double>(report.sent) / seconds_of(report) : 0;
}

}  // namespace

Result<FloodReport> run_flood(const FloodOptions& options) {
  std::vector<Stream> streams;
  for (const auto& target : options.targets) {
    auto stream = Stream::open(target);
    if (!stream) return std::move(stream).error();
    streams.push_back(std::move(*stream));
  }
  INVARIANT(!streams.empty(), "a flood has a target");
  end_on_signals();
  return Flood(options, std::move(streams)).run();
}

std::string to_json(const FloodReport& report) {
  const nlohmann::json value{{"sent", report.sent},
                             {"refused", report.refused},
                             {"duration_ms", seconds_of(report) * 1000},
                             {"rate", rate_of(report)}};
  return value.dump(1) + "\n";
}

std::string to_table(const FloodReport& report) {
  std::array<char, 160> line{};
  std::snprintf(line.data(), line.size(), "sent %llu SYNs in %.1f s, %.0f/s; %llu refused by this machine\n",
                static_cast<unsigned long long>(report.sent), seconds_of(report), rate_of(report),
                static_cast<unsigned long long>(report.refused));
  return line.data();
}

}  // namespace relais::probe
