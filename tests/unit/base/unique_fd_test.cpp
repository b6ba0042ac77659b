// Every descriptor is closed once: not never, not twice.
#include "base/unique_fd.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <utility>

namespace relais {
namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

int open_null() {
  const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_GE(fd, 0);
  return fd;
}

TEST(UniqueFdTest, a_new_owner_is_empty) {
  const UniqueFd owner;
  EXPECT_FALSE(owner);
  EXPECT_EQ(owner.get(), -1);
}

TEST(UniqueFdTest, the_end_of_the_owner_closes_the_descriptor) {
  const int fd = open_null();
  {
    const UniqueFd owner(fd);
    EXPECT_TRUE(owner);
    EXPECT_EQ(owner.get(), fd);
    EXPECT_TRUE(is_open(fd));
  }
  EXPECT_FALSE(is_open(fd));
}

TEST(UniqueFdTest, a_move_hands_the_descriptor_over_and_leaves_nothing_behind) {
  const int fd = open_null();
  UniqueFd first(fd);
  UniqueFd second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): the moved-from state is the contract
  EXPECT_EQ(second.get(), fd);
  EXPECT_TRUE(is_open(fd));
}

TEST(UniqueFdTest, assignment_closes_what_the_target_had) {
  const int kept = open_null();
  const int replaced = open_null();
  UniqueFd target(replaced);
  target = UniqueFd(kept);
  EXPECT_EQ(target.get(), kept);
  EXPECT_TRUE(is_open(kept));
  EXPECT_FALSE(is_open(replaced));
}

TEST(UniqueFdTest, assignment_to_itself_keeps_the_descriptor_open) {
  UniqueFd owner(open_null());
  UniqueFd& alias = owner;
  owner = std::move(alias);
  EXPECT_TRUE(is_open(owner.get()));
}

TEST(UniqueFdTest, release_gives_the_descriptor_away_unclosed) {
  const int fd = open_null();
  {
    UniqueFd owner(fd);
    EXPECT_EQ(owner.release(), fd);
    EXPECT_FALSE(owner);
  }
  EXPECT_TRUE(is_open(fd));
  ::close(fd);
}

TEST(UniqueFdTest, descriptor_zero_is_a_descriptor) {
  const int saved = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  {
    const UniqueFd owner(STDIN_FILENO);
    EXPECT_TRUE(owner);
  }
  EXPECT_FALSE(is_open(STDIN_FILENO));
  if (saved >= 0) {
    ::dup2(saved, STDIN_FILENO);
    ::close(saved);
  }
}

}  // namespace
}  // namespace relais
