// The probe's figures, from records made by hand; its address ranges.
#include "lab/probe/addresses.h"
#include "lab/probe/report.h"

#include <gtest/gtest.h>

namespace relais::probe {
namespace {

using namespace std::chrono_literals;

constexpr Instant kBegin = Instant(1000s);

Record record_with(std::vector<Attempt> attempts) {
  Record record;
  record.begin = kBegin;
  record.end = kBegin + 10s;
  record.phases = {{.name = "start", .when = kBegin}, {.name = "crash", .when = kBegin + 1s}};
  record.sources = {*IpAddress::parse("203.0.113.10"), *IpAddress::parse("203.0.113.11")};
  record.node_index("n1");
  record.node_index("n2");
  record.attempts = std::move(attempts);
  return record;
}

Attempt answered(Duration start, Duration connect, NodeIndex node, std::uint32_t source = 0) {
  return {.start = kBegin + start, .connect = connect, .source = source, .node = node, .outcome = Outcome::ok};
}

TEST(Report, an_attempt_belongs_to_the_phase_in_which_it_started) {
  const auto report = make_report(record_with({answered(999ms, 500ms, 1), answered(1s, 1ms, 1)}));
  ASSERT_EQ(report.phases.size(), 2U);
  EXPECT_EQ(report.phases[0].attempts, 1U);
  EXPECT_EQ(report.phases[1].attempts, 1U);
  EXPECT_EQ(report.total.attempts, 2U);
}

TEST(Report, the_outage_reaches_from_the_start_of_the_first_to_the_start_of_the_last_affected_attempt) {
  const auto report = make_report(record_with({answered(1100ms, 1ms, 1),
                                               answered(1200ms, 1003ms, 2),
                                               {.start = kBegin + 1300ms, .outcome = Outcome::failed},
                                               answered(1410ms, 1002ms, 2),
                                               answered(1500ms, 199ms, 2)}));
  const auto& crash = report.phases[1];
  EXPECT_EQ(crash.delayed, 2U);
  EXPECT_EQ(crash.failed, 1U);
  EXPECT_DOUBLE_EQ(crash.outage_ms, 210);
  EXPECT_DOUBLE_EQ(crash.outage_from_ms, 1200);
  EXPECT_DOUBLE_EQ(crash.slowest_connect_ms, 1003);
  EXPECT_DOUBLE_EQ(report.phases[0].outage_ms, 0);
}

TEST(Report, an_address_that_two_nodes_answered_is_named) {
  const auto report =
      make_report(record_with({answered(1ms, 1ms, 1, 0), answered(2ms, 1ms, 1, 1), answered(3ms, 1ms, 2, 1)}));
  ASSERT_EQ(report.total.shared_addresses.size(), 1U);
  EXPECT_EQ(report.total.shared_addresses[0], (SharedAddress{.address = "203.0.113.11", .nodes = {"n1", "n2"}}));
}

TEST(Report, a_refused_and_a_reset_attempt_are_told_in_full) {
  Attempt reset = answered(20ms, 2ms, 2);
  reset.outcome = Outcome::reset;
  const auto report = make_report(record_with({{.start = kBegin + 10ms, .outcome = Outcome::refused}, reset}));
  ASSERT_EQ(report.total.troubles.size(), 2U);
  EXPECT_EQ(report.total.troubles[0].outcome, "refused");
  EXPECT_LT(report.total.troubles[0].connected_ms, 0);
  EXPECT_EQ(report.total.troubles[1],
            (Trouble{.start_ms = 20, .source = "203.0.113.10", .outcome = "reset", .node = "n2", .connected_ms = 22}));
}

TEST(Report, long_lived_connections_count_in_the_phase_in_which_they_broke) {
  Record record = record_with({});
  record.long_opened = {{.when = kBegin + 1ms, .node = 1}, {.when = kBegin + 3s, .node = 2, .again = true}};
  record.long_broken = {{.when = kBegin + 2s, .node = 1, .unheard = 700ms}};
  const auto report = make_report(record);
  EXPECT_EQ(report.phases[0].long_opened, 1U);
  EXPECT_TRUE(report.phases[0].long_breaks.empty());
  EXPECT_EQ(report.phases[1].long_broken_by_node.at("n1"), 1U);
  EXPECT_EQ(report.phases[1].long_breaks, (std::vector{LongBreak{.at_ms = 2000, .node = "n1", .unheard_ms = 700}}));
  EXPECT_EQ(report.phases[1].long_reopened, 1U);
  EXPECT_DOUBLE_EQ(report.phases[1].long_slowest_notice_ms, 700);
}

TEST(Report, idle_connections_count_in_the_phase_in_which_they_broke) {
  Record record = record_with({});
  const auto source = *IpAddress::parse("203.0.113.10");
  record.idle_opened = {{.when = kBegin + 1ms, .node = 1}, {.when = kBegin + 2ms, .node = 2}};
  record.idle_broken = {{.when = kBegin + 1300ms, .node = 2, .source = source, .end = End::reset},
                        {.when = kBegin + 1400ms, .node = 2, .source = source, .end = End::closed},
                        {.when = kBegin + 1900ms, .node = 2, .source = source, .end = End::reset}};
  const auto report = make_report(record);
  EXPECT_EQ(report.phases[0].idle.opened, 2U);
  EXPECT_TRUE(report.phases[0].idle.breaks.empty());
  const auto& crash = report.phases[1].idle;
  EXPECT_EQ(crash.opened, 0U);
  EXPECT_EQ(crash.broken_by_node.at("n2"), 3U);
  ASSERT_EQ(crash.breaks.size(), 3U);
  EXPECT_EQ(crash.breaks[1], (IdleBreak{.at_ms = 1400, .node = "n2", .source = "203.0.113.10", .end = "closed"}));
  EXPECT_DOUBLE_EQ(crash.median_after_ms, 400);
  EXPECT_DOUBLE_EQ(crash.slowest_after_ms, 900);
}

TEST(Report, a_run_without_idle_connections_says_nothing_of_them) {
  EXPECT_EQ(to_table(make_report(record_with({}))).find("idle"), std::string::npos);
}

TEST(Report, the_table_names_the_phase_in_which_idle_connections_broke_and_how_soon) {
  Record record = record_with({});
  record.idle_opened = {{.when = kBegin, .node = 1}, {.when = kBegin, .node = 2}};
  record.idle_broken = {{.when = kBegin + 1320ms, .node = 2}};
  const auto table = to_table(make_report(record));
  EXPECT_NE(table.find("idle connections: 2 opened, 1 broken\n"), std::string::npos) << table;
  EXPECT_NE(table.find("idle in crash: 1 broken (n2:1), half within 320 ms and all within 320 ms"), std::string::npos)
      << table;
}

TEST(Report, a_slot_of_the_timeline_tells_how_long_the_connects_that_started_in_it_took) {
  const auto report = make_report(record_with({answered(110ms, 1ms, 1),
                                               answered(120ms, 2ms, 1),
                                               answered(190ms, 1003ms, 2),
                                               answered(200ms, 9ms, 1),
                                               {.start = kBegin + 310ms, .outcome = Outcome::failed}}));
  ASSERT_EQ(report.timeline.size(), 4U);
  EXPECT_DOUBLE_EQ(report.timeline[0].slowest_connect_ms, 0);
  EXPECT_DOUBLE_EQ(report.timeline[1].median_connect_ms, 2);
  EXPECT_DOUBLE_EQ(report.timeline[1].slowest_connect_ms, 1003);
  EXPECT_DOUBLE_EQ(report.timeline[2].slowest_connect_ms, 9);
  EXPECT_DOUBLE_EQ(report.timeline[3].slowest_connect_ms, 0);
}

TEST(Report, the_timeline_has_a_slot_per_100_ms) {
  const auto report = make_report(record_with({answered(50ms, 1ms, 1), answered(250ms, 900ms, 2)}));
  ASSERT_EQ(report.timeline.size(), 3U);
  EXPECT_EQ(report.timeline[0].answers.at("n1"), 1U);
  EXPECT_EQ(report.timeline[2].delayed, 1U);
}

TEST(Addresses, a_range_is_in_the_last_group_in_the_addresss_own_base) {
  const auto v4 = parse_range("203.0.113.10-249");
  ASSERT_TRUE(v4.has_value());
  EXPECT_EQ(v4->size(), 240U);
  EXPECT_EQ(v4->back().to_string(), "203.0.113.249");
  const auto v6 = parse_range("2001:db8:2::100-1ef");
  ASSERT_TRUE(v6.has_value());
  EXPECT_EQ(v6->size(), 240U);
  EXPECT_EQ(v6->back().to_string(), "2001:db8:2::1ef");
}

TEST(Addresses, a_bad_range_is_an_error_that_shows_the_form) {
  for (const auto* text :
       {"", "203.0.113", "203.0.113.10-9", "203.0.113.10-256", "203.0.113.10-1x", "::1-10000", "x-y"}) {
    const auto parsed = parse_range(text);
    ASSERT_TRUE(parsed.has_error()) << text;
    EXPECT_FALSE(parsed.error().way_out.empty());
  }
}

TEST(Addresses, a_vip_without_a_source_of_its_family_is_an_error) {
  EXPECT_TRUE(make_targets({"2001:db8:1::100"}, {"203.0.113.10"}, 7000).has_error());
  const auto targets = make_targets({"198.51.100.100", "2001:db8:1::100"}, {"203.0.113.10-12", "2001:db8:2::1"}, 7000);
  ASSERT_TRUE(targets.has_value());
  EXPECT_EQ(targets->at(0).sources.size(), 3U);
  EXPECT_EQ(targets->at(1).sources.size(), 1U);
}

}  // namespace
}  // namespace relais::probe
