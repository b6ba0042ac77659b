// A broken invariant ends the process and says why; one that holds costs nothing and evaluates once.
#include "base/invariant.h"

#include <gtest/gtest.h>

namespace relais {
namespace {

TEST(InvariantTest, a_broken_invariant_aborts_and_names_the_reason_the_condition_and_the_place) {
  const int owners = 2;
  EXPECT_DEATH(INVARIANT(owners < 2, "at most one owner"),
               "relais: invariant broken: at most one owner: owners < 2 \\(.*invariant_test.cpp:[0-9]+\\)");
}

TEST(InvariantTest, a_condition_that_holds_is_evaluated_once) {
  int evaluated = 0;
  INVARIANT(++evaluated > 0, "never broken");
  EXPECT_EQ(evaluated, 1);
}

}  // namespace
}  // namespace relais
