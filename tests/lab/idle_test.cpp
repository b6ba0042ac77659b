// Connections that only listen, against a server of this test's own on the loopback.
#include "lab/probe/idle.h"
#include "base/clock.h"
#include "lab/probe/load.h"

#include <gtest/gtest.h>

#include <set>

namespace relais::probe {
namespace {

using namespace std::chrono_literals;

class Server {
 public:
  Server() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    auto address = socket_address(*IpAddress::parse("127.0.0.1"), 0);
    EXPECT_EQ(::bind(listener_.get(), address.pointer(), address.length), 0);
    EXPECT_EQ(::listen(listener_.get(), 16), 0);
    sockaddr_in bound{};
    socklen_t length = sizeof bound;
    EXPECT_EQ(::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&bound), &length), 0);
    port_ = ntohs(bound.sin_port);
  }

  // Accepts what has connected and says a name to it.
  void greet() {
    for (int fd = accept_one(); fd >= 0; fd = accept_one()) {
      clients_.emplace_back(fd);
      EXPECT_EQ(::send(fd, "n1\n", 3, MSG_NOSIGNAL), 3);
    }
  }

  void reset(std::size_t client) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    EXPECT_EQ(::setsockopt(clients_[client].get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    clients_[client].reset();
  }
  void close(std::size_t client) { clients_[client].reset(); }

  bool has_heard_nothing(std::size_t client) const {
    char byte = 0;
    return ::recv(clients_[client].get(), &byte, 1, 0) < 0 && errno == EAGAIN;
  }
  std::size_t clients() const { return clients_.size(); }
  std::uint16_t port() const { return port_; }

 private:
  int accept_one() { return ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); }

  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::vector<UniqueFd> clients_;
};

class Idle : public ::testing::Test {
 protected:
  void open(std::size_t count) {
    targets_ = *make_targets({"127.0.0.1"}, {"127.0.0.2-9"}, server_.port());
    clients_.emplace(loop_, record_, targets_, count);
    pass(5s, [&] { return clients_->opened() == count; });
  }

  template <class Condition>
  void pass(Duration limit, Condition over) {
    const Instant end = boot_now() + limit;
    while (!over() && boot_now() < end) {
      clients_->tick(boot_now());
      loop_.run_once(1);
      server_.greet();
    }
  }
  void pass(Duration time) {
    pass(time, [] { return false; });
  }

  Server server_;
  EventLoop loop_ = *EventLoop::open();
  Record record_;
  std::vector<Target> targets_;
  std::optional<IdleClients> clients_;
};

TEST_F(Idle, a_connection_that_only_listens_sends_nothing_and_lives_on_in_silence) {
  open(3);
  ASSERT_EQ(record_.idle_opened.size(), 3U);
  EXPECT_EQ(record_.nodes.at(record_.idle_opened[0].node), "n1");
  pass(300ms);
  for (std::size_t client = 0; client < 3; ++client) EXPECT_TRUE(server_.has_heard_nothing(client));
  EXPECT_TRUE(record_.idle_broken.empty());
}

TEST_F(Idle, a_reset_and_an_orderly_end_are_told_apart_and_nothing_is_opened_again) {
  open(3);
  server_.reset(1);
  pass(5s, [&] { return record_.idle_broken.size() == 1; });
  server_.close(2);
  pass(5s, [&] { return record_.idle_broken.size() == 2; });
  ASSERT_EQ(record_.idle_broken.size(), 2U);
  EXPECT_EQ(record_.idle_broken[0].end, End::reset);
  EXPECT_EQ(record_.idle_broken[1].end, End::closed);
  pass(400ms);
  EXPECT_EQ(server_.clients(), 3U);
  EXPECT_EQ(record_.idle_opened.size(), 3U);
  EXPECT_EQ(record_.idle_broken.size(), 2U);
  EXPECT_EQ(clients_->opened(), 3U);
}

TEST(Spread, connections_come_from_different_sources_over_all_targets) {
  const auto targets = *make_targets({"127.0.0.1", "127.0.0.2"}, {"127.0.1.1-16"}, 1);
  std::set<std::string> sources;
  for (const auto& path : spread(targets, 8)) sources.insert(path.source.to_string());
  EXPECT_EQ(sources, (std::set<std::string>{"127.0.1.1", "127.0.1.5", "127.0.1.9", "127.0.1.13"}));
}

}  // namespace
}  // namespace relais::probe
