// The tests' HTTP client.
#include "tests/unit/control/client.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <sstream>

namespace relais::control {
namespace {

UniqueFd connect_tcp(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &target.sin_addr);
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&target), sizeof(target)) != 0) return {};
  return fd;
}

UniqueFd connect_unix(const std::string& path) {
  sockaddr_un target{};
  target.sun_family = AF_UNIX;
  std::strncpy(target.sun_path, path.c_str(), sizeof(target.sun_path) - 1);
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&target), sizeof(target)) != 0) return {};
  return fd;
}

Answer parse_head(const std::string& head) {
  Answer answer;
  std::istringstream lines(head);
  std::string version;
  lines >> version >> answer.status;
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    answer.headers[line.substr(0, colon)] = line.substr(colon + 2, line.find('\r') - colon - 2);
  }
  return answer;
}

}  // namespace

Client Client::connect(const std::string& address) {
  UniqueFd fd = address.front() == '/' ? connect_unix(address) : connect_tcp(address);
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  if (fd) setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  return Client(std::move(fd));
}

bool Client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void Client::half_close() { shutdown(fd_.get(), SHUT_WR); }

bool Client::receive_more() {
  std::array<char, 65536> chunk{};
  const ssize_t count = recv(fd_.get(), chunk.data(), chunk.size(), 0);
  if (count <= 0) return false;
  received_.append(chunk.data(), static_cast<std::size_t>(count));
  return true;
}

Answer Client::read_answer() {
  std::size_t head_end = 0;
  while ((head_end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!receive_more()) return {};
  }
  Answer answer = parse_head(received_.substr(0, head_end));
  const std::size_t length = std::stoul(answer.headers["Content-Length"]);
  while (received_.size() < head_end + 4 + length) {
    if (!receive_more()) return {};
  }
  answer.body = received_.substr(head_end + 4, length);
  received_.erase(0, head_end + 4 + length);
  return answer;
}

std::string Client::read_to_end() {
  while (receive_more()) {
  }
  return std::exchange(received_, {});
}

Answer Client::get(const std::string& target) {
  send("GET " + target + " HTTP/1.1\r\nHost: relaisd\r\n\r\n");
  return read_answer();
}

Answer Client::post(const std::string& target, const std::string& body) {
  send("POST " + target + " HTTP/1.1\r\nHost: relaisd\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
       body);
  return read_answer();
}

}  // namespace relais::control
