// Looking at the machine that runs the tests: what every Linux has is found, what is out of reach is said.
#include "daemon/doctor/collect.h"
#include "daemon/config/parse.h"
#include "daemon/doctor/system.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace relais::doctor {
namespace {

using namespace std::chrono_literals;

ConfigFacts example(const std::optional<std::string>& node) {
  const std::string path = std::string(RELAIS_SOURCE_DIR) + "/docs/examples/relais.toml";
  return facts_of(config::load(path), path, node);
}

TEST(Facts, of_a_configuration_are_those_of_the_node) {
  const ConfigFacts facts = example("n2");
  EXPECT_EQ(facts.node, "n2");
  EXPECT_FALSE(facts.interface.empty());
  EXPECT_FALSE(facts.vips.empty());
  EXPECT_FALSE(facts.errors);
  EXPECT_EQ(example("n99").node, std::nullopt);
}

TEST(Facts, of_a_broken_configuration_are_its_errors) {
  const ConfigFacts facts = facts_of(config::parse("[cluster]\nnaem = \"x\"\n"), "/x", std::nullopt);
  ASSERT_TRUE(facts.errors);
  EXPECT_NE(facts.errors->find("line 2: "), std::string::npos) << *facts.errors;
}

TEST(Facts, of_this_machine_contain_what_every_linux_has) {
  const Facts facts = collect_facts({.config = example("n1"), .relaisd_pid = std::nullopt});
  ASSERT_TRUE(facts.kernel.release);
  EXPECT_GE(facts.kernel.release->major, 4U);
  ASSERT_TRUE(facts.interfaces.contains("lo"));
  EXPECT_TRUE(facts.interfaces.at("lo").loopback);
  EXPECT_GT(facts.interfaces.at("lo").mtu, 0U);
  EXPECT_TRUE(facts.sysctls.contains("ipv4.tcp_syncookies"));
  EXPECT_TRUE(facts.sysctls.contains("ipv4.conf.all.rp_filter"));
  EXPECT_FALSE(facts.same_network_namespace);
}

TEST(Facts, of_a_relaisd_that_is_this_process_are_of_the_same_namespace) {
  const Facts facts = collect_facts({.config = {}, .relaisd_pid = ::getpid()});
  EXPECT_EQ(facts.same_network_namespace, true);
  EXPECT_TRUE(facts.kernel.capabilities);
}

TEST(Facts, about_a_process_that_is_gone_are_reported_as_unseen) {
  const Facts facts = collect_facts({.config = {}, .relaisd_pid = 0x7ffffff0});
  EXPECT_EQ(facts.same_network_namespace, std::nullopt);
  EXPECT_GE(facts.unseen.size(), 2U);
}

TEST(Facts, of_a_key_file_are_its_rights) {
  const std::string path = "/tmp/relais-doctor-key-" + std::to_string(::getpid());
  std::ofstream(path) << "secret";
  ConfigFacts config;
  config.key_file = path;
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_TRUE(collect_facts({.config = config, .relaisd_pid = std::nullopt}).config.key->readable_by_others);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_FALSE(collect_facts({.config = config, .relaisd_pid = std::nullopt}).config.key->readable_by_others);
  ASSERT_EQ(::unlink(path.c_str()), 0);
  EXPECT_FALSE(collect_facts({.config = config, .relaisd_pid = std::nullopt}).config.key->exists);
}

TEST(Facts, of_a_certificate_that_is_not_there_say_so) {
  ConfigFacts config;
  config.certificate = CertificateFacts{.directory = "/nonexistent", .cluster = "mail"};
  const Facts facts = collect_facts({.config = config, .relaisd_pid = std::nullopt});
  ASSERT_TRUE(facts.config.certificate->verdict);
  EXPECT_EQ(facts.config.certificate->verdict->find("certificate is valid"), std::string::npos);
  EXPECT_FALSE(facts.config.certificate->subject);
}

TEST(Program, gives_its_output) {
  const auto output = run_program({"echo", "hello"}, 5s);
  ASSERT_TRUE(output) << output.error().what;
  EXPECT_EQ(*output, "hello\n");
}

TEST(Program, that_does_not_exist_is_an_error) { EXPECT_FALSE(run_program({"relais-no-such-program"}, 5s)); }

TEST(Program, that_does_not_end_is_ended) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(run_program({"sleep", "60"}, 100ms));
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST(Listener, is_nobody_where_there_is_no_socket) {
  EXPECT_EQ(find_listener("/nonexistent/s"), std::nullopt);
  EXPECT_EQ(find_listener(std::string(300, 'x')), std::nullopt);
}

}  // namespace
}  // namespace relais::doctor
