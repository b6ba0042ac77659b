// relais and relaisd's own server understand each other.
#include "daemon/cli/render_status.h"
#include "daemon/control/json.h"
#include "tests/unit/cli/console.h"
#include "tests/unit/control/server_fixture.h"

#include <gtest/gtest.h>

namespace relais::control {
namespace {

using cli::ExitCode;
using cli::Outcome;
using cli::run_line;

class RelaisAndItsServer : public ServerFixture {
 protected:
  void SetUp() override { start(); }
};

TEST_F(RelaisAndItsServer, agree_on_every_question) {
  EXPECT_EQ(run_line("status", path_).out, cli::render_status(sample_status(), {cli::Color::off}));
  EXPECT_EQ(run_line("status --json", path_).out, to_json(sample_status()) + "\n");
  const Outcome who = run_line("who 2001:db8::7", path_);
  EXPECT_NE(who.out.find("client 2001:db8::7 is in bucket 41"), std::string::npos) << who.out << who.err;
  EXPECT_EQ(run_line("config print --running", path_).out, backend_.configuration_text);
  EXPECT_EQ(run_line("receipts", path_).exit, ExitCode::ok);
  EXPECT_EQ(run_line("version --json", path_).out,
            std::string(R"({"relais":")") + RELAIS_VERSION + R"(","relaisd":"0.1.0"})" + "\n");
}

TEST_F(RelaisAndItsServer, agree_on_every_order) {
  for (const char* line : {"drain n2 --no-wait", "resume n2 --no-wait", "weight n2 7", "weight n2 7 --vip mail4"}) {
    const Outcome outcome = run_line(line, path_);
    EXPECT_EQ(outcome.exit, ExitCode::ok) << line << ": " << outcome.err;
  }
  on_server([&] {
    ASSERT_EQ(backend_.orders.size(), 4U);
    EXPECT_EQ(backend_.orders[0].first, OrderKind::drain);
    EXPECT_EQ(backend_.orders[1].first, OrderKind::resume);
    EXPECT_EQ(backend_.orders[2].second.vip, std::nullopt);
    const Order expected{.node = "n2", .vip = "mail4", .weight = 7};
    EXPECT_EQ(backend_.orders[3].second, expected);
  });
}

TEST_F(RelaisAndItsServer, agree_on_a_no) {
  const Outcome outcome = run_line("drain n9", path_);
  EXPECT_EQ(outcome.exit, ExitCode::failed);
  EXPECT_EQ(outcome.err, "relais: there is no node n9\n        the nodes are n1, n2, n3\n");
}

TEST_F(RelaisAndItsServer, agree_on_events) {
  on_server([&] {
    backend_.log.add(EventRecord{.severity = "info", .kind = "joined", .node = 2, .text = "n2 joined"});
    backend_.log.add(EventRecord{.severity = "error", .kind = "node-died", .node = 2, .text = "n2 died"});
  });
  const Outcome all = run_line("events", path_);
  EXPECT_NE(all.out.find("n2 joined"), std::string::npos) << all.out << all.err;
  const Outcome later = run_line("events --after 1", path_);
  EXPECT_EQ(later.out.find("n2 joined"), std::string::npos) << later.out;
  EXPECT_NE(later.out.find("n2 died"), std::string::npos) << later.out;
}

}  // namespace
}  // namespace relais::control
