// Open-loop load of short TCP connections.
#include "lab/probe/tcp_load.h"

#include "base/clock.h"
#include "lab/probe/client_socket.h"

#include <array>

namespace relais::probe {

// connect → read the node's name → send a line → read it back → close first, so that TIME_WAIT stays with the client.
class TcpLoad::Connection : public EventHandler {
 public:
  Connection(TcpLoad& owner, Attempt attempt) : owner_(owner), attempt_(attempt), limit_begins_(attempt.start) {}

  void open(const IpAddress& source, const SocketAddress& target) {
    auto fd = begin_connect(source, target);
    if (!fd) return end(fd.error().code == ECONNREFUSED ? Outcome::refused : Outcome::failed);
    fd_ = std::move(*fd);
    owner_.loop_.watch(fd_.get(), EPOLLOUT, *this);
  }

  void on_ready(std::uint32_t) override {
    if (!attempt_.connect) {
      on_connected(boot_now());
    } else {
      on_data();
    }
  }

  bool overdue(Instant now) const { return now - limit_begins_ > owner_.options_.time_limit; }

  void end(Outcome outcome) {
    if (fd_) owner_.loop_.forget(fd_.get());
    fd_.reset();
    attempt_.outcome = outcome;
    owner_.finish(*this, outcome);
  }

  const Attempt& attempt() const { return attempt_; }

 private:
  void on_connected(Instant now) {
    if (const int error = connect_error(fd_.get()); error != 0) {
      return end(error == ECONNREFUSED ? Outcome::refused : error == ECONNRESET ? Outcome::reset : Outcome::failed);
    }
    const Handshake handshake = handshake_of(fd_.get());
    attempt_.connect = handshake.duration.value_or(now - attempt_.start);
    attempt_.retransmitted = handshake.retransmitted;
    limit_begins_ = now;
    owner_.loop_.watch(fd_.get(), EPOLLIN, *this);
  }

  void on_data() {
    std::array<char, 16384> buffer{};
    const auto count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EAGAIN) return on_writable();
    if (count <= 0) return end(Outcome::reset);
    received_.append(buffer.data(), static_cast<std::size_t>(count));
    if (attempt_.node == kNobody) {
      const auto name = server_name(received_);
      if (name.empty()) return;
      attempt_.node = owner_.record_.node_index(name);
      received_.erase(0, name.size() + 1);
    }
    on_writable();
    if (fd_ && received_.size() >= owner_.options_.payload) end(Outcome::ok);
  }

  // Sends what is still to be sent of the line.
  void on_writable() {
    const std::size_t payload = owner_.options_.payload;
    if (attempt_.node == kNobody || sent_ >= payload) return;
    const std::string line(payload - sent_, 'r');
    const auto count = ::send(fd_.get(), line.data(), line.size(), MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) return end(Outcome::reset);
    if (count > 0) sent_ += static_cast<std::size_t>(count);
    owner_.loop_.watch(fd_.get(), sent_ < payload ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
  }

  TcpLoad& owner_;
  Attempt attempt_;
  Instant limit_begins_;
  UniqueFd fd_;
  std::string received_;
  std::size_t sent_ = 0;
};

TcpLoad::TcpLoad(EventLoop& loop, Record& record, std::vector<Target> targets, TcpLoadOptions options)
    : loop_(loop),
      record_(record),
      targets_(std::move(targets)),
      options_(options),
      first_sources_(add_sources(record, targets_)),
      next_source_(targets_.size(), 0) {}

TcpLoad::~TcpLoad() = default;

void TcpLoad::start_one(Instant now) {
  const std::size_t index = next_target_++ % targets_.size();
  const Target& target = targets_[index];
  const std::size_t source = next_source_[index]++ % target.sources.size();
  Attempt attempt;
  attempt.start = now;
  attempt.source = first_sources_[index] + static_cast<std::uint32_t>(source);
  auto connection = std::make_unique<Connection>(*this, attempt);
  Connection& opened = *connection;
  connections_.emplace(&opened, std::move(connection));
  opened.open(target.sources[source], socket_address(target.vip, target.port));
}

void TcpLoad::finish(Connection& connection, Outcome outcome) {
  record_.attempts.push_back(connection.attempt());
  record_.attempts.back().outcome = outcome;
  done_.push_back(&connection);
}

void TcpLoad::end_overdue(Instant now) {
  for (const auto* connection : done_) connections_.erase(connection);
  done_.clear();
  for (auto& [pointer, connection] : connections_) {
    if (connection->overdue(now)) connection->end(Outcome::failed);
  }
  for (const auto* connection : done_) connections_.erase(connection);
  done_.clear();
}

std::vector<std::uint32_t> add_sources(Record& record, const std::vector<Target>& targets) {
  std::vector<std::uint32_t> first;
  for (const auto& target : targets) {
    first.push_back(static_cast<std::uint32_t>(record.sources.size()));
    record.sources.insert(record.sources.end(), target.sources.begin(), target.sources.end());
  }
  return first;
}

}  // namespace relais::probe
