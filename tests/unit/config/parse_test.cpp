// What a right configuration means: defaults, overrides, look-ups; and files that cannot be read at all.
#include "daemon/config/parse.h"

#include "daemon/config/print.h"
#include "tests/unit/config/files.h"

#include <gtest/gtest.h>

namespace relais::config {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSmallest = R"([cluster]
name = "mail"
key_file = "/etc/relais/cluster.key"
[[node]]
id = 2
name = "n2"
address = "198.51.100.12"
links = ["198.51.100.12"]
interface = "eth0"
[[node]]
id = 1
name = "n1"
address = "198.51.100.11"
links = ["198.51.100.11"]
interface = "front0"
[[vip]]
name = "mail4"
address = "198.51.100.100"
mac = "03:00:5e:11:11:11"
)";

Cluster parsed(const std::string& text) {
  Checked<Cluster> result = parse(text);
  if (result.has_error()) ADD_FAILURE() << describe("text", result.error());
  return result.has_value() ? *result : Cluster{};
}

std::string with(std::string_view addition) { return std::string(kSmallest) + std::string(addition); }

std::string replaced(std::string_view from, std::string_view to) {
  std::string text(kSmallest);
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(Configuration, the_shipped_example_is_right) {
  const Checked<Cluster> example = load(example_path());
  ASSERT_TRUE(example.has_value()) << describe(example_path(), example.error());
  EXPECT_EQ(example->nodes.size(), 3U);
  ASSERT_EQ(example->vips.size(), 2U);
  EXPECT_EQ(example->vips[0].weights,
            (std::map<NodeId, std::uint16_t>{{NodeId(1), 1}, {NodeId(2), 1}, {NodeId(3), 1}}));
  EXPECT_EQ(example->vips[1].weights,
            (std::map<NodeId, std::uint16_t>{{NodeId(1), 2}, {NodeId(2), 1}, {NodeId(3), 1}}));
}

TEST(Configuration, the_example_of_the_man_page_is_right) {
  const std::string page = read_file(std::string(RELAIS_SOURCE_DIR) + "/docs/man/relais.toml.5");
  const std::size_t start = page.find('\n', page.find(".Bd -literal", page.find(".Sh EXAMPLES"))) + 1;
  const Cluster cluster = parsed(page.substr(start, page.find(".Ed", start) - start));
  EXPECT_EQ(weights_of(cluster).at(NodeId(1)), std::vector<std::uint16_t>{2});
}

TEST(Configuration, the_smallest_one_gets_all_defaults) {
  const Cluster cluster = parsed(std::string(kSmallest));
  EXPECT_EQ(cluster.state_directory, "/var/lib/relais");
  EXPECT_EQ(cluster.control_socket, "/run/relais/relaisd.sock");
  EXPECT_EQ(cluster.metrics_listen, std::nullopt);
  EXPECT_EQ(cluster.timing, (Timing{TimingPreset::normal, 10s, 3600s}));
  EXPECT_EQ(cluster.two_node, TwoNode::none);
  ASSERT_EQ(cluster.nodes.size(), 2U);
  EXPECT_EQ(cluster.nodes[0].xdp, XdpMode::automatic);
  EXPECT_EQ(cluster.nodes[0].gateway, Gateway{});
  EXPECT_EQ(cluster.timing.gateway_interval, std::chrono::milliseconds(250));
  EXPECT_EQ(cluster.vips.at(0).weights.at(NodeId(1)), 1);
}

TEST(Configuration, nodes_are_sorted_by_id_and_keep_their_own_interface) {
  const Cluster cluster = parsed(std::string(kSmallest));
  EXPECT_EQ(cluster.nodes.at(0).name, "n1");
  EXPECT_EQ(cluster.nodes.at(0).interface, "front0");
  EXPECT_EQ(cluster.nodes.at(1).name, "n2");
  EXPECT_EQ(cluster.nodes.at(1).interface, "eth0");
}

TEST(Configuration, the_nearest_weight_wins_vip_then_node_then_defaults) {
  std::string text = replaced("id = 2", "weight = 5\nid = 2");
  text = "[defaults]\nweight = 7\n" + text +
         "[vip.weights]\nn2 = 3\n[[vip]]\nname = \"v2\"\naddress = \"198.51.100.101\"\n"
         "mac = \"03:00:5e:11:11:11\"\n";
  const std::map<NodeId, std::vector<std::uint16_t>> expected{{NodeId(1), {7, 7}}, {NodeId(2), {3, 5}}};
  EXPECT_EQ(weights_of(parsed(text)), expected);
}

TEST(Configuration, a_node_may_have_its_heartbeat_on_its_front_address) {
  EXPECT_EQ(parsed(std::string(kSmallest)).nodes.at(0).links.at(0), IpAddress::parse("198.51.100.11").value());
}

TEST(Configuration, a_metrics_address_may_be_ipv6) {
  const Cluster cluster = parsed(replaced("[[node]]", "metrics_listen = \"[::1]:9460\"\n[[node]]"));
  ASSERT_TRUE(cluster.metrics_listen.has_value());
  EXPECT_EQ(cluster.metrics_listen->port, 9460);
  EXPECT_EQ(to_string(*cluster.metrics_listen), "[::1]:9460");
}

TEST(Configuration, an_arbiter_gets_corosyncs_port_tls_and_a_heartbeat_that_every_arbiter_serves) {
  const Cluster cluster = parsed(with("[quorum]\ntwo_node = \"arbiter\"\narbiter = \"arbiter.example.net\"\n"));
  ASSERT_TRUE(cluster.arbiter.has_value());
  EXPECT_EQ(address_of(*cluster.arbiter), "arbiter.example.net:5403");
  EXPECT_EQ(cluster.arbiter->tls, ArbiterTls::required);
  EXPECT_EQ(cluster.arbiter->certificates, "/etc/corosync/qdevice/net/nssdb");
  EXPECT_EQ(cluster.arbiter->heartbeat, 1000ms);
  EXPECT_EQ(timing_of(cluster).arbiter_lag, 1000ms);
}

TEST(Configuration, nodes_with_different_arbiters_are_not_one_cluster) {
  const std::string one = "[quorum]\ntwo_node = \"arbiter\"\narbiter = \"192.0.2.9\"\n";
  const std::string other = "[quorum]\ntwo_node = \"arbiter\"\narbiter = \"192.0.2.8\"\n";
  EXPECT_NE(common_hash_of(parsed(with(one))), common_hash_of(parsed(with(other))));
}

TEST(Configuration, a_tie_of_two_nodes_can_be_given_to_the_lowest) {
  EXPECT_EQ(parsed(with("[quorum]\ntwo_node = \"lowest\"\n")).two_node, TwoNode::lowest);
}

TEST(Configuration, comments_may_be_in_any_language) {
  EXPECT_EQ(parsed(with("# Postämter, почта, 郵便 ⚠️\n")), parsed(std::string(kSmallest)));
}

TEST(Configuration, a_byte_order_mark_and_windows_line_ends_do_no_harm) {
  std::string text = "\xef\xbb\xbf";
  for (const char letter : kSmallest) text += letter == '\n' ? std::string("\r\n") : std::string(1, letter);
  EXPECT_EQ(parsed(text), parsed(std::string(kSmallest)));
}

TEST(Configuration, nodes_are_found_by_name_and_by_id) {
  const Cluster cluster = parsed(std::string(kSmallest));
  ASSERT_NE(find_node(cluster, "n2"), nullptr);
  EXPECT_EQ(find_node(cluster, "n2")->id, NodeId(2));
  EXPECT_EQ(find_node(cluster, "2"), find_node(cluster, NodeId(2)));
  EXPECT_EQ(find_node(cluster, "n3"), nullptr);
  EXPECT_EQ(find_node(cluster, "02"), nullptr);
  EXPECT_EQ(find_node(cluster, NodeId(3)), nullptr);
  EXPECT_EQ(find_vip(cluster, "mail4"), VipId(0));
  EXPECT_EQ(find_vip(cluster, "mail6"), std::nullopt);
}

TEST(Configuration, timing_follows_from_the_preset_with_the_configured_limits) {
  const Cluster cluster = parsed(with("[timing]\npreset = \"fast\"\ngrace_s = 30\ndrain_limit_s = 0\n"));
  ha::Timing expected = ha::timing_for_token(100ms);
  expected.grace = 30s;
  expected.drain_limit = 0s;
  EXPECT_EQ(timing_of(cluster), expected);
  EXPECT_EQ(token_of(TimingPreset::normal), 200ms);
  EXPECT_EQ(token_of(TimingPreset::relaxed), 1000ms);
}

TEST(Configuration, a_file_that_is_not_there_is_one_error_with_a_reason) {
  const Checked<Cluster> result = load("/nonexistent/relais.toml");
  ASSERT_TRUE(result.has_error());
  ASSERT_EQ(result.error().size(), 1U);
  EXPECT_EQ(describe("relais.toml", result.error()).substr(0, 53),
            "relais.toml: cannot be read: No such file or director");
}

TEST(Configuration, a_directory_is_one_error_with_a_reason) {
  const Checked<Cluster> result = load("/");
  ASSERT_TRUE(result.has_error());
  EXPECT_NE(result.error().at(0).what.find("Is a directory"), std::string::npos) << result.error().at(0).what;
}

TEST(Configuration, a_file_without_end_is_refused_and_not_read_to_the_end) {
  const Checked<Cluster> result = load("/dev/zero");
  ASSERT_TRUE(result.has_error());
  EXPECT_NE(result.error().at(0).what.find("too large"), std::string::npos) << result.error().at(0).what;
}

TEST(Configuration, deeply_nested_input_is_refused_without_harm) {
  for (const std::string& bomb :
       {"a" +
            [] {
              std::string dots;
              for (int i = 0; i < 100000; ++i) dots += ".a";
              return dots;
            }() +
            " = 1",
        "a = " + std::string(100000, '['), "a = " + std::string(200, '[') + std::string(200, ']')}) {
    EXPECT_TRUE(parse(bomb).has_error());
  }
}

TEST(Configuration, errors_are_shown_like_a_compiler_shows_them) {
  const Errors errors{{{12, 6}, "\"id\" in [[node]] is 64", "allowed: 1 to 63"}};
  EXPECT_EQ(describe("relais.toml", errors), "relais.toml:12:6: \"id\" in [[node]] is 64 (allowed: 1 to 63)\n");
}

}  // namespace
}  // namespace relais::config
