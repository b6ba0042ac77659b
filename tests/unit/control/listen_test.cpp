// Opening the control socket and the metrics address.
#include "daemon/control/listen.h"

#include "tests/unit/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

namespace relais::control {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// A bound Unix socket that did not come from us; it listens only if asked to.
UniqueFd bind_foreign(const std::string& path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

TEST(ControlSocketFile, has_mode_0660_in_a_directory_that_was_created_for_it) {
  const TemporaryDirectory directory;
  const std::string path = directory / "run/relais/relaisd.sock";
  const auto opened = ControlSocket::open(path, getegid());
  ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
  struct stat found {};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_TRUE(S_ISSOCK(found.st_mode));
  EXPECT_EQ(found.st_mode & 07777, 0660U);
  EXPECT_EQ(found.st_gid, getegid());
}

TEST(ControlSocketFile, goes_with_its_owner_and_can_be_opened_again) {
  const TemporaryDirectory directory;
  const std::string path = directory / "relaisd.sock";
  for (int round = 0; round < 3; ++round) {
    const auto opened = ControlSocket::open(path, {});
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    EXPECT_TRUE(std::filesystem::exists(path));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(ControlSocketFile, a_second_daemon_is_told_that_one_runs_already) {
  const TemporaryDirectory directory;
  const std::string path = directory / "relaisd.sock";
  const auto first = ControlSocket::open(path, {});
  ASSERT_TRUE(first.has_value());
  const auto second = ControlSocket::open(path, {});
  ASSERT_TRUE(second.has_error());
  EXPECT_THAT(second.error().what, StartsWith("relaisd runs already"));
  EXPECT_FALSE(second.error().way_out.empty());
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(ControlSocketFile, one_that_nobody_listens_on_is_replaced) {
  const TemporaryDirectory directory;
  const std::string path = directory / "relaisd.sock";
  bind_foreign(path).reset();
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_TRUE(ControlSocket::open(path, {}).has_value());
}

TEST(ControlSocketFile, one_that_somebody_listens_on_is_left_alone_even_with_a_full_queue) {
  const TemporaryDirectory directory;
  const std::string path = directory / "relaisd.sock";
  const UniqueFd listener = bind_foreign(path);
  ASSERT_EQ(listen(listener.get(), 0), 0);
  for (int attempt = 0; attempt < 3; ++attempt) {  // each look takes a place in the queue
    EXPECT_THAT(ControlSocket::open(path, {}).error().what, StartsWith("relaisd runs already"));
  }
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(ControlSocketFile, a_file_that_is_no_socket_is_not_removed) {
  const TemporaryDirectory directory;
  const std::string path = directory / "precious";
  std::ofstream(path) << "data";
  const auto opened = ControlSocket::open(path, {});
  EXPECT_THAT(opened.error().what, HasSubstr("is not a socket"));
  EXPECT_TRUE(std::filesystem::is_regular_file(path));
}

TEST(ControlSocketFile, paths_that_cannot_be_sockets_are_refused) {
  const TemporaryDirectory directory;
  for (const std::string& path :
       {std::string(), std::string("relative.sock"), (directory / std::string(120, 'x')).string()}) {
    EXPECT_THAT(ControlSocket::open(path, {}).error().way_out, HasSubstr("absolute path of at most 107 bytes")) << path;
  }
  std::ofstream(directory / "file") << "data";
  EXPECT_THAT(ControlSocket::open(directory / "file/relaisd.sock", {}).error().what, StartsWith("cannot create"));
}

TEST(MetricsAddress, both_families_can_be_listened_on) {
  const auto v4 = open_tcp_listener({.address = IpAddress::v4({127, 0, 0, 1})});
  ASSERT_TRUE(v4.has_value()) << v4.error().to_string();
  EXPECT_NE(v4->address.port, 0) << "the kernel has chosen one";
  EXPECT_THAT(open_tcp_listener(v4->address).error().what, HasSubstr("Address already in use"));
  const auto v6 = open_tcp_listener({.address = *IpAddress::parse("::1")});
  if (v6.has_error()) GTEST_SKIP() << "no IPv6 here: " << v6.error().what;
  EXPECT_EQ(v6->address.address, *IpAddress::parse("::1"));
}

}  // namespace
}  // namespace relais::control
