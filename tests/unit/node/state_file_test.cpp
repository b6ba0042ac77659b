// The saved cluster state: what is read back, and what a missing, damaged or unwritable file does.
#include "daemon/node/state_file.h"

#include "tests/unit/temporary_directory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace relais::node {
namespace {

class StateFile : public testing::Test {
 protected:
  std::string file() const { return directory_ + "/cluster.state"; }

  const TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
};

ha::Cluster some_cluster() {
  ha::Cluster cluster;
  cluster.epoch = Epoch(42);
  cluster.nodes[NodeId(1)] = ha::NodeRecord{.drained = true, .weights = {3}};
  cluster.vips.resize(1);
  cluster.vips[0][7].owner = NodeId(1);
  return cluster;
}

TEST_F(StateFile, what_was_saved_is_read_back) {
  ASSERT_TRUE(save_state(directory_, some_cluster()).has_value());
  const Result<ha::Cluster> read = load_state(directory_);
  ASSERT_TRUE(read.has_value()) << read.error().to_string();
  EXPECT_EQ(*read, some_cluster());
}

TEST_F(StateFile, without_a_file_nothing_is_known) {
  const Result<ha::Cluster> read = load_state(directory_);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(*read, ha::Cluster{});
}

TEST_F(StateFile, a_missing_directory_is_made) {
  ASSERT_TRUE(save_state(directory_ + "/deep/er", some_cluster()).has_value());
  EXPECT_TRUE(load_state(directory_ + "/deep/er").has_value());
}

TEST_F(StateFile, a_file_that_was_cut_off_anywhere_is_an_error_that_names_it) {
  ASSERT_TRUE(save_state(directory_, some_cluster()).has_value());
  const auto size = std::filesystem::file_size(file());
  for (std::uintmax_t length = 0; length < size; length += 97) {
    ASSERT_TRUE(save_state(directory_, some_cluster()).has_value());
    std::filesystem::resize_file(file(), length);
    const Result<ha::Cluster> read = load_state(directory_);
    ASSERT_TRUE(read.has_error()) << length;
    EXPECT_NE(read.error().what.find(file()), std::string::npos);
  }
}

TEST_F(StateFile, a_write_that_fails_keeps_the_old_file) {
  ASSERT_TRUE(save_state(directory_, some_cluster()).has_value());
  std::filesystem::create_directory(file() + ".new");  // where the new file would be written
  const Result<void> saved = save_state(directory_, ha::Cluster{});
  ASSERT_TRUE(saved.has_error());
  EXPECT_FALSE(saved.error().way_out.empty());
  EXPECT_EQ(*load_state(directory_), some_cluster());
}

}  // namespace
}  // namespace relais::node
