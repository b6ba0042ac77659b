// How long the kernel says that a connect took.
#include "lab/probe/client_socket.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

namespace relais::probe {
namespace {

using namespace std::chrono_literals;

TEST(ClientSocket, a_handshake_takes_as_long_as_it_took_however_late_the_probe_asks) {
  const IpAddress loopback = *IpAddress::parse("127.0.0.1");
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(bool(listener));
  SocketAddress address = socket_address(loopback, 0);
  ASSERT_EQ(::bind(listener.get(), address.pointer(), address.length), 0);
  ASSERT_EQ(::listen(listener.get(), 1), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.length), 0);

  const auto client = begin_connect(loopback, address);
  ASSERT_TRUE(client.has_value()) << client.error().to_string();
  std::this_thread::sleep_for(400ms);  // as a probe on a machine that stands still
  pollfd ready{.fd = client->get(), .events = POLLOUT, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, 5000), 1);
  ASSERT_EQ(connect_error(client->get()), 0);

  const Handshake handshake = handshake_of(client->get());
  EXPECT_EQ(handshake.retransmitted, 0);
  ASSERT_TRUE(handshake.duration.has_value());
  EXPECT_GT(*handshake.duration, 0ns);
  EXPECT_LT(*handshake.duration, 300ms);
}

}  // namespace
}  // namespace relais::probe
