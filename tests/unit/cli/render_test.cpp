// What people see, held against golden texts. RELAIS_REWRITE_GOLDEN=1 writes them anew: read the difference before
// you commit.
#include "daemon/cli/help.h"
#include "daemon/cli/render_findings.h"
#include "daemon/cli/render_records.h"
#include "daemon/cli/render_status.h"
#include "daemon/cli/screen.h"
#include "tests/unit/cli/samples.h"
#include "tests/unit/golden.h"

#include <gtest/gtest.h>

#include <string>

namespace relais::cli {
namespace {

constexpr Style kPlain{Color::off};
constexpr Style kColored{Color::on};

void expect_golden(const std::string& name, const std::string& text) {
  test::expect_golden(std::string(RELAIS_SOURCE_DIR) + "/tests/unit/cli/golden/" + name + ".txt", text);
}

NodeNames names() { return {{1, "n1"}, {2, "n2"}}; }

TEST(Status, of_a_calm_cluster_is_short_and_shows_the_map) {
  expect_golden("status_calm", render_status(calm_cluster(), kPlain));
}

TEST(Status, shows_moves_leftovers_and_what_differs) {
  expect_golden("status_busy", render_status(busy_cluster(), kPlain));
}

TEST(Status, of_a_node_that_answers_nobody_says_so) {
  expect_golden("status_lost", render_status(lost_cluster(), kPlain));
}

TEST(Status, of_a_cluster_with_an_arbiter_says_what_its_loss_means) {
  control::Status status = calm_cluster();
  EXPECT_EQ(render_status(status, kPlain).find("arbiter"), std::string::npos);
  status.arbiter = "connected";
  EXPECT_NE(render_status(status, kPlain).find("arbiter     connected\n"), std::string::npos);
  status.arbiter = "no connection: timed out";
  const std::string text = render_status(status, kPlain);
  EXPECT_NE(text.find("no connection: timed out; if a node is lost now, the half that is left answers nobody"),
            std::string::npos);
}

TEST(Status, has_colours_where_they_are_wanted) {
  expect_golden("status_colored", render_status(busy_cluster(), kColored));
}

TEST(Status, without_colours_has_no_escape_sequence) {
  for (const auto& status : {calm_cluster(), busy_cluster(), lost_cluster(), control::Status{}}) {
    EXPECT_EQ(render_status(status, kPlain).find('\033'), std::string::npos);
  }
}

TEST(Status, does_not_pass_control_characters_on_to_the_terminal) {
  control::Status status = calm_cluster();
  status.cluster = "a\033]0;b\007c";
  status.nodes[0].name = "n\033[2J";
  status.data_plane.why = "x\ny";
  const std::string text = render_status(status, kPlain);
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_NE(text.find("a?]0;b?c"), std::string::npos);
  EXPECT_NE(text.find("x?y"), std::string::npos);
}

TEST(Status, names_every_node_by_a_symbol_of_its_own) {
  std::string symbols;
  for (std::uint32_t node = 0; node <= 63; ++node) {
    EXPECT_EQ(symbols.find(node_symbol(node)), std::string::npos) << node;
    symbols += node_symbol(node);
  }
  EXPECT_EQ(node_symbol(64), '?');
}

TEST(Status, says_why_shares_do_not_follow_the_weights) {
  control::Status status = calm_cluster();
  const auto says = [&](const char* text) { return render_status(status, kPlain).find(text) != std::string::npos; };
  for (auto& share : status.vips[0].shares) share.weight = 0;
  EXPECT_TRUE(says("no node has a weight: all share alike"));
  status.vips[0].shares[1].weight = 5;
  EXPECT_FALSE(says("all share alike"));
  status.nodes[1].drained = true;
  EXPECT_TRUE(says("all nodes with a weight are drained"));
  status.nodes[1].retiring = true;
  EXPECT_TRUE(says("all share alike")) << "who is retiring gets nothing more";
  EXPECT_TRUE(says("retiring, drained"));
}

TEST(Status, says_what_is_wrong_with_a_front) {
  control::Status status = calm_cluster();
  const auto says = [&](const char* text) { return render_status(status, kPlain).find(text) != std::string::npos; };
  status.nodes[1].front = "doubtful";
  EXPECT_EQ(node_state(status.nodes[1]), "member");
  status.nodes[1].front = "no gateway";
  EXPECT_EQ(node_state(status.nodes[1]), "no gateway") << "nobody sees one: it serves as the others do";
  status.nodes[1].front_lost = true;
  EXPECT_TRUE(says("front lost: no gateway"));
  status.nodes[1].drained = true;
  EXPECT_TRUE(says("front lost: no gateway, drained"));
}

TEST(Status, says_on_which_heartbeat_links_a_node_is_not_heard) {
  control::Status status = calm_cluster();
  const auto says = [&](const char* text) { return render_status(status, kPlain).find(text) != std::string::npos; };
  EXPECT_FALSE(says("not on link"));
  status.nodes[1].dead_links = {1};
  EXPECT_TRUE(says("7 ms ago, not on link 1"));
  status.nodes[1].dead_links = {0, 1};
  EXPECT_TRUE(says("7 ms ago, not on link 0 or 1"));
}

TEST(Who, names_owner_standby_and_reason) {
  const control::Who who{.address = "203.0.113.7",
                         .bucket = 137,
                         .vips = {{.vip = "mail4",
                                   .address = "198.51.100.100",
                                   .owner = 2,
                                   .owner_name = "n2",
                                   .standby = 3,
                                   .standby_name = "n3",
                                   .leftovers = {1, 5},
                                   .moving = true,
                                   .why = "bucket 137 belongs to n2 since epoch 17"},
                                  {.vip = "web4", .address = "198.51.100.101"}}};
  expect_golden("who", render_who(who, names(), kPlain));
  expect_golden("who_none", render_who({.address = "2001:db8::7", .bucket = 3, .vips = {}}, {}, kPlain));
}

TEST(Events, are_one_line_each_in_utc) {
  const control::EventRecord died{.id = 7,
                                  .time_ms = 1'767'225'599'007,
                                  .severity = "error",
                                  .kind = "node-died",
                                  .node = 2,
                                  .text = "n2 died\nand more"};
  EXPECT_EQ(render_event(died, kPlain), "2025-12-31 23:59:59.007Z  7  error    node-died         n2 died?and more\n");
  EXPECT_EQ(utc_time(-1), "1969-12-31 23:59:59.999Z");
}

TEST(Receipts, are_a_table_with_names) {
  const std::vector<control::ReceiptRecord> receipts = {
      {.epoch = 17,
       .time_ms = 1'767'225'599'007,
       .from = 2,
       .to = 1,
       .cause = "node died",
       .buckets = 43,
       .detect_ms = 441.25,
       .takeover_ms = 31.5,
       .flows_lost = 12},
      {.epoch = 18,
       .time_ms = 1'767'225'600'000,
       .from = 1,
       .to = 9,
       .cause = "drain",
       .buckets = 85,
       .takeover_ms = 4,
       .flows_kept = 64,
       .abandoned = true},
      {.epoch = 19, .time_ms = 1'767'225'601'000, .from = 0, .to = 1, .cause = "formed", .buckets = 256}};
  expect_golden("receipts", render_receipts(receipts, names(), kPlain));
  EXPECT_EQ(render_receipts({}, {}, kPlain), "no bucket has moved since relaisd started on this node\n");
}

TEST(Findings, carry_reason_and_fix_and_are_counted) {
  const doctor::Findings findings = {{doctor::Severity::error, "it is broken", "clients suffer", "mend it"},
                                     {doctor::Severity::warning, "it is slow", "clients wait", "hurry"},
                                     {doctor::Severity::note, "it is green", "", ""}};
  expect_golden("findings", render_findings(findings, {"the cellar: no light"}, kPlain));
  EXPECT_EQ(render_findings({}, {}, kPlain), "nothing found that keeps relais from working\n");
}

TEST(Help, is_complete) {
  std::string text = render_overview();
  for (const CommandSpec& command : command_table()) text += "\n---\n" + render_command_help(command);
  expect_golden("help", text + "\n---\n" + render_group_help("config"));
}

TEST(Screen, cuts_what_does_not_fit) {
  EXPECT_EQ(fit_to_height("a\nb\nc\n", 3), "a\nb\nc\n");
  EXPECT_EQ(fit_to_height("a\nb\nc\nd\n", 3), "a\nb\n... 2 more lines: enlarge the window\n");
  EXPECT_EQ(fit_to_height("a\nb\n", 1), "... 2 more lines: enlarge the window\n");
  EXPECT_EQ(fit_to_height("", 5), "");
}

TEST(Words, are_singular_for_one) {
  EXPECT_EQ(counted(0, "bucket"), "0 buckets");
  EXPECT_EQ(counted(1, "bucket"), "1 bucket");
}

}  // namespace
}  // namespace relais::cli
