// Starting, watching, adopting and asking corosync-qdevice, tried with a script that stands in for it.
#include "ha/corosync/arbiter.h"

#include "ha/corosync/files.h"
#include "ha/corosync/spawn.h"

#include "tests/unit/corosync/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace relais::corosync {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;

// Its directory is the only one it knows. A file `die` beside it: it ends at once.
constexpr const char* kScript = R"sh(#!/bin/sh
cd "$(dirname "$0")"
echo start >> starts
[ ! -e die ] || { echo "Can't connect to corosync"; exit 1; }
echo $$ > corosync-qdevice.pid
echo "$@" > arguments
while :; do sleep 0.02; done
)sh";

TEST(ArbiterStatusText, says_whether_there_is_a_connection) {
  EXPECT_EQ(state_in("Qdevice-net information\nCluster name:\t\tmail\nState:\t\t\tConnected\n"),
            ArbiterState::connected);
  for (const char* text : {"", "State:", "State:\t\t\n", "State:\t\t\tConnect failed\n", "State:\t\t\tDisconnected\n",
                           "Host: Connected\n"}) {
    EXPECT_EQ(state_in(text), ArbiterState::apart) << text;
  }
}

class ArbiterRun : public testing::Test {
 protected:
  ArbiterRun() {
    directory_.write("corosync-qdevice", kScript);
    std::filesystem::permissions(directory_ / "corosync-qdevice", std::filesystem::perms(0755));
  }

 public:
  // Ends whatever a test left running.
  ~ArbiterRun() override {
    if (const pid_t id = running(); id != 0) ::kill(id, SIGKILL);
  }

 protected:
  ArbiterSettings settings() const {
    return {.arbiter = {.host = "192.0.2.10", .port = 5403, .tls = ArbiterTls::off, .heartbeat = 200ms},
            .configuration = "token: 100\n",
            .certificates = directory_ / "nssdb",
            .program = directory_ / "corosync-qdevice",
            .own_directory = directory_ / "",
            .run_directory = directory_ / "run",
            .log_file = directory_ / "log",
            .first_retry = 20ms,
            .longest_retry = 80ms,
            .ask_every = 20ms,
            .stop_limit = 300ms};
  }

  std::unique_ptr<ArbiterClient> start(ArbiterSettings with) {
    auto client = std::make_unique<ArbiterClient>(
        io_, std::move(with), [this] { return corosync_runs_; },
        [this](const ha::Report& report) { reports_.push_back(report.kind + ": " + report.text); });
    client->start();
    return client;
  }

  // Runs the io_context until the condition holds; false after five seconds.
  bool wait_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) run_for(5ms);
    return condition();
  }

  void run_for(std::chrono::milliseconds time) {
    io_.restart();
    io_.run_for(time);
  }

  pid_t running() const {
    const auto text = read_small_file(directory_ / "corosync-qdevice.pid");
    const pid_t id = text && !text->empty() ? std::stoi(*text) : 0;
    return id != 0 && facts_of(id) ? id : 0;
  }

  std::size_t starts() const {
    const auto text = read_small_file(directory_ / "starts");
    return text ? static_cast<std::size_t>(std::ranges::count(*text, '\n')) : 0;
  }

  TemporaryDirectory directory_;
  boost::asio::io_context io_;
  bool corosync_runs_ = true;
  std::vector<std::string> reports_;
};

TEST_F(ArbiterRun, begins_when_corosync_runs) {
  corosync_runs_ = false;
  const auto client = start(settings());
  run_for(100ms);
  EXPECT_EQ(starts(), 0U);
  EXPECT_THAT(client->status().text, HasSubstr("corosync does not run"));
  corosync_runs_ = true;
  ASSERT_TRUE(wait_until([&] { return read_small_file(directory_ / "arguments").has_value(); }));
  EXPECT_THAT(*read_small_file(directory_ / "arguments"),
              HasSubstr("net_heartbeat_interval_min=200,net_heartbeat_interval_max=200"));
  EXPECT_EQ(client->status().state, ArbiterState::apart) << "nobody has said that it is connected";
}

TEST_F(ArbiterRun, goes_on_when_relaisd_ends_and_is_adopted_when_it_comes_back) {
  auto first = start(settings());
  ASSERT_TRUE(wait_until([&] { return running() != 0; }));
  const pid_t id = running();
  first.reset();
  run_for(50ms);
  const auto second = start(settings());
  run_for(100ms);
  EXPECT_EQ(running(), id);
  EXPECT_EQ(starts(), 1U);
}

TEST_F(ArbiterRun, with_other_settings_is_started_again) {
  auto first = start(settings());
  ASSERT_TRUE(wait_until([&] { return running() != 0; }));
  const pid_t id = running();
  first.reset();
  ArbiterSettings other = settings();
  other.arbiter.heartbeat = 300ms;
  const auto second = start(std::move(other));
  ASSERT_TRUE(wait_until([&] { return running() != 0 && running() != id; }));
  EXPECT_FALSE(facts_of(id));
}

TEST_F(ArbiterRun, that_dies_again_and_again_is_started_less_and_less_often_and_says_why) {
  directory_.write("die", "");
  const auto client = start(settings());
  ASSERT_TRUE(wait_until([&] { return starts() >= 3; }));
  EXPECT_THAT(reports_, Contains(HasSubstr("arbiter-failed: corosync-qdevice ended by itself (exited with status 1): "
                                           "Can't connect to corosync")));
  const std::size_t before = starts();
  run_for(500ms);
  EXPECT_LE(starts() - before, 6U) << "at most one in 80 ms, and 20 ms to see that it has ended";
}

TEST_F(ArbiterRun, that_ends_with_corosync_is_no_failure) {
  const auto client = start(settings());
  ASSERT_TRUE(wait_until([&] { return running() != 0; }));
  corosync_runs_ = false;
  ::kill(running(), SIGKILL);
  run_for(200ms);
  EXPECT_EQ(starts(), 1U);
  EXPECT_THAT(reports_, testing::IsEmpty());
}

TEST_F(ArbiterRun, without_its_program_says_how_to_get_it) {
  ArbiterSettings with = settings();
  with.program = directory_ / "none";
  const auto client = start(std::move(with));
  EXPECT_THAT(client->status().text, HasSubstr("apt-get install corosync-qdevice"));
}

TEST_F(ArbiterRun, without_certificates_is_not_started_and_says_how_to_make_them) {
  ArbiterSettings with = settings();
  with.arbiter.tls = ArbiterTls::required;
  const auto client = start(std::move(with));
  run_for(100ms);
  EXPECT_EQ(starts(), 0U);
  EXPECT_THAT(client->status().text, HasSubstr("corosync-qdevice-net-certutil"));
}

}  // namespace
}  // namespace relais::corosync
