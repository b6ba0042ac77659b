// Connections that only listen.
#include "lab/probe/idle.h"

#include "base/clock.h"
#include "lab/probe/client_socket.h"

#include <algorithm>
#include <array>

namespace relais::probe {

namespace {

constexpr Duration kOpenLimit = std::chrono::seconds(8);
constexpr Duration kRetryDelay = std::chrono::milliseconds(100);

}  // namespace

class IdleClients::Connection : public EventHandler {
 public:
  Connection(IdleClients& owner, Path path) : owner_(owner), path_(path) {}

  void tick(Instant now) {
    if (stage_ == Stage::closed && now >= due_) open(now);
    if (stage_ == Stage::opening && now - began_ > kOpenLimit) retry(now);
  }

  void on_ready(std::uint32_t) override {
    const Instant now = boot_now();
    std::array<char, 512> buffer{};
    const auto count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) return stage_ == Stage::open ? broken(now, count == 0 ? End::closed : End::reset) : retry(now);
    if (stage_ != Stage::opening) return;
    banner_.append(buffer.data(), static_cast<std::size_t>(count));
    if (const auto name = server_name(banner_); !name.empty()) opened(name, now);
  }

  bool was_opened() const { return stage_ == Stage::open || stage_ == Stage::ended; }

 private:
  enum class Stage { closed, opening, open, ended };

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
    owner_.record_.idle_opened.push_back({.when = now, .node = node_});
  }

  void broken(Instant now, End end) {
    owner_.record_.idle_broken.push_back({.when = now, .node = node_, .source = path_.source, .end = end});
    close();
    stage_ = Stage::ended;
  }

  void retry(Instant now) {
    close();
    stage_ = Stage::closed;
    due_ = now + kRetryDelay;
  }

  void close() {
    if (fd_) owner_.loop_.forget(fd_.get());
    fd_.reset();
  }

  IdleClients& owner_;
  Path path_;
  Stage stage_ = Stage::closed;
  NodeIndex node_ = kNobody;
  Instant began_;
  Instant due_;
  UniqueFd fd_;
  std::string banner_;
};

IdleClients::IdleClients(EventLoop& loop, Record& record, const std::vector<Target>& targets, std::size_t count)
    : loop_(loop), record_(record) {
  for (const Path& path : spread(targets, count)) connections_.push_back(std::make_unique<Connection>(*this, path));
}

IdleClients::~IdleClients() = default;

void IdleClients::tick(Instant now) {
  for (auto& connection : connections_) connection->tick(now);
}

std::size_t IdleClients::opened() const {
  return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(),
                                                [](const auto& connection) { return connection->was_opened(); }));
}

}  // namespace relais::probe
