// What is said of heartbeat links that die and come back.
#include "daemon/node/dead_links.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relais::node {
namespace {

using corosync::PeerLink;
using testing::ElementsAre;
using testing::IsEmpty;

const NodeId kPeer(2);
const NodeId kOther(3);

NodeSet ring_of(std::initializer_list<NodeId> nodes) {
  NodeSet ring;
  for (const NodeId node : nodes) ring.insert(node);
  return ring;
}

class DeadLinksTest : public testing::Test {
 protected:
  // "link-lost n2" and the like, of one look.
  std::vector<std::string> look(const std::vector<PeerLink>& dead, NodeSet in_ring) {
    std::vector<std::string> said;
    for (const ha::Report& report : links_.look(dead, in_ring)) {
      said.push_back(report.kind + " n" + std::to_string(report.node.value()));
      text_ = report.text;
    }
    return said;
  }

  DeadLinks links_{2, [](NodeId node) { return "n" + std::to_string(node.value()); }};
  const NodeSet both_ = ring_of({kPeer, kOther});
  std::string text_;
};

TEST_F(DeadLinksTest, one_that_dies_is_told_once_and_one_that_is_back_too) {
  const std::vector<PeerLink> dead{{kPeer, 1}};
  EXPECT_THAT(look(dead, both_), IsEmpty()) << "it may be about to leave the ring";
  EXPECT_THAT(look(dead, both_), ElementsAre("link-lost n2"));
  EXPECT_NE(text_.find("link 1"), std::string::npos) << text_;
  EXPECT_THAT(look(dead, both_), IsEmpty());
  EXPECT_THAT(look({}, both_), ElementsAre("link-back n2"));
  EXPECT_THAT(look({}, both_), IsEmpty());
}

TEST_F(DeadLinksTest, those_of_a_node_outside_of_the_ring_are_shown_and_not_told) {
  const std::vector<PeerLink> dead{{kPeer, 1}, {kPeer, 0}};
  for (int i = 0; i < 3; ++i) EXPECT_THAT(look(dead, ring_of({kOther})), IsEmpty());
  EXPECT_THAT(links_.all(), ElementsAre(PeerLink{kPeer, 0}, PeerLink{kPeer, 1}));
  EXPECT_THAT(look({}, both_), IsEmpty());
}

TEST_F(DeadLinksTest, a_node_that_dies_takes_its_dead_link_with_it) {
  const std::vector<PeerLink> dead{{kPeer, 0}};
  look(dead, both_);
  look(dead, both_);
  EXPECT_THAT(look({{kPeer, 0}, {kPeer, 1}}, ring_of({kOther})), IsEmpty());
  EXPECT_THAT(look(dead, both_), IsEmpty());
  EXPECT_THAT(look(dead, both_), ElementsAre("link-lost n2")) << "it is back in the ring, and its link still dead";
}

TEST_F(DeadLinksTest, a_member_that_is_heard_on_no_link_is_worse) {
  const std::vector<PeerLink> dead{{kPeer, 0}, {kPeer, 1}};
  look(dead, both_);
  EXPECT_THAT(look(dead, both_), ElementsAre("link-lost n2", "link-lost n2"));
  EXPECT_NE(text_.find("nobody has a lease"), std::string::npos) << text_;
}

}  // namespace
}  // namespace relais::node
