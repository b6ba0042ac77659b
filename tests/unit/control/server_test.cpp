// The server as its clients see it.
#include "daemon/control/json.h"
#include "tests/unit/control/server_fixture.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <chrono>

namespace relais::control {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

class ControlServer : public ServerFixture {
 protected:
  void add_event() {
    on_server([this] {
      backend_.log.add(sample_event());
      server_->notify_events();
    });
  }
};

const std::string kLongPoll = "GET /v1/events?after=0&wait_ms=20000 HTTP/1.1\r\nHost: relaisd\r\n\r\n";

TEST_F(ControlServer, one_connection_serves_many_requests) {
  start();
  Client client = connect();
  const Answer status = client.get("/v1/status");
  EXPECT_EQ(status.status, 200);
  EXPECT_EQ(status.headers.at("Content-Type"), "application/json");
  EXPECT_EQ(parse_status(status.body).value(), sample_status());
  EXPECT_EQ(client.get("/v1/config").body, backend_.configuration_text);
  EXPECT_EQ(client.post("/v1/drain", R"({"node":"n2"})").status, 202);
  EXPECT_EQ(client.get("/nothing").status, 404);
  EXPECT_EQ(client.get("/v1/drain").headers.at("Allow"), "POST");
  EXPECT_EQ(client.get("/v1/version").status, 200);
}

TEST_F(ControlServer, requests_in_one_packet_are_answered_in_their_order) {
  start();
  Client client = connect();
  client.send(
      "GET /v1/version HTTP/1.1\r\n\r\nGET /v1/config HTTP/1.1\r\n\r\nGET /a HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(client.read_answer().body, HasSubstr("0.1.0"));
  EXPECT_THAT(client.read_answer().body, HasSubstr("[cluster]"));
  EXPECT_EQ(client.read_answer().status, 404);
  EXPECT_EQ(client.read_to_end(), "");
}

TEST_F(ControlServer, a_client_that_asks_to_close_is_closed_after_the_answer) {
  start();
  Client client = connect();
  client.send("GET /v1/version HTTP/1.0\r\n\r\n");
  EXPECT_THAT(client.read_to_end(), HasSubstr("HTTP/1.0 200 OK"));
}

TEST_F(ControlServer, a_request_that_comes_byte_by_byte_is_answered) {
  start();
  Client client = connect();
  for (const char c : std::string("GET /v1/version HTTP/1.1\r\n\r\n")) client.send(std::string(1, c));
  EXPECT_EQ(client.read_answer().status, 200);
}

TEST_F(ControlServer, what_is_no_http_gets_400_with_a_way_out_and_is_closed) {
  start();
  for (const char* text :
       {"hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "POST /v1/drain HTTP/1.1\r\nContent-Length: many\r\n\r\n"}) {
    Client client = connect();
    client.send(text);
    const Answer answer = client.read_answer();
    EXPECT_EQ(answer.status, 400) << text;
    EXPECT_THAT(parse_failure(answer.body).value().error, HasSubstr("not an HTTP/1.1 request")) << text;
    EXPECT_EQ(client.read_to_end(), "");
  }
}

TEST_F(ControlServer, half_a_request_gets_400_and_no_request_gets_nothing) {
  start();
  Client half = connect();
  half.send("POST /v1/drain HTTP/1.1\r\nContent-Length: 100\r\n\r\n{\"node\":");
  half.half_close();
  EXPECT_EQ(half.read_answer().status, 400);
  Client silent = connect();
  silent.half_close();
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_TRUE(backend_.orders.empty());
}

TEST_F(ControlServer, too_much_is_refused_and_names_the_bound) {
  start();
  Client long_body = connect();
  const Answer refused = long_body.post("/v1/drain", std::string(64 * 1024 + 1, 'x'));
  EXPECT_EQ(refused.status, 413);
  EXPECT_THAT(parse_failure(refused.body).value().way_out, HasSubstr("65536"));
  Client just_fits = connect();
  EXPECT_EQ(just_fits.post("/v1/drain", std::string(64 * 1024, 'x')).status, 400);
  Client long_header = connect();
  long_header.send("GET /v1/status HTTP/1.1\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(long_header.read_answer().status, 431);
  Client chunks = connect();
  chunks.send("POST /v1/drain HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n" + std::string(1000, 'x'));
  EXPECT_EQ(chunks.read_answer().status, 413);
}

TEST_F(ControlServer, a_slow_client_is_closed_at_the_deadline_and_delays_nobody) {
  start({.request_deadline = 300ms});
  Client slow = connect();
  const auto began = steady_clock::now();
  bool open = slow.send("GET /v1/st");
  while (open && steady_clock::now() - began < 5s) {
    const auto asked = steady_clock::now();
    EXPECT_EQ(connect().get("/v1/version").status, 200);
    EXPECT_LT(steady_clock::now() - asked, 2s);
    std::this_thread::sleep_for(20ms);
    open = slow.send("a");
  }
  EXPECT_FALSE(open);
  EXPECT_GE(steady_clock::now() - began, 250ms);
}

TEST_F(ControlServer, a_client_that_does_not_take_its_answer_is_closed_at_the_deadline) {
  backend_.configuration_text.assign(32 * 1024 * 1024, '#');  // more than a socket's buffers hold
  start({.connections = 1, .answer_deadline = 300ms});
  Client stuck = connect();
  stuck.send("GET /v1/config HTTP/1.1\r\n\r\n");
  const auto began = steady_clock::now();
  int status = 503;
  while (status != 200 && steady_clock::now() - began < 8s) {
    std::this_thread::sleep_for(20ms);
    status = connect().get("/v1/version").status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(ControlServer, a_hundred_connections_at_once_are_all_answered) {
  start();
  std::vector<Client> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(connect());
  for (Client& client : clients) client.send("GET /v1/status HTTP/1.1\r\n\r\n");
  for (Client& client : clients) EXPECT_EQ(client.read_answer().status, 200);
}

TEST_F(ControlServer, one_connection_too_many_is_told_503_and_the_others_live) {
  start({.connections = 3});
  std::vector<Client> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(connect());
    EXPECT_EQ(clients.back().get("/v1/version").status, 200);
  }
  const Answer refused = connect().get("/v1/version");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(parse_failure(refused.body).value().error, HasSubstr("too many"));
  for (Client& client : clients) EXPECT_EQ(client.get("/v1/version").status, 200);
}

TEST_F(ControlServer, a_long_poll_is_answered_as_soon_as_an_event_comes) {
  start();
  std::vector<Client> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(connect());
    clients.back().send(kLongPoll);
  }
  EXPECT_EQ(connect().get("/v1/version").status, 200);
  on_server([this] { server_->notify_events(); });  // a notice without an event answers nobody
  std::this_thread::sleep_for(50ms);
  const auto began = steady_clock::now();
  add_event();
  for (Client& client : clients) {
    const Answer answer = client.read_answer();
    EXPECT_EQ(parse_events(answer.body).value().events.size(), 1U);
    EXPECT_EQ(client.get("/v1/version").status, 200);
  }
  EXPECT_LT(steady_clock::now() - began, 5s);
}

TEST_F(ControlServer, a_long_poll_without_events_ends_empty_when_its_time_is_up) {
  start();
  Client client = connect();
  const auto began = steady_clock::now();
  const Answer answer = client.get("/v1/events?after=0&wait_ms=200");
  EXPECT_GE(steady_clock::now() - began, 200ms);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(parse_events(answer.body).value().events.empty());
}

TEST_F(ControlServer, a_client_that_leaves_its_long_poll_frees_its_place) {
  start({.connections = 1});
  {
    Client leaving = connect();
    leaving.send(kLongPoll);
    std::this_thread::sleep_for(50ms);
  }
  const auto began = steady_clock::now();
  int status = 503;
  while (status != 200 && steady_clock::now() - began < 5s) status = connect().get("/v1/version").status;
  EXPECT_EQ(status, 200);
}

TEST_F(ControlServer, stopping_ends_every_connection_and_removes_the_socket) {
  start();
  Client idle = connect();
  EXPECT_EQ(idle.get("/v1/version").status, 200);
  Client waiting = connect();
  waiting.send(kLongPoll);
  Client half = connect();
  half.send("GET /v1/st");
  std::this_thread::sleep_for(50ms);
  stop();
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_EQ(waiting.read_to_end(), "");
  EXPECT_EQ(half.read_to_end(), "");
  EXPECT_FALSE(std::filesystem::exists(path_));
  server_->stop();
}

TEST_F(ControlServer, a_second_server_on_the_same_socket_is_refused_and_the_first_lives) {
  start();
  boost::asio::io_context other_io;
  const auto second = open_control(other_io, backend_, path_, [](const Error&) {});
  ASSERT_TRUE(second.has_error());
  EXPECT_THAT(second.error().what, HasSubstr("relaisd runs already"));
  EXPECT_EQ(connect().get("/v1/version").status, 200);
}

TEST_F(ControlServer, clients_that_came_between_opening_the_socket_and_serving_it_are_answered) {
  auto socket = ControlSocket::open(path_, {});
  ASSERT_TRUE(socket.has_value());
  Client early = Client::connect(path_);
  early.send("GET /v1/version HTTP/1.1\r\n\r\n");
  boost::asio::io_context io;
  Server server =
      Server::serve_control(io, backend_, *std::move(socket), {.user = geteuid(), .group = {}}, [](const Error&) {});
  EXPECT_EQ(server.address(), path_);
  io.run_for(100ms);
  EXPECT_EQ(early.read_answer().status, 200);
}

TEST_F(ControlServer, an_io_context_that_ends_without_stop_takes_the_connections_with_it) {
  auto io = std::make_unique<boost::asio::io_context>();
  auto opened = open_control(*io, backend_, path_, [](const Error&) {});
  ASSERT_TRUE(opened.has_value());
  Client client = Client::connect(path_);
  client.send(kLongPoll);
  io->run_for(100ms);
  server_.emplace(*std::move(opened));
  server_.reset();
  io.reset();
  EXPECT_EQ(client.read_to_end(), "");
}

// Connects as another user: on Linux the raw system calls change the credentials of this thread only.
int status_for_stranger(const std::string& path) {
  int status = -1;
  std::thread stranger([&] {
    constexpr long kNobody = 65534;
    if (syscall(SYS_setgroups, 0, nullptr) != 0 || syscall(SYS_setresgid, kNobody, kNobody, kNobody) != 0 ||
        syscall(SYS_setresuid, kNobody, kNobody, kNobody) != 0) {
      return;
    }
    status = Client::connect(path).get("/v1/status").status;
  });
  stranger.join();
  return status;
}

TEST_F(ControlServer, a_stranger_cannot_connect_and_where_the_mode_was_changed_is_told_403) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  start();
  EXPECT_EQ(status_for_stranger(path_), 0);
  ASSERT_EQ(chmod(path_.c_str(), 0666), 0);
  EXPECT_EQ(status_for_stranger(path_), 403);
}

TEST_F(ControlServer, an_exception_of_the_backend_ends_one_connection_and_is_reported) {
  class Throwing : public BackendDouble {
    Status status() override { throw std::runtime_error("out of luck"); }
  };
  Throwing throwing;
  std::vector<std::string> reported;
  boost::asio::io_context io;
  auto opened = open_control(io, throwing, path_, [&](const Error& error) { reported.push_back(error.what); });
  ASSERT_TRUE(opened.has_value());
  Client client = Client::connect(path_);
  client.send("GET /v1/status HTTP/1.1\r\n\r\n");
  io.run_for(200ms);
  EXPECT_EQ(client.read_to_end(), "");
  ASSERT_EQ(reported.size(), 1U);
  EXPECT_THAT(reported.front(), HasSubstr("out of luck"));
}

class MetricsServer : public ServerFixture {};

TEST_F(MetricsServer, gives_the_metrics_and_nothing_else) {
  start_metrics();
  Client client = connect();
  const Answer metrics = client.get("/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_EQ(metrics.body, "relais_member 1\n");
  EXPECT_EQ(metrics.headers.at("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(client.get("/v1/status").status, 404);
  EXPECT_EQ(client.post("/metrics", "").status, 405);
  EXPECT_EQ(client.post("/v1/drain", R"({"node":"n2"})").status, 404);
}

}  // namespace
}  // namespace relais::control
