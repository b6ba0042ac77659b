// Random bytes, broken requests and requests cut short: the server answers properly or closes, and lives.
#include "base/prng.h"
#include "tests/unit/control/server_fixture.h"

#include <array>
#include <set>

namespace relais::control {
namespace {

constexpr std::array<std::string_view, 5> kValid{
    "GET /v1/status HTTP/1.1\r\nHost: relaisd\r\n\r\n",
    "GET /v1/who?address=2001%3Adb8%3A%3A1 HTTP/1.1\r\nHost: relaisd\r\nConnection: close\r\n\r\n",
    "GET /v1/events?after=17&wait_ms=30000 HTTP/1.1\r\n\r\n",
    "POST /v1/weight HTTP/1.1\r\nContent-Length: 43\r\n\r\n{\"node\":\"n2\",\"vip\":\"mail4\",\"weight\":2}     ",
    "POST /v1/drain HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n{\"node\":\"n2\"}\r\n0\r\n\r\n",
};

std::string random_bytes(Prng& prng) {
  std::string bytes(prng.below(3000), '\0');
  for (char& byte : bytes) byte = static_cast<char>(prng.below(256));
  return bytes;
}

std::string broken_request(Prng& prng) {
  std::string request(kValid[prng.below(kValid.size())]);
  const std::uint64_t changes = prng.below(8);
  for (std::uint64_t i = 0; i < changes; ++i) {
    const std::size_t at = prng.below(request.size());
    if (prng.chance(300)) {
      request.erase(at, 1 + prng.below(4));
    } else if (prng.chance(300)) {
      request.insert(at, request.substr(prng.below(request.size()), prng.below(40)));
    } else {
      request[at] = static_cast<char>(prng.below(256));
    }
    if (request.empty()) break;
  }
  if (prng.chance(200)) request.resize(prng.below(request.size() + 1));
  return request;
}

std::string garbage(Prng& prng) {
  std::string bytes = prng.chance(300) ? random_bytes(prng) : broken_request(prng);
  while (prng.chance(300)) bytes += broken_request(prng);
  return bytes;
}

class Garbage : public ServerFixture {};

TEST_F(Garbage, of_five_hundred_kinds_is_answered_properly_or_closed) {
  start();
  const std::set<std::string> allowed{"200", "202", "400", "404", "405", "409", "413", "431"};
  Prng prng(20'260'101);
  for (int round = 0; round < 500; ++round) {
    Client client = connect();
    client.send(garbage(prng));
    client.half_close();
    const std::string answers = client.read_to_end();
    if (answers.empty()) continue;
    ASSERT_TRUE(answers.starts_with("HTTP/1.")) << "round " << round;
    EXPECT_TRUE(allowed.contains(answers.substr(9, 3))) << "round " << round << ": " << answers.substr(0, 40);
  }
  EXPECT_EQ(connect().get("/v1/version").status, 200);
}

TEST_F(Garbage, from_clients_that_hang_up_at_once_leaves_nothing_behind) {
  start({.connections = 16});
  Prng prng(7);
  for (int round = 0; round < 500; ++round) connect().send(garbage(prng));
  int status = 503;
  for (int attempt = 0; attempt < 500 && status != 200; ++attempt) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    status = connect().get("/v1/version").status;
  }
  EXPECT_EQ(status, 200);
}

}  // namespace
}  // namespace relais::control
