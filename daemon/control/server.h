// The HTTP/1.1 server of relaisd: the control API on a Unix socket, and the metrics on a TCP address. It lives on the
// daemon's one io_context and uses no other thread.
//
// Whatever a client does, it costs the daemon at most one of a bounded number of connections for a bounded time: a
// request has to be complete, and an answer taken, before a deadline; a request that is no HTTP is answered 400 and the
// connection closed. Requests that were sent without waiting for answers (pipelining) are answered in their order.
#pragma once

#include "base/result.h"
#include "daemon/control/access.h"
#include "daemon/control/backend.h"
#include "daemon/control/listen.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace boost::asio {
class io_context;
}

namespace relais::control {

struct Limits {
  std::size_t connections = 128;                       // more are told 503 and closed
  std::size_t header_bytes = 8 * 1024;                 // more: 431
  std::size_t body_bytes = 64 * 1024;                  // more: 413
  std::chrono::milliseconds request_deadline{10'000};  // from the last answer (or connecting) to a whole request
  std::chrono::milliseconds answer_deadline{10'000};   // to hand the whole answer to the kernel
};

// Takes errors that no client can be told: the daemon's log.
using ReportError = std::function<void(const Error&)>;

struct MetricsSettings {
  config::ListenAddress listen;         // port 0: the kernel chooses
  std::function<std::string()> render;  // the metrics text; must not block
  ReportError report;
  Limits limits{};
};

class Server {
 public:
  // Serves `backend` on the control socket. Both, and `io`, must outlive the server. A daemon that opens the socket
  // before it touches anything else of the machine refuses to run beside another one in time; clients that come before
  // this call wait.
  static Server serve_control(boost::asio::io_context& io, Backend& backend, ControlSocket socket, AccessRules access,
                              ReportError report, Limits limits = {});
  // Listens on the metrics address. Everybody who can reach it may read it.
  static Result<Server> open_metrics(boost::asio::io_context& io, MetricsSettings settings);

  Server(Server&&) noexcept;
  Server& operator=(Server&&) noexcept;
  ~Server();  // stops

  // An event was added: answers the clients that wait for one.
  void notify_events();
  // Closes the listening socket (and removes its file) and every connection; the io_context has no work of ours left
  // after its next turns. Neither the backend nor `render` is called again. May be called twice.
  void stop();
  // Where it listens: the socket's path, or "127.0.0.1:9460" with the real port.
  const std::string& address() const;

 private:
  class Service;
  explicit Server(std::shared_ptr<Service> service);
  std::shared_ptr<Service> service_;
};

}  // namespace relais::control
