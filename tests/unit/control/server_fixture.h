// A real server on a real Unix socket in a temporary directory, on a thread of its own. Each test ends with stop(), and
// the thread ends only if stop() has left no work behind: a leak is a test that hangs.
#pragma once

#include "daemon/control/server.h"
#include "tests/unit/control/backend_double.h"
#include "tests/unit/control/client.h"
#include "tests/unit/temporary_directory.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace relais::control {

inline Result<Server> open_control(boost::asio::io_context& io, Backend& backend, const std::string& path,
                                   ReportError report, Limits limits = {}) {
  auto socket = ControlSocket::open(path, {});
  if (!socket) return socket.error();
  return Server::serve_control(io, backend, *std::move(socket), {.user = geteuid(), .group = {}}, std::move(report),
                               limits);
}

class ServerFixture : public testing::Test {
 protected:
  void start(Limits limits = {}) {
    auto opened = open_control(
        io_, backend_, path_, [this](const Error& error) { reported_.push_back(error); }, limits);
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    server_.emplace(*std::move(opened));
    run();
  }

  void start_metrics() {
    auto opened = Server::open_metrics(io_, {.listen = {.address = IpAddress::v4({127, 0, 0, 1})},
                                             .render = [] { return std::string("relais_member 1\n"); },
                                             .report = [this](const Error& error) { reported_.push_back(error); }});
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    server_.emplace(*std::move(opened));
    run();
  }

  // Runs `action` on the server's thread and waits until it is done.
  void on_server(std::function<void()> action) {
    std::promise<void> done;
    boost::asio::post(io_, [&] {
      action();
      done.set_value();
    });
    done.get_future().wait();
  }

  void stop() {
    if (!thread_.joinable()) return;
    on_server([this] { server_->stop(); });
    thread_.join();
  }

  void TearDown() override {
    stop();
    EXPECT_TRUE(reported_.empty()) << reported_.front().to_string();
  }

  Client connect() { return Client::connect(server_->address()); }

  TemporaryDirectory directory_;
  std::string path_ = directory_ / "relaisd.sock";
  BackendDouble backend_;
  boost::asio::io_context io_;
  std::optional<Server> server_;
  std::vector<Error> reported_;

 private:
  void run() {
    thread_ = std::thread([this] { io_.run(); });
  }
  std::thread thread_;
};

}  // namespace relais::control
