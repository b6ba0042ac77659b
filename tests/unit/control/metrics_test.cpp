// The Prometheus text.
#include "daemon/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace relais::metrics {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

MetricsInput sample() {
  MetricsInput input{
      .version = "0.1.0", .cluster = "mail", .node = "n1", .member = Answer::yes, .quorate = Answer::yes};
  input.lease_left = std::chrono::milliseconds(250);
  input.vips = {{.vip = "mail4", .buckets_by_state = {{"serve", 86}, {"foreign", 170}}, .connections = 12},
                {.vip = "mail6", .buckets_by_state = {{"serve", 85}}, .connections = 0}};
  input.verdicts = {{"pass", 1000}, {"drop_foreign", 9007199254740992}};
  input.moves_by_cause = {{"node died", 2}};
  input.last_takeover = std::chrono::microseconds(1500);
  input.heartbeats_sent = 11;
  input.heartbeats_delivered = 33;
  input.ring_messages = 40;
  input.undecodable_messages = 1;
  input.front_lost = Answer::yes;
  input.clients_tickled = 21;
  input.clients_in_book = 22;
  input.clients_dropped = 23;
  input.client_list_gaps = 24;
  input.clients_unlisted = 25;
  input.nodes_with_other_configuration = 1;
  input.events_by_severity = {{"info", 7}, {"warning", 3}};
  input.corosync_restarts = 2;
  input.heard_on_links = {{"n2", {Answer::yes, Answer::no}}};
  return input;
}

// The value of one sample line, by its name and labels.
std::string value_of(const std::string& text, const std::string& series) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(series + " ")) return line.substr(series.size() + 1);
  }
  return "absent";
}

TEST(Metrics, every_number_of_the_input_is_in_the_text) {
  const std::string text = render_metrics(sample());
  const std::pair<const char*, const char*> rows[] = {
      {R"(relais_build_info{version="0.1.0",cluster="mail",node="n1"})", "1"},
      {"relais_member", "1"},
      {"relais_quorate", "1"},
      {"relais_lease_left_seconds", "0.25"},
      {R"(relais_buckets{vip="mail4",state="serve"})", "86"},
      {R"(relais_buckets{vip="mail4",state="foreign"})", "170"},
      {R"(relais_buckets{vip="mail6",state="serve"})", "85"},
      {R"(relais_connections{vip="mail4"})", "12"},
      {R"(relais_connections{vip="mail6"})", "0"},
      {R"(relais_verdicts_total{verdict="pass"})", "1000"},
      {R"(relais_verdicts_total{verdict="drop_foreign"})", "9007199254740992"},
      {R"(relais_moves_total{cause="node died"})", "2"},
      {"relais_last_takeover_seconds", "0.0015"},
      {"relais_front_lost", "1"},
      {"relais_tickled_clients_total", "21"},
      {"relais_client_book_size", "22"},
      {"relais_client_book_dropped_total", "23"},
      {"relais_client_list_gaps_total", "24"},
      {"relais_clients_unlisted", "25"},
      {"relais_heartbeats_sent_total", "11"},
      {"relais_heartbeats_delivered_total", "33"},
      {"relais_ring_messages_total", "40"},
      {"relais_undecodable_messages_total", "1"},
      {"relais_nodes_with_other_configuration", "1"},
      {R"(relais_events_total{severity="info"})", "7"},
      {R"(relais_events_total{severity="warning"})", "3"},
      {"relais_corosync_restarts_total", "2"},
      {R"(relais_heartbeat_link_up{node="n2",link="0"})", "1"},
      {R"(relais_heartbeat_link_up{node="n2",link="1"})", "0"},
  };
  for (const auto& [series, value] : rows) {
    const std::string found = value_of(text, series);
    ASSERT_NE(found, "absent") << series << "\n" << text;
    EXPECT_DOUBLE_EQ(std::stod(found), std::stod(value)) << series;
  }
}

TEST(Metrics, every_family_has_help_and_type_and_counters_end_in_total) {
  const std::string text = render_metrics(sample());
  std::istringstream lines(text);
  std::set<std::string> helped;
  std::set<std::string> typed;
  constexpr const char* kSampleLine = R"(relais_[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.e+-]+)";
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, keyword, name, type;
    words >> hash >> keyword >> name >> type;
    if (keyword == "HELP") {
      EXPECT_TRUE(helped.insert(name).second) << line;
    }
    if (keyword == "TYPE") {
      EXPECT_TRUE(typed.insert(name).second) << line;
      EXPECT_EQ(type == "counter", name.ends_with("_total")) << line;
    }
    if (hash != "#") {
      EXPECT_THAT(line, MatchesRegex(kSampleLine));
    }
  }
  EXPECT_EQ(helped, typed);
  EXPECT_EQ(helped.size(), 25U);
}

TEST(Metrics, a_node_that_knows_nothing_yet_is_no_member_and_has_no_lease) {
  const std::string text = render_metrics(MetricsInput{});
  EXPECT_EQ(value_of(text, "relais_member"), "0");
  EXPECT_EQ(value_of(text, "relais_quorate"), "0");
  EXPECT_EQ(value_of(text, "relais_lease_left_seconds"), "0");
}

TEST(Metrics, names_with_quotes_cannot_break_the_text) {
  MetricsInput input;
  input.cluster = "a\"b\\c\nd";
  EXPECT_THAT(render_metrics(input), HasSubstr(R"(cluster="a\"b\\c\nd")"));
}

}  // namespace
}  // namespace relais::metrics
