// When a gateway counts as there: the whole table of state and event.
#include "daemon/node/gateway_judge.h"

#include <gtest/gtest.h>

#include <string_view>

namespace relais::node {
namespace {

// After these replies ('+' came, '-' missed).
GatewayJudge after(std::string_view replies, GatewayJudge judge = {}) {
  for (const char reply : replies) judge.on_reply(reply == '+' ? Reply::came : Reply::missed);
  return judge;
}

struct Row {
  std::string_view replies;
  ha::Front front;
};

TEST(GatewayJudge, three_misses_in_a_row_lose_a_gateway_and_three_answers_bring_it_back) {
  constexpr Row kRows[] = {
      {"", ha::Front::doubtful},
      {"+", ha::Front::well},
      {"-", ha::Front::doubtful},
      {"--", ha::Front::doubtful},
      {"+-", ha::Front::doubtful},
      {"+--", ha::Front::doubtful},
      {"+---", ha::Front::no_gateway},
      {"+--+", ha::Front::well},
      {"+--+--", ha::Front::doubtful},
      {"+---+", ha::Front::doubtful},
      {"+---++", ha::Front::doubtful},
      {"+---+++", ha::Front::well},
      {"+---++-", ha::Front::no_gateway},
      {"+---++-+", ha::Front::doubtful},
      {"+---++-++", ha::Front::doubtful},
      {"+---++-+++", ha::Front::well},
      {"+----------", ha::Front::no_gateway},
  };
  for (const Row& row : kRows) EXPECT_EQ(after(row.replies).front(), row.front) << row.replies;
}

TEST(GatewayJudge, a_node_that_starts_without_a_gateway_finds_out_after_three_questions) {
  EXPECT_EQ(after("--").front(), ha::Front::doubtful);
  EXPECT_EQ(after("---").front(), ha::Front::no_gateway);
}

TEST(GatewayJudge, what_was_seen_before_the_cable_was_out_does_not_count) {
  GatewayJudge judge = after("+++++");
  judge.distrust();
  EXPECT_EQ(judge.front(), ha::Front::no_gateway);
  EXPECT_EQ(after("++", judge).front(), ha::Front::doubtful);
  EXPECT_EQ(after("+++", judge).front(), ha::Front::well);
}

// All nodes ask at their own moments, at most one interval apart. When a gateway dies, every node doubts before the
// first is sure, with an interval to spare; the same when it returns.
TEST(GatewayJudge, between_the_first_doubt_and_certainty_are_two_intervals) {
  EXPECT_EQ(after("-", after("+")).sight(), GatewayJudge::Sight::failing);
  EXPECT_EQ(after("---", after("+")).sight(), GatewayJudge::Sight::missing);
  EXPECT_EQ(after("+", after("+---")).sight(), GatewayJudge::Sight::returning);
  EXPECT_EQ(after("+++", after("+---")).sight(), GatewayJudge::Sight::seen);
}

}  // namespace
}  // namespace relais::node
