// Something behind a control socket that answers as a test wants: properly, badly, half, or not at all.
#pragma once

#include "base/unique_fd.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace relais::cli {

class FakeRelaisd {
 public:
  // The bytes to send for a request ("GET /v1/status HTTP/1.1…"); the connection is closed after them.
  using Handler = std::function<std::string(const std::string& request)>;

  static constexpr const char* kHang = "(hang)";  // as an answer: none, and the connection stays open

  explicit FakeRelaisd(Handler handler) : handler_(std::move(handler)) {
    std::string name = "/tmp/relais-cli-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
    directory_ = name;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path().c_str());
    listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 16) != 0) {
      throw std::runtime_error("cannot listen");
    }
    thread_ = std::thread([this] { serve(); });
  }

  FakeRelaisd(const FakeRelaisd&) = delete;
  FakeRelaisd& operator=(const FakeRelaisd&) = delete;

  ~FakeRelaisd() {
    stop_ = true;
    thread_.join();
    ::unlink(path().c_str());
    ::rmdir(directory_.c_str());
  }

  std::string path() const { return directory_ + "/relaisd.sock"; }

  static std::string http(const std::string& body, const std::string& status = "200 OK") {
    return "HTTP/1.1 " + status +
           "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  static bool is_readable(int fd) {
    constexpr int kPatience_ms = 20;  // how soon the destructor is noticed
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&waiting, 1, kPatience_ms) > 0;
  }

  void serve() {
    while (!stop_) {
      if (!is_readable(listener_.get())) continue;
      UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      std::array<char, 65536> buffer;
      const ssize_t received = ::recv(connection.get(), buffer.data(), buffer.size(), 0);
      if (received <= 0) continue;
      const std::string answer = handler_(std::string(buffer.data(), static_cast<std::size_t>(received)));
      if (answer == kHang) {
        open_.push_back(std::move(connection));
      } else {
        send_all(connection.get(), answer);
      }
    }
  }

  static void send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the client has had enough
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  Handler handler_;
  std::string directory_;
  UniqueFd listener_;
  std::vector<UniqueFd> open_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace relais::cli
