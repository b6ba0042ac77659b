// Who may use the control socket.
#include "daemon/control/access.h"

#include "base/unique_fd.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace relais::control {
namespace {

TEST(Access, root_the_daemons_user_and_the_group_may_and_nobody_else) {
  const AccessRules rules{.user = 990, .group = 991};
  struct Row {
    const char* description;
    Peer peer;
    Access access;
  };
  const Row rows[] = {
      {"root", {.user = 0, .groups = {0}}, Access::granted},
      {"the daemon's user", {.user = 990, .groups = {5}}, Access::granted},
      {"primary group", {.user = 1000, .groups = {991}}, Access::granted},
      {"supplementary group", {.user = 1000, .groups = {1000, 4, 991}}, Access::granted},
      {"somebody", {.user = 1000, .groups = {1000, 4}}, Access::refused},
      {"a user with the group's number", {.user = 991, .groups = {1000}}, Access::refused},
      {"root's group does not make root", {.user = 1000, .groups = {0}}, Access::refused},
      {"no groups at all", {.user = 1000, .groups = {}}, Access::refused},
  };
  for (const Row& row : rows) EXPECT_EQ(decide_access(row.peer, rules), row.access) << row.description;
}

TEST(Access, without_a_group_only_root_and_the_daemons_user_may) {
  const AccessRules rules{.user = 0, .group = {}};
  EXPECT_EQ(decide_access({.user = 0, .groups = {}}, rules), Access::granted);
  EXPECT_EQ(decide_access({.user = 1000, .groups = {0, 991}}, rules), Access::refused);
}

TEST(Access, the_kernel_says_who_is_at_the_other_end) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd ours(ends[0]);
  const UniqueFd theirs(ends[1]);
  const Result<Peer> peer = read_peer(ours.get());
  ASSERT_TRUE(peer.has_value());
  EXPECT_EQ(peer->user, geteuid());
  EXPECT_EQ(peer->groups.front(), getegid());
}

TEST(Access, a_descriptor_that_is_no_socket_is_an_error) {
  EXPECT_NE(read_peer(-1).error().what.find("cannot read the credentials"), std::string::npos);
}

TEST(Access, groups_are_found_by_name) {
  EXPECT_EQ(find_group("root"), gid_t{0});
  EXPECT_FALSE(find_group("no-such-group-here").has_value());
}

}  // namespace
}  // namespace relais::control
