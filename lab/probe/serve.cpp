// The server that the lab's nodes run.
#include "lab/probe/serve.h"

#include "lab/probe/addresses.h"
#include "lab/probe/event_loop.h"

#include <netinet/tcp.h>

#include <array>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <vector>

namespace relais::probe {

namespace {

constexpr std::size_t kMaxUnsent = 262144;  // a client that reads nothing is not read from beyond this
constexpr int kAcceptsPerRound = 64;

class Server;

class EchoConnection : public EventHandler {
 public:
  EchoConnection(Server& server, EventLoop& loop, UniqueFd fd, const std::string& name)
      : server_(server), loop_(loop), fd_(std::move(fd)), unsent_(name + "\n") {}

  void begin() { flush(); }

  void on_ready(std::uint32_t) override {
    std::array<char, 16384> buffer{};
    if (unsent_.size() < kMaxUnsent) {
      const auto count = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
      if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return end();
      if (count > 0) unsent_.append(buffer.data(), static_cast<std::size_t>(count));
    }
    flush();
  }

 private:
  void flush() {
    if (!unsent_.empty()) {
      const auto count = ::send(fd_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (count < 0 && errno != EAGAIN && errno != EINTR) return end();
      if (count > 0) unsent_.erase(0, static_cast<std::size_t>(count));
    }
    std::uint32_t events = 0;
    if (unsent_.size() < kMaxUnsent) events |= EPOLLIN;
    if (!unsent_.empty()) events |= EPOLLOUT;
    loop_.watch(fd_.get(), events, *this);
  }

  void end();

  Server& server_;
  EventLoop& loop_;
  UniqueFd fd_;
  std::string unsent_;
};

// Accepts, and owns the connections.
class Server {
 public:
  Server(EventLoop& loop, std::string name) : loop_(loop), name_(std::move(name)) {}

  void accept_from(int listener) {
    for (int i = 0; i < kAcceptsPerRound; ++i) {
      UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) return;  // nobody waits, or no descriptor is free: the client waits or has gone
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      auto connection = std::make_unique<EchoConnection>(*this, loop_, std::move(fd), name_);
      auto& opened = *connection;
      connections_.emplace(&opened, std::move(connection));
      opened.begin();
    }
  }

  void ended(const EchoConnection& connection) { done_.push_back(&connection); }

  void free_ended() {
    for (const auto* connection : done_) connections_.erase(connection);
    done_.clear();
  }

  const std::string& name() const { return name_; }

 private:
  EventLoop& loop_;
  std::string name_;
  std::unordered_map<const EchoConnection*, std::unique_ptr<EchoConnection>> connections_;
  std::vector<const EchoConnection*> done_;
};

void EchoConnection::end() {
  if (!fd_) return;
  loop_.forget(fd_.get());
  fd_.reset();
  server_.ended(*this);
}

class Listener : public EventHandler {
 public:
  Listener(Server& server, UniqueFd fd) : server_(server), fd_(std::move(fd)) {}
  void on_ready(std::uint32_t) override { server_.accept_from(fd_.get()); }

 private:
  Server& server_;
  UniqueFd fd_;
};

// Answers each datagram from the very address that it was sent to, which a wildcard socket does only when told.
class UdpEcho : public EventHandler {
 public:
  UdpEcho(const Server& server, UniqueFd fd) : server_(server), fd_(std::move(fd)) {}

  void on_ready(std::uint32_t) override {
    sockaddr_storage peer{};
    std::array<char, 2048> data{};
    std::array<char, 256> control{};
    iovec part{.iov_base = data.data(), .iov_len = data.size()};
    msghdr message{};
    message.msg_name = &peer;
    message.msg_namelen = sizeof peer;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto count = ::recvmsg(fd_.get(), &message, 0);
    if (count < 0) return;
    const auto answer = server_.name() + " " + std::string(data.data(), static_cast<std::size_t>(count));
    send_answer(message, answer);
  }

 private:
  // `message` still holds the peer and the packet info; the interface in it is the kernel's choice again.
  void send_answer(msghdr& message, const std::string& answer) {
    for (cmsghdr* info = CMSG_FIRSTHDR(&message); info != nullptr; info = CMSG_NXTHDR(&message, info)) {
      if (info->cmsg_level == IPPROTO_IP && info->cmsg_type == IP_PKTINFO) {
        in_pktinfo packet{};
        std::memcpy(&packet, CMSG_DATA(info), sizeof packet);
        packet.ipi_spec_dst = packet.ipi_addr;
        packet.ipi_ifindex = 0;
        std::memcpy(CMSG_DATA(info), &packet, sizeof packet);
      }
      if (info->cmsg_level == IPPROTO_IPV6 && info->cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo packet{};
        std::memcpy(&packet, CMSG_DATA(info), sizeof packet);
        packet.ipi6_ifindex = 0;
        std::memcpy(CMSG_DATA(info), &packet, sizeof packet);
      }
    }
    iovec part{.iov_base = const_cast<char*>(answer.data()), .iov_len = answer.size()};
    message.msg_iov = &part;
    ::sendmsg(fd_.get(), &message, MSG_NOSIGNAL);
  }

  const Server& server_;
  UniqueFd fd_;
};

Result<UniqueFd> open_server_socket(int family, int type, std::uint16_t port) {
  UniqueFd fd(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("cannot make a socket");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (type == SOCK_DGRAM && family == AF_INET) setsockopt(fd.get(), IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  if (type == SOCK_DGRAM && family == AF_INET6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  const std::array<std::uint8_t, 16> any{};
  const auto address = socket_address(family == AF_INET ? IpAddress::v4({0, 0, 0, 0}) : IpAddress::v6(any), port);
  if (::bind(fd.get(), address.pointer(), address.length) != 0) {
    return system_error("cannot bind port " + std::to_string(port), errno, "is another server running?");
  }
  if (type == SOCK_STREAM && ::listen(fd.get(), 4096) != 0) return system_error("cannot listen");
  return fd;
}

}  // namespace

Error serve(const ServeOptions& options) {
  auto loop = EventLoop::open();
  if (!loop) return std::move(loop).error();
  Server server(*loop, options.name);
  std::vector<std::unique_ptr<EventHandler>> handlers;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      auto fd = open_server_socket(family, type, options.port);
      if (!fd) return std::move(fd).error();
      const int number = fd->get();
      if (type == SOCK_STREAM) {
        handlers.push_back(std::make_unique<Listener>(server, std::move(*fd)));
      } else {
        handlers.push_back(std::make_unique<UdpEcho>(server, std::move(*fd)));
      }
      loop->watch(number, EPOLLIN, *handlers.back());
    }
  }
  for (;;) {
    loop->run_once(-1);
    server.free_ended();
  }
}

}  // namespace relais::probe
