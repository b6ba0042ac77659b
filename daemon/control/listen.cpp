// Listening sockets. The lock decides between two daemons that start at the same time: without it both could find the
// same stale file, and the second would remove the first one's fresh socket.
#include "daemon/control/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <bit>
#include <cstring>
#include <filesystem>

namespace relais::control {
namespace {

constexpr int kBacklog = 128;
constexpr int kSocketFlags = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;

Error runs_already(const std::string& path) {
  return Error{.what = "relaisd runs already: its control socket " + path + " is in use",
               .way_out = "stop the other relaisd first",
               .code = EADDRINUSE};
}

Result<sockaddr_un> unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.front() != '/' || path.size() >= sizeof(address.sun_path)) {
    return Error{
        .what = "control_socket \"" + path + "\" cannot be used",
        .way_out = "give an absolute path of at most " + std::to_string(sizeof(address.sun_path) - 1) + " bytes",
        .code = EINVAL};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

template <class Address>
const sockaddr* generic(const Address& address) {
  return std::bit_cast<const sockaddr*>(&address);
}

Result<void> create_directory_of(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code failure;
  std::filesystem::create_directories(directory, failure);
  if (!failure) return {};
  return system_error("cannot create " + directory.string(), failure.value(), "start relaisd as root");
}

Result<UniqueFd> take_lock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock) return system_error("cannot open " + lock_path, errno, "start relaisd as root");
  if (flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) return runs_already(path);
  return system_error("cannot lock " + lock_path);
}

// Removes the file of a socket that nobody listens on.
Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return system_error("cannot look at " + path);
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Error{.what = path + " exists and is not a socket", .way_out = "remove it, or set another control_socket"};
  }
  const UniqueFd probe(socket(AF_UNIX, kSocketFlags, 0));
  if (!probe) return system_error("cannot make a socket");
  // EAGAIN: a listener with a full queue. Only ECONNREFUSED proves that there is none.
  if (connect(probe.get(), generic(address), sizeof(address)) == 0 || errno != ECONNREFUSED) return runs_already(path);
  if (unlink(path.c_str()) != 0) return system_error("cannot remove the old socket " + path);
  return {};
}

Result<UniqueFd> listen_on(const std::string& path, const sockaddr_un& address, std::optional<gid_t> group) {
  UniqueFd listener(socket(AF_UNIX, kSocketFlags, 0));
  if (!listener) return system_error("cannot make a socket");
  if (bind(listener.get(), generic(address), sizeof(address)) != 0) return system_error("cannot bind " + path);
  // Connecting is refused until listen(), so the mode is right before anybody gets in.
  if (group && chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    return system_error("cannot give " + path + " to its group");
  }
  if (chmod(path.c_str(), 0660) != 0) return system_error("cannot set the mode of " + path);
  if (listen(listener.get(), kBacklog) != 0) return system_error("cannot listen on " + path);
  return listener;
}

struct TcpAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

TcpAddress tcp_address(const config::ListenAddress& target) {
  TcpAddress address;
  const auto bytes = target.address.bytes();
  if (target.address.family() == IpFamily::v4) {
    sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(target.port), .sin_addr = {}, .sin_zero = {}};
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&address.storage, &v4, address.length = sizeof(v4));
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(target.port);
    std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
    std::memcpy(&address.storage, &v6, address.length = sizeof(v6));
  }
  return address;
}

Result<std::uint16_t> bound_port(int socket) {
  sockaddr_in6 bound{};  // sin_port and sin6_port are at the same place
  socklen_t length = sizeof(bound);
  if (getsockname(socket, std::bit_cast<sockaddr*>(&bound), &length) != 0) return system_error("cannot read a port");
  return ntohs(bound.sin6_port);
}

}  // namespace

Result<ControlSocket> ControlSocket::open(std::string path, std::optional<gid_t> group) {
  const Result<sockaddr_un> address = unix_address(path);
  if (!address) return address.error();
  if (const auto created = create_directory_of(path); !created) return created.error();
  Result<UniqueFd> lock = take_lock(path);
  if (!lock) return lock.error();
  if (const auto removed = remove_stale(path, *address); !removed) return removed.error();
  Result<UniqueFd> listener = listen_on(path, *address, group);
  if (!listener) return listener.error();
  return ControlSocket(std::move(path), *std::move(lock), *std::move(listener));
}

ControlSocket::~ControlSocket() {
  if (lock_) unlink(path_.c_str());  // a moved-from object has no lock
}

Result<TcpListener> open_tcp_listener(const config::ListenAddress& listen) {
  const TcpAddress address = tcp_address(listen);
  UniqueFd listener(socket(address.storage.ss_family, kSocketFlags, 0));
  const int on = 1;
  if (!listener || setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      bind(listener.get(), generic(address.storage), address.length) != 0 || ::listen(listener.get(), kBacklog) != 0) {
    return system_error("cannot listen on " + config::to_string(listen), errno,
                        "free the address, or set another metrics_listen");
  }
  const Result<std::uint16_t> port = bound_port(listener.get());
  if (!port) return port.error();
  return TcpListener{.fd = std::move(listener), .address = {.address = listen.address, .port = *port}};
}

}  // namespace relais::control
