// Starting, watching, adopting and asking corosync-qdevice, tried with a script that stands in for it.
#include "ha/corosync/arbiter.h"

#include "ha/corosync/files.h"
#include "ha/corosync/spawn.h"

#include "tests/unit/temporary_directory.h"

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
using testing::Not;

// Its directory is the only one it knows. A file `die` beside it: it says what that holds and ends at once; `words`: it
// says what that holds and goes on.
constexpr const char* kScript = R"sh(#!/bin/sh
cd "$(dirname "$0")" || exit 1
echo start >> starts
[ ! -e die ] || { cat die; exit 1; }
echo $$ > corosync-qdevice.pid
[ ! -e words ] || cat words
echo "$@" > arguments  # written last: it runs, and has said its words
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
  ~ArbiterRun() override { end_running(); }

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

  ArbiterSettings with_tls() const {
    ArbiterSettings with = settings();
    with.arbiter.tls = ArbiterTls::required;
    return with;
  }

  void write_certificates() const {
    std::filesystem::create_directories(settings().certificates);
    directory_.write("nssdb/cert9.db", "");
  }

  void end_running() const {
    if (const pid_t id = running(); id != 0) ::kill(id, SIGKILL);
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

  bool has_spoken() const { return std::filesystem::exists(directory_ / "arguments"); }

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
  directory_.write("die", "Can't connect to corosync\n");
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
  const auto client = start(with_tls());
  run_for(100ms);
  EXPECT_EQ(starts(), 0U);
  EXPECT_THAT(client->status().text,
              HasSubstr("no certificates for the arbiter in " + settings().certificates.string()));
  EXPECT_THAT(client->status().text, HasSubstr("corosync-qdevice-net-certutil"));
}

TEST_F(ArbiterRun, that_cannot_read_its_certificates_says_where_they_are_and_how_to_make_them) {
  write_certificates();
  directory_.write("die", "Nov 23 14:32:26 error   Can't init nss (-8174): security library: bad database.\n");
  const auto client = start(with_tls());
  ASSERT_TRUE(wait_until([&] { return client->status().text.starts_with("not running: corosync-qdevice ended"); }));
  EXPECT_THAT(client->status().text, HasSubstr(settings().certificates.string()));
  EXPECT_THAT(client->status().text, HasSubstr("corosync-qdevice-net-certutil"));
}

TEST_F(ArbiterRun, whose_certificate_the_arbiter_refuses_says_where_it_is) {
  write_certificates();
  directory_.write("words", "Nov 23 14:32:06 error   Unhandled error when reading from server. Disconnecting\n");
  const auto client = start(with_tls());
  ASSERT_TRUE(wait_until([&] { return has_spoken(); }));
  EXPECT_THAT(client->status().text, HasSubstr("no connection: Nov 23 14:32:06 error   Unhandled error"));
  EXPECT_THAT(client->status().text, HasSubstr(settings().certificates.string() + " do not belong together"));
}

TEST_F(ArbiterRun, that_the_arbiter_leaves_without_a_word_says_where_its_certificate_is) {
  write_certificates();
  directory_.write("words", "Nov 23 14:32:15 warning Heartbeat interval too big 400. Adjusting to 200.\n");
  const auto client = start(with_tls());
  ASSERT_TRUE(wait_until([&] { return has_spoken(); }));
  EXPECT_THAT(client->status().text, HasSubstr("no connection: corosync-qdevice does not say why"));
  EXPECT_THAT(client->status().text, HasSubstr(settings().certificates.string() + " do not belong together"));
}

TEST_F(ArbiterRun, that_never_stops_talking_does_not_fill_the_disk) {
  directory_.write("words", std::string(1200 * 1024, 'x') + "\n");
  const auto client = start(settings());
  ASSERT_TRUE(wait_until([&] { return running() != 0; }));
  EXPECT_TRUE(wait_until([&] { return std::filesystem::file_size(settings().log_file) == 0; }));
}

TEST_F(ArbiterRun, that_does_not_reach_the_arbiter_says_so_and_nothing_of_certificates) {
  write_certificates();
  directory_.write("words", "Nov 23 14:29:26 error   Connect timeout\n");
  const auto client = start(with_tls());
  ASSERT_TRUE(wait_until([&] { return client->status().text.find("Connect timeout") != std::string::npos; }));
  EXPECT_THAT(client->status().text, Not(HasSubstr("certificates")));
}

}  // namespace
}  // namespace relais::corosync
