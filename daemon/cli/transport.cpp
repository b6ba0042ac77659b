// A blocking HTTP/1.1 client on a Unix socket: poll(2) keeps the deadline, Beast's parser reads the answer.
#include "daemon/cli/transport.h"

#include "base/unique_fd.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>
#include <array>
#include <cstring>

namespace relais::cli {
namespace {

namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
using Parser = http::response_parser<http::string_body>;

constexpr std::string_view kStartIt = "start relaisd on this machine, or name its socket with --socket";

Error no_answer(std::string_view what) {
  return {.what = "relaisd gives no proper answer: " + std::string(what),
          .way_out = "check with --socket that relaisd listens there; its log says more",
          .code = EPROTO};
}

Error connect_error(const std::string& path, int error_number) {
  const bool refused = error_number == EACCES || error_number == EPERM;
  return system_error("cannot reach relaisd at " + path, error_number,
                      refused ? "run relais as root, or join the group that the socket belongs to" : kStartIt);
}

Result<UniqueFd> open_connection(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return system_error("cannot reach relaisd at " + path, ENAMETOOLONG, "a socket's path has at most 107 bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("cannot make a socket");
  // A non-blocking connect to a Unix socket either succeeds at once or fails; EAGAIN: relaisd accepts nobody.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return connect_error(path, errno);
  }
  return fd;
}

Result<void> wait_for(int fd, short events, Clock::time_point end) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    pollfd waiting{.fd = fd, .events = events, .revents = 0};
    const int ready = left <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready == 0) {
      return Error{.what = "relaisd did not answer in time",
                   .way_out = "it may hang or be frozen: see its log, and whether the process runs",
                   .code = ETIMEDOUT};
    }
    if (errno != EINTR) return system_error("cannot wait for relaisd");
  }
}

std::string to_text(const Request& request) {
  std::string text = request.method == Method::get ? "GET " : "POST ";
  text += request.target + " HTTP/1.1\r\nHost: relaisd\r\nConnection: close\r\nUser-Agent: relais\r\n";
  if (request.method == Method::post) {
    text += "Content-Type: application/json\r\nContent-Length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return text + "\r\n" + request.body;
}

Result<void> write_all(int fd, std::string_view text, Clock::time_point end) {
  while (!text.empty()) {
    if (auto ready = wait_for(fd, POLLOUT, end); !ready) return ready;
    const ssize_t written = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (written < 0 && errno != EAGAIN && errno != EINTR) {
      return errno == EPIPE ? Result<void>{} : system_error("cannot write to relaisd");  // it may have answered already
    }
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> check_parsed(const boost::system::error_code& failed) {
  if (!failed || failed == http::error::need_more) return {};
  if (failed == http::error::body_limit || failed == http::error::header_limit) {
    return no_answer("it is longer than " + std::to_string(kLongestAnswer) + " bytes");
  }
  if (failed == http::error::partial_message || failed == http::error::end_of_stream) {
    return no_answer("the connection ended in the middle of it");
  }
  return no_answer("it is not HTTP (" + failed.message() + ")");
}

// One read's worth of bytes into the parser; what it does not take yet stays in `pending`.
Result<void> feed(Parser& parser, std::string& pending, std::string_view bytes) {
  pending += bytes;
  while (!pending.empty() && !parser.is_done()) {
    boost::system::error_code failed;
    const std::size_t taken = parser.put(boost::asio::buffer(pending), failed);
    pending.erase(0, taken);
    if (auto parsed = check_parsed(failed); !parsed) return parsed;
    if (taken == 0 || failed == http::error::need_more) break;
  }
  return {};
}

Result<void> finish(Parser& parser) {
  if (parser.is_done()) return {};
  if (!parser.got_some()) return no_answer("the connection ended without one");
  boost::system::error_code failed;
  parser.put_eof(failed);
  return check_parsed(failed);
}

Result<void> read_answer(int fd, Parser& parser, Clock::time_point end) {
  std::string pending;
  std::array<char, 65536> buffer;
  while (!parser.is_done()) {
    if (auto ready = wait_for(fd, POLLIN, end); !ready) return ready;
    const ssize_t received = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (received == 0 || (received < 0 && errno == ECONNRESET)) return finish(parser);
    if (received < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (received < 0) return system_error("cannot read from relaisd");
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(received));
    if (auto fed = feed(parser, pending, bytes); !fed) return fed;
  }
  return {};
}

}  // namespace

Result<Reply> send_request(const std::string& socket_path, const Request& request) {
  const Clock::time_point end = Clock::now() + request.deadline;
  auto connection = open_connection(socket_path);
  if (!connection) return std::move(connection).error();
  if (auto written = write_all(connection->get(), to_text(request), end); !written) return std::move(written).error();
  Parser parser;
  parser.eager(true);
  parser.body_limit(kLongestAnswer);
  if (auto answered = read_answer(connection->get(), parser, end); !answered) return std::move(answered).error();
  return Reply{.status = parser.get().result_int(), .body = std::move(parser.get().body())};
}

ExitCode exit_code_of(const Error& transport_error) {
  switch (transport_error.code) {
    case 0: return ExitCode::failed;
    case EACCES:
    case EPERM: return ExitCode::not_permitted;
    case ENAMETOOLONG: return ExitCode::usage;
    default: return ExitCode::unreachable;
  }
}

}  // namespace relais::cli
