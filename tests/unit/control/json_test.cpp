// The JSON form of the control API: nothing gets lost on the way, and what is wrong is named.
#include "daemon/control/json.h"

#include "tests/unit/control/samples.h"

#include <gtest/gtest.h>

namespace relais::control {
namespace {

TEST(Json, every_value_survives_the_way_to_text_and_back) {
  EXPECT_EQ(parse_status(to_json(sample_status())).value(), sample_status());
  EXPECT_EQ(parse_who(to_json(sample_who())).value(), sample_who());
  const EventList events{.events = {sample_event(), sample_event()}, .last_id = 6};
  EXPECT_EQ(parse_events(to_json(events)).value(), events);
  const ReceiptList receipts{.receipts = {sample_receipt()}};
  EXPECT_EQ(parse_receipts(to_json(receipts)).value(), receipts);
  const Version version{.version = "0.1.0", .api = 2};
  EXPECT_EQ(parse_version(to_json(version)).value(), version);
  const Order order{.node = "n2", .vip = "mail4", .weight = 0};
  EXPECT_EQ(parse_order(to_json(order)).value(), order);
  const Failure failure{.error = "no", .way_out = "yes"};
  EXPECT_EQ(parse_failure(to_json(failure)).value(), failure);
}

TEST(Json, a_full_cluster_of_sixteen_vips_fits_the_bound) {
  Status status = sample_status();
  VipStatus vip = sample_vip();
  vip.buckets.assign(256, {.owner = 63, .standby = 62, .moving = true, .leftovers = {58, 59, 60, 61}});
  vip.local_states.assign(256, "leftover");
  status.vips.assign(16, vip);
  const std::string text = to_json(status);
  EXPECT_LT(text.size(), kMaxJsonBytes / 4);
  EXPECT_EQ(parse_status(text).value(), status);
}

TEST(Json, fields_keep_the_order_of_the_structs_so_that_people_can_read_the_text) {
  EXPECT_EQ(to_json(Order{.node = "n2", .vip = "mail4", .weight = 3}), R"({"node":"n2","vip":"mail4","weight":3})");
  EXPECT_EQ(to_json(Order{.node = "n2"}), R"({"node":"n2"})");
  EXPECT_EQ(to_json(sample_event()), R"({"id":5,"time_ms":1700000000123,"severity":"warning","kind":"node-died",)"
                                     R"("node":3,"text":"n3 died"})");
  EXPECT_EQ(to_json(sample_receipt()).substr(0, 31), R"({"epoch":7,"time_ms":1700000000)");
}

TEST(Json, absent_and_null_fields_keep_their_defaults_and_unknown_ones_are_ignored) {
  EXPECT_EQ(parse_status("{}").value(), Status{});
  EXPECT_EQ(parse_status(R"({"nodes":null,"since_2030":{"a":[1]}})").value(), Status{});
  EXPECT_EQ(parse_order(R"({"node":"n1","weight":null})").value(), Order{.node = "n1"});
}

struct Wrong {
  const char* text;
  const char* error;
};

TEST(Json, an_error_names_the_field_and_what_was_found) {
  const Wrong rows[] = {
      {R"({"cluster":7})", "cluster: expected a string, found 7"},
      {R"({"quorate":1})", "quorate: expected true or false, found 1"},
      {R"({"votes":"3"})", "votes: expected an integer from 0 to 4294967295, found a value of type string"},
      {R"({"votes":-1})", "votes: expected an integer from 0 to 4294967295, found -1"},
      {R"({"votes":4294967296})", "votes: expected an integer from 0 to 4294967295, found 4294967296"},
      {R"({"votes":1.5})", "votes: expected an integer from 0 to 4294967295, found 1.5"},
      {R"({"votes":true})", "votes: expected an integer from 0 to 4294967295, found a value of type boolean"},
      {R"({"lease_ms":9223372036854775808})", "lease_ms: expected an integer of 64 bits, found 9223372036854775808"},
      {R"({"nodes":{}})", "nodes: expected an array, found a value of type object"},
      {R"({"nodes":[{},3]})", "nodes[1]: expected an object, found 3"},
      {R"({"vips":[{"buckets":[{},{"leftovers":[1,"x"]}]}]})",
       "vips[0].buckets[1].leftovers[1]: expected an integer from 0 to 4294967295, found a value of type string"},
      {R"({"data_plane":{"verdicts":{"pass":"many"}}})",
       "data_plane.verdicts.pass: expected an integer from 0 to 18446744073709551615, found a value of type string"},
      {R"([])", "the text: expected an object, found a value of type array"},
      {R"({"cluster":7,"quorate":7})", "cluster: expected a string, found 7"},
      {R"({"cluster":"a","nodes":[{"id":1,"id":2}]})", "id is there twice"},
      {"", "the text is not JSON"},
      {R"({"cluster":"a"} trailing)", "the text is not JSON"},
      {"{\"cluster\":\"\xff\"}", "the text is not JSON"},
  };
  for (const Wrong& row : rows) {
    const auto parsed = parse_status(row.text);
    ASSERT_TRUE(parsed.has_error()) << row.text;
    EXPECT_EQ(parsed.error().what, row.error);
    EXPECT_FALSE(parsed.error().way_out.empty());
  }
  EXPECT_EQ(parse_receipts(R"({"receipts":[{"detect_ms":"fast"}]})").error().what,
            "receipts[0].detect_ms: expected a number, found a value of type string");
  EXPECT_EQ(parse_order(R"({"node":"n1","weight":65536})").error().what,
            "weight: expected an integer from 0 to 65535, found 65536");
}

TEST(Json, a_text_that_is_too_long_or_too_deep_is_refused_before_it_is_parsed) {
  EXPECT_EQ(parse_status(std::string(kMaxJsonBytes + 1, ' ')).error().what,
            "the JSON text is longer than 4194304 bytes");
  EXPECT_EQ(parse_status(std::string(100'000, '[')).error().what, "the JSON text nests deeper than 16 levels");
  EXPECT_EQ(parse_order(R"({"node":"[[[[[[[[[[[[[[[[[[[[\"[[[["})").value().node, "[[[[[[[[[[[[[[[[[[[[\"[[[[");
}

TEST(Json, bytes_that_are_not_text_are_replaced_when_written) {
  EXPECT_EQ(to_json(Failure{.error = "a\xff\nb", .way_out = ""}), "{\"error\":\"a\xef\xbf\xbd\\nb\",\"way_out\":\"\"}");
}

}  // namespace
}  // namespace relais::control
