// Opens the sockets that the server listens on: the control socket in the file system and the metrics address.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"
#include "daemon/config/cluster.h"

#include <sys/types.h>

#include <optional>
#include <string>

namespace relais::control {

// A listening control socket. Its file and its lock live as long as it does.
class ControlSocket {
 public:
  // Creates the directory if need be, takes the lock file "<path>.lock", removes a socket file that nobody listens on,
  // and listens. The file has mode 0660 and belongs to `group` if there is one; nobody can connect before that is so.
  // Errors: "relaisd runs already" if someone listens or has the lock; the path is too long, not absolute or no socket.
  static Result<ControlSocket> open(std::string path, std::optional<gid_t> group);

  ControlSocket(ControlSocket&&) noexcept = default;
  ControlSocket& operator=(ControlSocket&&) = delete;
  ~ControlSocket();

  const std::string& path() const { return path_; }
  // The listening socket, non-blocking; the caller owns it from now on. Call once.
  UniqueFd take_listener() { return std::move(listener_); }

 private:
  ControlSocket(std::string path, UniqueFd lock, UniqueFd listener)
      : path_(std::move(path)), lock_(std::move(lock)), listener_(std::move(listener)) {}

  std::string path_;
  UniqueFd lock_;
  UniqueFd listener_;
};

struct TcpListener {
  UniqueFd fd;                    // non-blocking
  config::ListenAddress address;  // with the port that the kernel chose if 0 was asked for
};

Result<TcpListener> open_tcp_listener(const config::ListenAddress& listen);

}  // namespace relais::control
