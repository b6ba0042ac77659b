// A set of nodes behaves as a set, at both ends of the range too.
#include "base/node_set.h"

#include "base/prng.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace relais {
namespace {

NodeSet set_of(std::initializer_list<std::uint32_t> ids) {
  NodeSet set;
  for (const std::uint32_t id : ids) set.insert(NodeId(id));
  return set;
}

std::vector<std::uint32_t> ids_of(NodeSet set) {
  std::vector<std::uint32_t> ids;
  for (const NodeId node : set) ids.push_back(node.value());
  return ids;
}

TEST(NodeSetTest, a_new_set_is_empty_and_has_no_lowest_node) {
  const NodeSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.size(), 0U);
  EXPECT_EQ(set.lowest(), kNoNode);
  EXPECT_TRUE(ids_of(set).empty());
}

TEST(NodeSetTest, nodes_come_out_in_ascending_order_whatever_the_order_of_insertion) {
  const NodeSet set = set_of({63, 2, 17, 1, 2});
  EXPECT_EQ(ids_of(set), (std::vector<std::uint32_t>{1, 2, 17, 63}));
  EXPECT_EQ(set.size(), 4U);
  EXPECT_EQ(set.lowest(), NodeId(1));
}

TEST(NodeSetTest, no_node_is_never_in_a_set) {
  EXPECT_FALSE(set_of({1, 63}).contains(kNoNode));
  EXPECT_FALSE(NodeSet(~std::uint64_t{0}).contains(kNoNode));
  EXPECT_EQ(NodeSet(~std::uint64_t{0}).size(), 63U);
}

TEST(NodeSetTest, an_id_beyond_the_range_is_not_contained_and_cannot_be_inserted) {
  NodeSet set = set_of({1});
  EXPECT_FALSE(set.contains(NodeId(64)));
  EXPECT_FALSE(set.contains(NodeId(65)));  // 65 mod 64 is 1, which is in the set
  EXPECT_DEATH(set.insert(NodeId(64)), "node ids are 1..63");
  EXPECT_DEATH(set.insert(kNoNode), "node ids are 1..63");
  EXPECT_DEATH(set.erase(NodeId(64)), "node ids are 1..63");
}

TEST(NodeSetTest, erasing_an_absent_node_changes_nothing) {
  NodeSet set = set_of({3, 5});
  set.erase(NodeId(4));
  EXPECT_EQ(set, set_of({3, 5}));
  set.erase(NodeId(3));
  EXPECT_EQ(set, set_of({5}));
}

TEST(NodeSetTest, operators_are_intersection_union_and_difference) {
  EXPECT_EQ(set_of({1, 2, 3}) & set_of({2, 3, 4}), set_of({2, 3}));
  EXPECT_EQ(set_of({1, 2}) | set_of({2, 63}), set_of({1, 2, 63}));
  EXPECT_EQ(set_of({1, 2, 3}) - set_of({2, 4}), set_of({1, 3}));
}

TEST(NodeSetTest, random_operations_agree_with_the_standard_set) {
  Prng prng(42);
  NodeSet set;
  std::set<std::uint32_t> model;
  for (int i = 0; i < 5000; ++i) {
    const auto id = static_cast<std::uint32_t>(1 + prng.below(kMaxNodeId));
    if (prng.chance(500)) {
      set.insert(NodeId(id));
      model.insert(id);
    } else {
      set.erase(NodeId(id));
      model.erase(id);
    }
    ASSERT_EQ(ids_of(set), std::vector<std::uint32_t>(model.begin(), model.end()));
    ASSERT_EQ(set.size(), model.size());
  }
}

}  // namespace
}  // namespace relais
