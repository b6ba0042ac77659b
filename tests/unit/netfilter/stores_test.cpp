// The order of stores between two tables of bucket states.
#include "netfilter/plan/stores.h"

#include "base/prng.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace relais::netfilter {
namespace {

constexpr std::array kStates = {BucketState::foreign, BucketState::leftover, BucketState::shadow, BucketState::adopt,
                                BucketState::serve};

BucketStates random_states(Prng& prng) {
  BucketStates states{};
  std::ranges::generate(states, [&] { return kStates[prng.below(kStates.size())]; });
  return states;
}

int total(const BucketStates& states) {
  int sum = 0;
  for (const BucketState state : states) sum += answers(state);
  return sum;
}

TEST(StoresTest, equal_tables_need_no_store) {
  Prng prng(1);
  const BucketStates states = random_states(prng);
  EXPECT_TRUE(plan_stores(states, states).empty());
}

TEST(StoresTest, a_bucket_that_is_lost_is_stored_before_one_that_is_won) {
  BucketStates before{};
  BucketStates after{};
  after[1] = BucketState::serve;
  before[200] = BucketState::serve;
  after[200] = BucketState::leftover;
  const Stores expected = {{BucketId(200), BucketState::leftover}, {BucketId(1), BucketState::serve}};
  EXPECT_EQ(plan_stores(before, after), expected);
}

TEST(StoresTest, among_winners_those_that_answer_less_come_first) {
  BucketStates after{};
  after[0] = BucketState::serve;
  after[1] = BucketState::adopt;
  after[2] = BucketState::shadow;
  const Stores expected = {
      {BucketId(2), BucketState::shadow}, {BucketId(1), BucketState::adopt}, {BucketId(0), BucketState::serve}};
  EXPECT_EQ(plan_stores(BucketStates{}, after), expected);
}

TEST(StoresTest, a_claim_is_where_openers_were_held_and_are_answered_now) {
  for (const BucketState from : kStates) {
    for (const BucketState to : kStates) {
      BucketStates before{};
      BucketStates after{};
      before[77] = from;
      after[77] = to;
      const bool answers_now = to == BucketState::serve || to == BucketState::adopt;
      EXPECT_EQ(is_claim(before, after), from == BucketState::shadow && answers_now)
          << to_string(from) << " to " << to_string(to);
    }
  }
}

TEST(StoresTest, stores_lead_from_any_table_to_any_other_and_never_rise_before_they_have_fallen) {
  Prng prng(2);
  for (int round = 0; round < 500; ++round) {
    const BucketStates before = random_states(prng);
    const BucketStates after = random_states(prng);
    BucketStates now = before;
    bool has_risen = false;
    for (const Store& store : plan_stores(before, after)) {
      const int previous = total(now);
      now[store.bucket.value()] = store.state;
      has_risen = has_risen || total(now) > previous;
      if (has_risen) {
        EXPECT_GT(total(now), previous - 1);
      }
      EXPECT_LE(total(now), std::max(total(before), total(after)));
    }
    EXPECT_EQ(now, after);
  }
}

}  // namespace
}  // namespace relais::netfilter
