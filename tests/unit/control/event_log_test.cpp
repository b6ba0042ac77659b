// The bounded memory of events and receipts.
#include "daemon/control/event_log.h"

#include <gtest/gtest.h>

namespace relais::control {
namespace {

TEST(EventLog, ids_begin_with_one_and_increase_by_one) {
  EventLog log("life");
  EXPECT_EQ(log.events_after(0, "life"), EventList{.run = "life"});
  EXPECT_EQ(log.add(EventRecord{.id = 77, .text = "first"}), 1U);
  EXPECT_EQ(log.add(EventRecord{.text = "second"}), 2U);
  const EventList all = log.events_after(0, "life");
  ASSERT_EQ(all.events.size(), 2U);
  EXPECT_EQ(all.events[0].id, 1U);
  EXPECT_EQ(all.events[1].text, "second");
  EXPECT_EQ(all.last_id, 2U);
}

TEST(EventLog, who_asks_after_an_id_gets_only_what_is_newer) {
  EventLog log("life");
  for (int i = 0; i < 5; ++i) log.add(EventRecord{});
  EXPECT_EQ(log.events_after(3, "life").events.front().id, 4U);
  EXPECT_EQ(log.events_after(3, "life").events.size(), 2U);
  EXPECT_TRUE(log.events_after(5, "life").events.empty());
}

TEST(EventLog, an_id_of_an_earlier_run_gives_everything) {
  EventLog log("life");
  log.add(EventRecord{});
  EXPECT_EQ(log.events_after(500, "life").events.size(), 1U);
  EXPECT_EQ(log.events_after(500, "life").last_id, 1U);
}

TEST(EventLog, an_id_of_another_life_gives_everything_however_small_it_is) {
  EventLog log("life");
  for (int i = 0; i < 5; ++i) log.add(EventRecord{});
  EXPECT_EQ(log.events_after(3, "earlier life").events.size(), 5U);
  EXPECT_EQ(log.events_after(3, "").events.size(), 2U) << "who does not say, means this one";
  EXPECT_EQ(log.events_after(3, "").run, "life");
}

TEST(EventLog, the_oldest_are_forgotten_but_counted) {
  EventLog log("life", EventLog::Bounds{.events = 3, .receipts = 2});
  for (int i = 0; i < 10; ++i) log.add(EventRecord{.severity = i < 4 ? "info" : "error"});
  for (std::uint64_t i = 0; i < 5; ++i) log.add(ReceiptRecord{.epoch = i, .cause = "drain"});
  EXPECT_EQ(log.events_after(0, "life").events.front().id, 8U);
  EXPECT_EQ(log.events_after(8, "life").events.size(), 2U);
  EXPECT_EQ(log.receipts().receipts.size(), 2U);
  EXPECT_EQ(log.receipts().receipts.front().epoch, 3U);
  EXPECT_EQ(log.events_by_severity(), (std::map<std::string, std::uint64_t>{{"error", 6}, {"info", 4}}));
  EXPECT_EQ(log.moves_by_cause(), (std::map<std::string, std::uint64_t>{{"drain", 5}}));
}

TEST(EventLog, an_abandoned_move_is_kept_but_is_no_finished_one) {
  EventLog log("life");
  log.add(ReceiptRecord{.cause = "drain", .abandoned = true});
  EXPECT_EQ(log.receipts().receipts.size(), 1U);
  EXPECT_TRUE(log.moves_by_cause().empty());
}

}  // namespace
}  // namespace relais::control
