// The server's coroutines. One accepts; each connection has one that reads a request, asks the site (routes.h) for the
// answer and writes it, until the client or a deadline ends it. All of them hold the Service, so they may outlive the
// Server; after stop() they only run to their end.
#include "daemon/control/server.h"

#include "base/unique_fd.h"
#include "daemon/control/http.h"
#include "daemon/control/json.h"
#include "daemon/control/listen.h"
#include "daemon/control/routes.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <sys/socket.h>

#include <set>
#include <utility>

namespace relais::control {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::generic::stream_protocol;
using boost::system::error_code;
using Stream = beast::basic_stream<stream_protocol>;
using SteadyTime = std::chrono::steady_clock::time_point;

// An operation's error comes back as a value.
constexpr auto kAsValue = asio::as_tuple(asio::use_awaitable);

constexpr int kAcceptsPerTurn = 16;                           // so that a flood of clients leaves the loop to others
constexpr std::chrono::milliseconds kPauseWithoutFiles{100};  // no descriptor is free: wait for sessions to end

struct Session;
using Sessions = std::set<Session*>;

// One connection. It is in `all` for as long as it exists. It shares that list because nothing says whether a coroutine
// that an io_context destroys gives up the Service or the Session first.
struct Session {
  Session(std::shared_ptr<Sessions> list, stream_protocol::socket socket, Access peer_access)
      : all(std::move(list)), stream(std::move(socket)), wake(stream.get_executor()), access(peer_access) {
    all->insert(this);
  }
  ~Session() { all->erase(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  std::shared_ptr<Sessions> all;
  Stream stream;
  asio::steady_timer wake;  // a long poll waits on it
  beast::flat_buffer buffer;
  Access access;
};

// The failure that a client is told when its request could not be read; nothing if there is nobody to tell.
std::optional<Response> failure_of_read(const error_code& error, const Limits& limits) {
  if (error == http::error::end_of_stream) return {};
  if (error == http::error::body_limit) {
    return failure(413, "the body is too long", "send at most " + std::to_string(limits.body_bytes) + " bytes");
  }
  if (error == http::error::header_limit) {
    return failure(431, "the header is too long", "send at most " + std::to_string(limits.header_bytes) + " bytes");
  }
  if (error.category() == http::make_error_code(http::error::bad_method).category()) {
    return failure(400, "this is not an HTTP/1.1 request: " + error.message(),
                   "use the relais command, or see docs/control-api.md");
  }
  return {};  // the deadline passed, the connection broke, or the server stops
}

http::response<http::string_body> message_of(Response response, unsigned version) {
  http::response<http::string_body> message(static_cast<http::status>(response.status), version);
  message.set(http::field::server, "relaisd");
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::cache_control, "no-store");
  if (!response.allow.empty()) message.set(http::field::allow, response.allow);
  message.body() = std::move(response.body);
  message.prepare_payload();
  return message;
}

// Tells a client that it is one too many. An empty socket buffer takes the few bytes at once, so nothing has to wait.
void refuse_for_number(int socket) {
  static const std::string body =
      failure(503, "relaisd has too many control connections", "close some, then try again").body;
  static const std::string text =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  // A client that has gone already needs no answer.
  static_cast<void>(send(socket, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
}

// The completion handler of every task here: an exception of a library ends the task, not the daemon.
auto end_of_task(std::string task, ReportError report) {
  return [task = std::move(task), report = std::move(report)](const std::exception_ptr& failure) {
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& exception) {
      report(Error{.what = task + " ended: " + exception.what(), .way_out = {}});
    }
  };
}

}  // namespace

class Server::Service : public std::enable_shared_from_this<Service> {
 public:
  struct Parts {
    UniqueFd listener;
    std::optional<ControlSocket> control_socket;  // keeps the file and the lock
    std::optional<AccessRules> rules;             // absent: everybody
    std::string address;
    Site site;
    ReportError report;
    Limits limits;
  };

  Service(asio::io_context& io, Parts parts)
      : control_socket_(std::move(parts.control_socket)),
        rules_(parts.rules),
        address_(std::move(parts.address)),
        site_(std::move(parts.site)),
        report_(std::move(parts.report)),
        limits_(parts.limits),
        listener_(io, parts.listener.release()),
        pause_(io) {}

  void start() {
    asio::co_spawn(listener_.get_executor(), accept_clients(shared_from_this()), end_of_task("accepting", report_));
  }

  void notify_events() {
    // An expiry in the past ends also a wait that begins later this turn.
    for (Session* session : *sessions_) session->wake.expires_at(SteadyTime::min());
  }

  void stop() {
    if (std::exchange(stopping_, true)) return;
    control_socket_.reset();
    listener_.close();
    pause_.cancel();
    for (Session* session : *sessions_) {
      session->stream.close();
      session->wake.cancel();
    }
  }

  const std::string& address() const { return address_; }

 private:
  static asio::awaitable<void> accept_clients(std::shared_ptr<Service> self);
  static asio::awaitable<void> serve(std::shared_ptr<Service> self, std::unique_ptr<Session> session);

  enum class Accepted : std::uint8_t { all, too_few_files };
  enum class Next : std::uint8_t { close, read };
  enum class Woken : std::uint8_t { by_event_or_time, by_client };

  Accepted accept_waiting();
  void start_session(UniqueFd socket);
  Access access_of(int socket) const;
  asio::awaitable<Next> serve_request(Session& session);
  asio::awaitable<Response> answer(Session& session, const Request& request);
  asio::awaitable<Woken> wait_for_event(Session& session, SteadyTime deadline);
  asio::awaitable<Next> write(Session& session, http::response<http::string_body> message);

  std::optional<ControlSocket> control_socket_;
  std::optional<AccessRules> rules_;
  std::string address_;
  Site site_;
  ReportError report_;
  Limits limits_;
  asio::posix::stream_descriptor listener_;
  asio::steady_timer pause_;
  std::shared_ptr<Sessions> sessions_ = std::make_shared<Sessions>();
  bool stopping_ = false;
  bool lacks_files_ = false;  // reported once, not ten times a second
};

asio::awaitable<void> Server::Service::accept_clients(std::shared_ptr<Service> self) {
  while (!self->stopping_) {
    // The only await without a deadline: there is nothing to do before a client comes. stop() ends it.
    const auto [error] = co_await self->listener_.async_wait(asio::posix::stream_descriptor::wait_read, kAsValue);
    if (error || self->stopping_) break;
    if (self->accept_waiting() == Accepted::all) continue;
    self->pause_.expires_after(kPauseWithoutFiles);
    co_await self->pause_.async_wait(kAsValue);
  }
}

// accept4() by hand: Asio's accept leaves the descriptor open for programs that the daemon starts.
Server::Service::Accepted Server::Service::accept_waiting() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    UniqueFd socket(accept4(listener_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) {
      lacks_files_ = false;
      start_session(std::move(socket));
      continue;
    }
    if (errno == EAGAIN) return Accepted::all;
    if (errno == ECONNABORTED || errno == EINTR) continue;
    if (!std::exchange(lacks_files_, true)) report_(system_error("cannot accept a connection on " + address_));
    return Accepted::too_few_files;
  }
  return Accepted::all;
}

void Server::Service::start_session(UniqueFd socket) {
  if (sessions_->size() >= limits_.connections) return refuse_for_number(socket.get());
  const Access access = access_of(socket.get());
  sockaddr_storage local{};
  socklen_t length = sizeof(local);
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &length) != 0) return;  // NOLINT: the sockets API
  const stream_protocol protocol(local.ss_family, 0);
  stream_protocol::socket connected(listener_.get_executor(), protocol, socket.release());
  auto session = std::make_unique<Session>(sessions_, std::move(connected), access);
  asio::co_spawn(listener_.get_executor(), serve(shared_from_this(), std::move(session)),
                 end_of_task("a connection to " + address_, report_));
}

Access Server::Service::access_of(int socket) const {
  if (!rules_) return Access::granted;
  const Result<Peer> peer = read_peer(socket);
  if (!peer) {
    report_(peer.error());
    return Access::refused;
  }
  return decide_access(*peer, *rules_);
}

asio::awaitable<void> Server::Service::serve(std::shared_ptr<Service> self, std::unique_ptr<Session> session) {
  session->buffer.max_size(self->limits_.header_bytes + self->limits_.body_bytes);
  Next next = Next::read;
  while (next == Next::read && !self->stopping_) next = co_await self->serve_request(*session);
  error_code ignored;  // the client may have gone
  session->stream.socket().shutdown(stream_protocol::socket::shutdown_both, ignored);
}

asio::awaitable<Server::Service::Next> Server::Service::serve_request(Session& session) {
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  parser.body_limit(limits_.body_bytes);
  session.stream.expires_after(limits_.request_deadline);
  const auto [error, bytes] = co_await http::async_read(session.stream, session.buffer, parser, kAsValue);
  if (stopping_) co_return Next::close;
  if (error) {
    auto refusal = failure_of_read(error, limits_);
    if (!refusal) co_return Next::close;
    auto message = message_of(*std::move(refusal), 11);
    message.keep_alive(false);
    co_return co_await write(session, std::move(message));
  }
  const auto& received = parser.get();
  Request request = parse_target(received.method_string(), received.target());
  request.body = received.body();
  auto message = message_of(co_await answer(session, request), received.version());
  if (stopping_) co_return Next::close;
  message.keep_alive(received.keep_alive() && session.access == Access::granted);
  co_return co_await write(session, std::move(message));
}

asio::awaitable<Response> Server::Service::answer(Session& session, const Request& request) {
  if (session.access == Access::refused) {
    co_return failure(403, "this user may not use the control socket of relaisd",
                      "run the command as root or as a member of the group relais");
  }
  Response response = site_(request);
  const SteadyTime deadline = std::chrono::steady_clock::now() + response.may_wait;
  while (response.may_wait.count() > 0 && std::chrono::steady_clock::now() < deadline) {
    const Woken woken = co_await wait_for_event(session, deadline);
    if (stopping_) break;
    response = site_(request);
    if (woken == Woken::by_client) break;
  }
  co_return response;
}

// Waits until notify_events(), the deadline, or a sign of life from the client: it has gone, or it wants something
// else.
asio::awaitable<Server::Service::Woken> Server::Service::wait_for_event(Session& session, SteadyTime deadline) {
  using namespace asio::experimental::awaitable_operators;
  session.wake.expires_at(deadline);
  session.stream.expires_never();
  auto& socket = session.stream.socket();
  const auto woken =
      co_await (session.wake.async_wait(kAsValue) || socket.async_wait(stream_protocol::socket::wait_read, kAsValue));
  co_return woken.index() == 0 ? Woken::by_event_or_time : Woken::by_client;
}

asio::awaitable<Server::Service::Next> Server::Service::write(Session& session,
                                                              http::response<http::string_body> message) {
  session.stream.expires_after(limits_.answer_deadline);
  const auto [error, bytes] = co_await http::async_write(session.stream, message, kAsValue);
  co_return !error && message.keep_alive() ? Next::read : Next::close;
}

Server::Server(std::shared_ptr<Service> service) : service_(std::move(service)) {}
Server::Server(Server&&) noexcept = default;

Server& Server::operator=(Server&& other) noexcept {
  stop();
  service_ = std::move(other.service_);
  return *this;
}

Server::~Server() { stop(); }

void Server::notify_events() { service_->notify_events(); }

void Server::stop() {
  if (service_) service_->stop();  // a moved-from server has none
}

const std::string& Server::address() const { return service_->address(); }

Server Server::serve_control(asio::io_context& io, Backend& backend, ControlSocket socket, AccessRules access,
                             ReportError report, Limits limits) {
  UniqueFd listener = socket.take_listener();
  std::string path = socket.path();
  const auto service = std::make_shared<Service>(
      io, Service::Parts{.listener = std::move(listener),
                         .control_socket = std::move(socket),
                         .rules = access,
                         .address = std::move(path),
                         .site = [&backend](const Request& request) { return answer_control(backend, request); },
                         .report = std::move(report),
                         .limits = limits});
  service->start();
  return Server(service);
}

Result<Server> Server::open_metrics(asio::io_context& io, MetricsSettings settings) {
  Result<TcpListener> listener = open_tcp_listener(settings.listen);
  if (!listener) return listener.error();
  auto render = [render = std::move(settings.render)](const Request& request) {
    return answer_metrics(render, request);
  };
  const auto service = std::make_shared<Service>(io, Service::Parts{.listener = std::move(listener->fd),
                                                                    .control_socket = {},
                                                                    .rules = {},
                                                                    .address = config::to_string(listener->address),
                                                                    .site = std::move(render),
                                                                    .report = std::move(settings.report),
                                                                    .limits = settings.limits});
  service->start();
  return Server(service);
}

}  // namespace relais::control
