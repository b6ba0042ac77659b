// The driver carries the core's actions out in their order, and wakes it.
#include "daemon/node/driver.h"

#include "base/clock.h"
#include "ha/core/step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace relais::node {
namespace {

using namespace std::chrono_literals;

class Recorder : public Effects {
 public:
  void apply(const ha::ApplyStates& states) override {
    said.emplace_back("states");
    last_states = states.states;
  }
  void apply(const ha::SetLease& lease) override { said.emplace_back(lease.until == Instant{} ? "no lease" : "lease"); }
  void multicast(ha::ViewId, ha::Body body) override { said.push_back("message " + std::to_string(body.index())); }
  void list_openers(const ha::ListOpeners&) override { said.emplace_back("list openers"); }
  void apply(const ha::LeaveOpeners&) override { said.emplace_back("leave openers"); }
  void forget_openers() override { said.emplace_back("forget openers"); }
  void decide(const ha::DecideHeld&) override { said.emplace_back("decide held"); }
  void tickle(const ha::Tickle&) override {}
  void destroy(const ha::DestroyFlows&) override { said.emplace_back("destroy"); }
  void ask_clients() override { said.emplace_back("ask clients"); }
  void save(const ha::Cluster&) override { said.emplace_back("save"); }
  void record(const ha::Report& report) override { said.push_back(report.kind); }
  void record(const ha::Receipt&) override { said.emplace_back("receipt"); }
  void end() override { said.emplace_back("end"); }
  void start_successor() override { said.emplace_back("successor"); }

  std::vector<std::string> said;
  BucketStates last_states{};
};

ha::State alone() {
  return ha::initial_state({.self = NodeId(1),
                            .timing = ha::timing_for_token(100ms),
                            .weights = {{NodeId(1), {1}}, {NodeId(2), {1}}},
                            .vips = 1},
                           {}, boot_now());
}

TEST(Driver, the_data_plane_begins_with_leftovers_only) {
  boost::asio::io_context io;
  Recorder recorder;
  Driver driver(io, recorder, alone());
  driver.start();
  ASSERT_EQ(recorder.said, std::vector<std::string>{"states"});
  for (const BucketState state : recorder.last_states) EXPECT_EQ(state, BucketState::leftover);
}

TEST(Driver, a_node_that_is_no_member_ends_at_once_when_asked) {
  boost::asio::io_context io;
  Recorder recorder;
  Driver driver(io, recorder, alone());
  driver.start();
  driver.feed(ha::StopRequested{});
  EXPECT_EQ(recorder.said.back(), "end");
}

TEST(Driver, a_joiner_says_hello_only_after_its_connections_were_counted) {
  boost::asio::io_context io;
  Recorder recorder;
  Driver driver(io, recorder, alone());
  driver.start();
  recorder.said.clear();
  driver.feed(ha::ViewChanged{.view = ha::ViewId(1),
                              .members = NodeSet(0b110),
                              .joined = NodeSet(0b110),
                              .left = {},
                              .quorate = true,
                              .quorum = 2,
                              .expected = 2});
  const std::string hello = "message 1";
  EXPECT_EQ(std::ranges::count(recorder.said, hello), 0);
  driver.feed(ha::FlowsCounted{.vips = {{}}});
  EXPECT_EQ(std::ranges::count(recorder.said, hello), 1);
}

TEST(Driver, a_stopped_driver_does_nothing_more) {
  boost::asio::io_context io;
  Recorder recorder;
  Driver driver(io, recorder, alone());
  driver.start();
  driver.stop();
  recorder.said.clear();
  driver.feed(ha::RingLost{.why = "test"});
  io.run();
  EXPECT_EQ(recorder.said, std::vector<std::string>{});
}

}  // namespace
}  // namespace relais::node
