// Open-loop load of UDP datagrams.
#include "lab/probe/udp_load.h"

#include "base/clock.h"
#include "lab/probe/client_socket.h"
#include "lab/probe/tcp_load.h"

#include <array>
#include <charconv>
#include <string>

namespace relais::probe {

class UdpLoad::Socket : public EventHandler {
 public:
  Socket(UdpLoad& owner, UniqueFd fd, std::uint32_t source) : owner_(owner), fd_(std::move(fd)), source_(source) {
    owner_.loop_.watch(fd_.get(), EPOLLIN, *this);
  }

  void send(std::uint64_t number) {
    const auto text = std::to_string(number);
    // A refusal of an earlier datagram may be reported here: it counts by staying unanswered.
    if (::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0) ::send(fd_.get(), text.data(), text.size(), 0);
  }

  // The answer is "NAME NUMBER".
  void on_ready(std::uint32_t) override {
    std::array<char, 256> buffer{};
    const auto count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count <= 0) return;
    const std::string text(buffer.data(), static_cast<std::size_t>(count));
    const auto space = text.find(' ');
    if (space == std::string::npos) return;
    std::uint64_t number = 0;
    const auto parsed = std::from_chars(text.data() + space + 1, text.data() + text.size(), number);
    if (parsed.ec == std::errc{}) owner_.answered(number, source_, text.substr(0, space), boot_now());
  }

  std::uint32_t source() const { return source_; }

 private:
  UdpLoad& owner_;
  UniqueFd fd_;
  std::uint32_t source_;
};

Result<std::unique_ptr<UdpLoad>> UdpLoad::open(EventLoop& loop, Record& record, const std::vector<Target>& targets) {
  std::unique_ptr<UdpLoad> load(new UdpLoad(loop, record));
  const auto first = add_sources(record, targets);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto target = socket_address(targets[i].vip, targets[i].port);
    for (std::size_t j = 0; j < targets[i].sources.size(); ++j) {
      auto fd = open_udp(targets[i].sources[j], target);
      if (!fd) return std::move(fd).error();
      const auto source = first[i] + static_cast<std::uint32_t>(j);
      load->sockets_.push_back(std::make_unique<Socket>(*load, std::move(*fd), source));
    }
  }
  return load;
}

UdpLoad::UdpLoad(EventLoop& loop, Record& record) : loop_(loop), record_(record) {}

UdpLoad::~UdpLoad() = default;

void UdpLoad::start_one(Instant now) {
  const std::uint64_t number = next_number_++;
  Socket& socket = *sockets_[number % sockets_.size()];
  Attempt attempt;
  attempt.start = now;
  attempt.source = socket.source();
  waiting_.emplace(number, attempt);
  in_order_.push_back({.number = number, .when = now});
  socket.send(number);
}

void UdpLoad::answered(std::uint64_t number, std::uint32_t source, const std::string& name, Instant now) {
  const auto found = waiting_.find(number);
  const NodeIndex node = record_.node_index(name);
  if (found == waiting_.end()) {
    record_.duplicates.push_back({.when = now, .source = source, .node = node});
    return;
  }
  Attempt attempt = found->second;
  attempt.connect = now - attempt.start;
  attempt.node = node;
  attempt.outcome = Outcome::ok;
  record_.attempts.push_back(attempt);
  waiting_.erase(found);
}

void UdpLoad::end_overdue(Instant now) {
  while (!in_order_.empty() && now - in_order_.front().when > kUdpLimit) {
    if (const auto found = waiting_.find(in_order_.front().number); found != waiting_.end()) {
      record_.attempts.push_back(found->second);
      waiting_.erase(found);
    }
    in_order_.pop_front();
  }
}

}  // namespace relais::probe
