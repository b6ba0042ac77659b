// Everything that can go wrong between `relais` and relaisd: a clear message, the right exit code, never a hang.
#include "daemon/cli/transport.h"
#include "daemon/cli/client.h"
#include "tests/unit/cli/fake_relaisd.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace relais::cli {
namespace {

using namespace std::chrono_literals;

Request quick() { return {.target = "/v1/status", .deadline = 300ms}; }

TEST(Transport, brings_question_and_answer) {
  std::string asked;
  FakeRelaisd relaisd([&](const std::string& request) {
    asked = request;
    return FakeRelaisd::http("{\"a\":1}");
  });
  const auto reply = send_request(relaisd.path(), {.method = Method::post, .target = "/v1/drain", .body = "{}"});
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(reply->status, 200U);
  EXPECT_EQ(reply->body, "{\"a\":1}");
  EXPECT_TRUE(asked.starts_with("POST /v1/drain HTTP/1.1\r\n")) << asked;
  EXPECT_NE(asked.find("Content-Length: 2\r\n"), std::string::npos) << asked;
  EXPECT_TRUE(asked.ends_with("\r\n\r\n{}")) << asked;
}

TEST(Transport, takes_answers_of_every_http_form) {
  const std::vector<std::string> answers = {
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\n\r\n{}",  // ends with the connection
      "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}trailing bytes that belong to nobody",
  };
  for (const std::string& answer : answers) {
    FakeRelaisd relaisd([&](const std::string&) { return answer; });
    const auto reply = send_request(relaisd.path(), quick());
    ASSERT_TRUE(reply) << answer << ": " << reply.error().what;
    EXPECT_EQ(reply->body, "{}") << answer;
  }
}

TEST(Transport, brings_an_answer_of_the_greatest_length) {
  FakeRelaisd relaisd([](const std::string&) { return FakeRelaisd::http(std::string(kLongestAnswer, 'x')); });
  const auto reply = send_request(relaisd.path(), {.target = "/v1/status"});
  ASSERT_TRUE(reply) << reply.error().what;
  EXPECT_EQ(reply->body.size(), kLongestAnswer);
}

TEST(Transport, calls_a_bad_answer_bad) {
  struct Row {
    std::string name;
    std::string answer;
    std::string what;
  };
  const std::vector<Row> rows = {
      {"nothing", "", "the connection ended without one"},
      {"half a header", "HTTP/1.1 200 OK\r\nContent-Le", "in the middle"},
      {"half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{\"a\"", "in the middle"},
      {"half a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "in the middle"},
      {"another protocol", "220 mail.example ESMTP ready\r\n\r\n", "not HTTP"},
      {"binary", std::string("\x16\x03\x01\x00\xff\x00\x00\x00\r\n\r\n", 12), "not HTTP"},
      {"a lie about its length", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}", "not HTTP"},
      {"too long by its word", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", "longer than"},
      {"too long in fact", "HTTP/1.1 200 OK\r\n\r\n" + std::string(kLongestAnswer + 1, 'x'), "longer than"},
      {"an endless header", "HTTP/1.1 200 OK\r\nA: " + std::string(100000, 'x'), "longer than"},
  };
  for (const Row& row : rows) {
    FakeRelaisd relaisd([&](const std::string&) { return row.answer; });
    const auto reply = send_request(relaisd.path(), {.target = "/v1/status", .deadline = 3s});
    ASSERT_FALSE(reply) << row.name;
    EXPECT_NE(reply.error().what.find(row.what), std::string::npos) << row.name << ": " << reply.error().what;
    EXPECT_FALSE(reply.error().way_out.empty()) << row.name;
    EXPECT_EQ(exit_code_of(reply.error()), ExitCode::unreachable) << row.name;
  }
}

TEST(Transport, gives_up_on_a_frozen_relaisd) {
  FakeRelaisd relaisd([](const std::string&) { return FakeRelaisd::kHang; });
  const auto start = std::chrono::steady_clock::now();
  const auto reply = send_request(relaisd.path(), quick());
  EXPECT_LT(std::chrono::steady_clock::now() - start, 3s);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ETIMEDOUT);
  EXPECT_EQ(exit_code_of(reply.error()), ExitCode::unreachable);
}

TEST(Transport, says_that_there_is_no_socket) {
  const auto reply = send_request("/nonexistent/relaisd.sock", quick());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().what, "cannot reach relaisd at /nonexistent/relaisd.sock: No such file or directory");
  EXPECT_EQ(reply.error().way_out, "start relaisd on this machine, or name its socket with --socket");
  EXPECT_EQ(exit_code_of(reply.error()), ExitCode::unreachable);
}

TEST(Transport, says_that_nobody_listens) {
  std::string name = "/tmp/relais-cli-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  const std::string path = name + "/dead.sock";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path.c_str());
  {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
    ASSERT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  const auto reply = send_request(path, quick());
  ::unlink(path.c_str());
  ::rmdir(name.c_str());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ECONNREFUSED);
  EXPECT_EQ(exit_code_of(reply.error()), ExitCode::unreachable);
}

TEST(Transport, tells_apart_who_may_not) {
  FakeRelaisd relaisd([](const std::string&) { return FakeRelaisd::http("{}"); });
  const bool was_root = ::geteuid() == 0;
  if (was_root) {
    constexpr uid_t kNobody = 65534;
    ASSERT_EQ(::seteuid(kNobody), 0);
  } else {
    ASSERT_EQ(::chmod(relaisd.path().c_str(), 0), 0);
  }
  const auto reply = send_request(relaisd.path(), quick());
  if (was_root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_FALSE(reply);
  EXPECT_EQ(exit_code_of(reply.error()), ExitCode::not_permitted);
  EXPECT_NE(reply.error().way_out.find("root"), std::string::npos);
}

TEST(Transport, refuses_a_path_that_no_socket_can_have) {
  const auto reply = send_request("/" + std::string(200, 'x'), quick());
  ASSERT_FALSE(reply);
  EXPECT_EQ(exit_code_of(reply.error()), ExitCode::usage);
}

TEST(Client, passes_relaisds_no_on_with_its_way_out) {
  struct Row {
    std::string answer;
    std::string what;
    ExitCode exit;
  };
  const std::vector<Row> rows = {
      {FakeRelaisd::http(R"({"error":"there is no node n9","way_out":"nodes are n1, n2"})", "404 Not Found"),
       "there is no node n9", ExitCode::failed},
      {FakeRelaisd::http(R"({"error":"you may not","way_out":"be root"})", "403 Forbidden"), "you may not",
       ExitCode::not_permitted},
      {FakeRelaisd::http("<html>", "500 Internal Server Error"), "HTTP status 500", ExitCode::unreachable},
  };
  for (const Row& row : rows) {
    FakeRelaisd relaisd([&](const std::string&) { return row.answer; });
    const auto status = Client(relaisd.path()).status();
    ASSERT_FALSE(status) << row.answer;
    EXPECT_NE(status.error().what.find(row.what), std::string::npos) << status.error().what;
    EXPECT_EQ(exit_code_of(status.error()), row.exit) << row.answer;
  }
}

TEST(Client, takes_no_nonsense_for_a_status) {
  for (const std::string body :
       {"", "{", "[]", "{}", "nonsense", "{\"self\":\"n1\"}", "{\"vips\":[{\"buckets\":[{\"owner\":-1}]}]}"}) {
    FakeRelaisd relaisd([&](const std::string&) { return FakeRelaisd::http(body); });
    const auto status = Client(relaisd.path()).status();
    ASSERT_FALSE(status) << body;
    EXPECT_EQ(exit_code_of(status.error()), ExitCode::unreachable) << body;
  }
}

}  // namespace
}  // namespace relais::cli
