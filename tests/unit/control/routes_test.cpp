// Paths, parameters and answers of the control API, without sockets.
#include "daemon/control/routes.h"

#include "daemon/control/json.h"
#include "tests/unit/control/backend_double.h"

#include <gtest/gtest.h>

namespace relais::control {
namespace {

class Routes : public testing::Test {
 protected:
  Response get(std::string_view target) { return answer_control(backend_, parse_target("GET", target)); }
  Response post(std::string_view target, std::string body) {
    Request request = parse_target("POST", target);
    request.body = std::move(body);
    return answer_control(backend_, request);
  }
  static std::string error_of(const Response& response) { return parse_failure(response.body).value().error; }
  static std::string way_out_of(const Response& response) { return parse_failure(response.body).value().way_out; }

  BackendDouble backend_;
};

TEST_F(Routes, a_target_is_split_and_decoded) {
  struct Row {
    const char* target;
    const char* path;
    std::map<std::string, std::string> query;
  };
  const Row rows[] = {
      {"/v1/status", "/v1/status", {}},
      {"/v1/who?address=2001%3Adb8%3a%3A1", "/v1/who", {{"address", "2001:db8::1"}}},
      {"/v1/events?after=1&wait_ms=2", "/v1/events", {{"after", "1"}, {"wait_ms", "2"}}},
      {"/a?b", "/a", {{"b", ""}}},
      {"/a?b=&&c=d=e&", "/a", {{"b", ""}, {"c", "d=e"}}},
      {"/a?b=1&b=2", "/a", {{"b", "2"}}},
      {"/%2Fa%", "//a%", {}},
      {"/%4", "/%4", {}},
      {"/%zz%+1%-1", "/%zz%+1%-1", {}},
      {"/a?b=1#c?d", "/a", {{"b", "1"}}},
      {"", "", {}},
  };
  for (const Row& row : rows) {
    const Request request = parse_target("GET", row.target);
    EXPECT_EQ(request.path, row.path) << row.target;
    EXPECT_EQ(request.query, row.query) << row.target;
  }
}

TEST_F(Routes, every_reading_path_answers_with_what_the_daemon_knows) {
  backend_.log.add(sample_event());
  backend_.log.add(sample_receipt());
  EXPECT_EQ(parse_status(get("/v1/status").body).value(), sample_status());
  EXPECT_EQ(parse_who(get("/v1/who?address=203.0.113.9").body).value().address, "203.0.113.9");
  EXPECT_EQ(parse_who(get("/v1/who?address=2001:db8::9").body).value().address, "2001:db8::9");
  EXPECT_EQ(parse_events(get("/v1/events").body).value().events.size(), 1U);
  EXPECT_EQ(parse_receipts(get("/v1/receipts").body).value().receipts.front(), sample_receipt());
  EXPECT_EQ(parse_version(get("/v1/version").body).value(), backend_.version());
  EXPECT_EQ(get("/v1/config").body, "[cluster]\nname = \"mail\"\n");
  EXPECT_EQ(get("/v1/config").content_type, "application/toml");
}

TEST_F(Routes, who_without_an_address_says_how_to_ask) {
  EXPECT_EQ(get("/v1/who").status, 400U);
  EXPECT_EQ(error_of(get("/v1/who")), "the parameter address is missing");
  EXPECT_EQ(get("/v1/who?address=example.org").status, 400U);
  EXPECT_NE(way_out_of(get("/v1/who?address=")).find("/v1/who?address=203.0.113.7"), std::string::npos);
}

TEST_F(Routes, who_answers_for_addresses_that_a_client_can_have) {
  for (const char* text : {"0.0.0.0", "::", "224.0.0.1", "ff02::1", "127.0.0.1", "::1", "::ffff:203.0.113.7"}) {
    const Response response = get(std::string("/v1/who?address=") + text);
    EXPECT_EQ(response.status, 400U) << text;
    EXPECT_NE(error_of(response).find("no packet comes from there"), std::string::npos) << text;
  }
}

TEST_F(Routes, events_that_are_there_are_given_at_once) {
  backend_.log.add(sample_event());
  backend_.log.add(sample_event());
  const Response response = get("/v1/events?after=1&wait_ms=5000");
  EXPECT_EQ(response.may_wait.count(), 0);
  EXPECT_EQ(parse_events(response.body).value().events.front().id, 2U);
}

TEST_F(Routes, without_new_events_the_answer_may_wait_but_no_longer_than_thirty_seconds) {
  EXPECT_EQ(get("/v1/events?after=0").may_wait.count(), 0);
  EXPECT_EQ(get("/v1/events?wait_ms=1500").may_wait.count(), 1500);
  EXPECT_EQ(get("/v1/events?wait_ms=18446744073709551615").may_wait.count(), 30'000);
}

TEST_F(Routes, a_parameter_that_is_no_number_is_named) {
  for (const char* text : {"-1", "x", "", "1x", "18446744073709551616", "0x10", "1.5"}) {
    EXPECT_EQ(error_of(get(std::string("/v1/events?after=") + text)), "the parameter after is no number") << text;
    EXPECT_EQ(error_of(get(std::string("/v1/events?wait_ms=") + text)), "the parameter wait_ms is no number") << text;
  }
}

TEST_F(Routes, orders_reach_the_backend) {
  EXPECT_EQ(post("/v1/drain", R"({"node":"n2"})").status, 202U);
  EXPECT_EQ(post("/v1/resume", R"({"node":"2"})").status, 202U);
  EXPECT_EQ(post("/v1/weight", R"({"node":"n1","vip":"mail4","weight":2})").status, 202U);
  EXPECT_EQ(post("/v1/weight", R"({"node":"n1","weight":0})").status, 202U);
  const std::vector<std::pair<OrderKind, Order>> expected{
      {OrderKind::drain, {.node = "n2"}},
      {OrderKind::resume, {.node = "2"}},
      {OrderKind::weight, {.node = "n1", .vip = "mail4", .weight = 2}},
      {OrderKind::weight, {.node = "n1", .weight = 0}},
  };
  EXPECT_EQ(backend_.orders, expected);
}

TEST_F(Routes, an_upgrade_reaches_the_backend_or_says_why_not) {
  EXPECT_EQ(post("/v1/upgrade", "{}").status, 202U);
  EXPECT_EQ(post("/v1/upgrade", R"({"binary":"/opt/relaisd"})").status, 202U);
  EXPECT_EQ(post("/v1/upgrade", R"({"binary":"/no/such"})").status, 409U);
  EXPECT_EQ(error_of(post("/v1/upgrade", R"({"binary":7})")), "binary: expected a string, found 7");
  EXPECT_EQ(post("/v1/upgrade", "").status, 400U);
  const std::vector<UpgradeOrder> expected{{}, {.binary = "/opt/relaisd"}};
  EXPECT_EQ(backend_.upgrades, expected);
}

TEST_F(Routes, an_order_that_is_not_whole_does_not_reach_the_backend) {
  struct Row {
    const char* path;
    const char* body;
    const char* error;
  };
  const Row rows[] = {
      {"/v1/drain", "", "the text is not JSON"},
      {"/v1/drain", "{}", "node is missing"},
      {"/v1/drain", R"({"node":2})", "node: expected a string, found 2"},
      {"/v1/drain", R"({"node":"n2","weight":2})", "vip and weight belong to /v1/weight only"},
      {"/v1/resume", R"({"node":"n2","vip":"mail4"})", "vip and weight belong to /v1/weight only"},
      {"/v1/weight", R"({"node":"n2","vip":"mail4"})", "weight is missing"},
      {"/v1/weight", R"({"weight":2})", "node is missing"},
      {"/v1/weight", R"({"node":"n2","weight":-2})", "weight: expected an integer from 0 to 65535, found -2"},
  };
  for (const Row& row : rows) {
    const Response response = post(row.path, row.body);
    EXPECT_EQ(response.status, 400U) << row.body;
    EXPECT_EQ(error_of(response), row.error);
    EXPECT_FALSE(way_out_of(response).empty());
  }
  EXPECT_TRUE(backend_.orders.empty());
}

TEST_F(Routes, an_order_that_the_daemon_refuses_is_a_conflict_with_its_way_out) {
  const Response response = post("/v1/drain", R"({"node":"n9"})");
  EXPECT_EQ(response.status, 409U);
  EXPECT_EQ(error_of(response), "there is no node n9");
  EXPECT_EQ(way_out_of(response), "the nodes are n1, n2, n3");
}

TEST_F(Routes, an_unknown_path_lists_the_known_ones) {
  const Response response = get("/v2/status");
  EXPECT_EQ(response.status, 404U);
  EXPECT_EQ(error_of(response), "there is no /v2/status");
  EXPECT_EQ(way_out_of(response),
            "these paths exist: GET /v1/status, GET /v1/who, GET /v1/events, GET /v1/receipts, GET /v1/config, "
            "GET /v1/version, POST /v1/drain, POST /v1/resume, POST /v1/weight, POST /v1/upgrade");
}

TEST_F(Routes, a_wrong_method_is_told_the_right_one) {
  EXPECT_EQ(get("/v1/drain").status, 405U);
  EXPECT_EQ(get("/v1/drain").allow, "POST");
  EXPECT_EQ(post("/v1/status", "").allow, "GET");
  EXPECT_EQ(way_out_of(post("/v1/status", "")), "use GET /v1/status");
  EXPECT_EQ(answer_control(backend_, parse_target("get", "/v1/status")).status, 405U);
}

TEST_F(Routes, the_metrics_address_has_one_path) {
  const auto render = [] { return std::string("relais_member 1\n"); };
  EXPECT_EQ(answer_metrics(render, parse_target("GET", "/metrics")).body, "relais_member 1\n");
  EXPECT_EQ(answer_metrics(render, parse_target("GET", "/metrics?x=1")).status, 200U);
  EXPECT_EQ(answer_metrics(render, parse_target("GET", "/")).status, 404U);
  EXPECT_EQ(way_out_of(answer_metrics(render, parse_target("GET", "/v1/status"))), "these paths exist: GET /metrics");
  EXPECT_EQ(answer_metrics(render, parse_target("POST", "/metrics")).allow, "GET");
}

}  // namespace
}  // namespace relais::control
