// Long-lived connections.
#include "lab/probe/long_lived.h"

#include "base/clock.h"
#include "lab/probe/client_socket.h"

#include <algorithm>
#include <array>

namespace relais::probe {

class LongLived::Connection : public EventHandler {
 public:
  Connection(LongLived& owner, Path path) : owner_(owner), path_(path) {}

  void tick(Instant now) {
    switch (stage_) {
      case Stage::closed:
        if (now >= due_) open(now);
        break;
      case Stage::opening:
        if (now - began_ > kOpenLimit) retry(now);
        break;
      case Stage::open:
        if (now - heard_ > kSilenceLimit) {
          broken(now);
        } else if (now >= due_) {
          send_byte(now);
        }
        break;
    }
  }

  void on_ready(std::uint32_t) override {
    const Instant now = boot_now();
    std::array<char, 512> buffer{};
    const auto count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return stage_ == Stage::open ? broken(now) : retry(now);
    heard_ = now;
    if (stage_ == Stage::opening) {
      banner_.append(buffer.data(), static_cast<std::size_t>(count));
      if (const auto name = server_name(banner_); !name.empty()) opened(name, now);
    }
  }

  bool is_open() const { return stage_ == Stage::open; }

 private:
  enum class Stage { closed, opening, open };

  void open(Instant now) {
    began_ = now;
    auto fd = begin_connect(path_.source, path_.target);
    if (!fd) return retry(now);
    fd_ = std::move(*fd);
    stage_ = Stage::opening;
    banner_.clear();
    owner_.loop_.watch(fd_.get(), EPOLLIN, *this);
  }

  void opened(const std::string& name, Instant now) {
    stage_ = Stage::open;
    node_ = owner_.record_.node_index(name);
    owner_.record_.long_opened.push_back({.when = now, .node = node_, .again = opened_before_});
    opened_before_ = true;
    due_ = now;
  }

  void send_byte(Instant now) {
    due_ = std::max(due_ + kByteInterval, now);
    if (::send(fd_.get(), "r", 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN) broken(now);
  }

  void broken(Instant now) {
    owner_.record_.long_broken.push_back({.when = now, .node = node_, .unheard = now - heard_});
    retry(now);
  }

  void retry(Instant now) {
    if (fd_) owner_.loop_.forget(fd_.get());
    fd_.reset();
    stage_ = Stage::closed;
    due_ = now + kReopenDelay;
  }

  LongLived& owner_;
  Path path_;
  Stage stage_ = Stage::closed;
  bool opened_before_ = false;
  NodeIndex node_ = kNobody;
  Instant began_;
  Instant due_;
  Instant heard_;
  UniqueFd fd_;
  std::string banner_;
};

LongLived::LongLived(EventLoop& loop, Record& record, const std::vector<Target>& targets, std::size_t count)
    : loop_(loop), record_(record) {
  for (const Path& path : spread(targets, count)) connections_.push_back(std::make_unique<Connection>(*this, path));
}

LongLived::~LongLived() = default;

void LongLived::tick(Instant now) {
  for (auto& connection : connections_) connection->tick(now);
}

std::size_t LongLived::established() const {
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [](const auto& connection) { return connection->is_open(); }));
}

}  // namespace relais::probe
