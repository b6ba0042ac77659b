// Starting, watching, adopting and ending Corosync, tried with a script that stands in for it.
#include "ha/corosync/process.h"

#include "ha/corosync/files.h"
#include "ha/corosync/run_record.h"
#include "ha/corosync/spawn.h"

#include "tests/unit/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace relais::corosync {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// What the script does depends on files beside it: refuse (-t fails), die (ends at once), stubborn (ignores SIGTERM).
constexpr const char* kScript = R"sh(#!/bin/sh
cd "$(dirname "$0")"
if [ "$1" = -t ]; then
  [ ! -e refuse ] || { echo "parse error in config: line 3"; exit 8; }
  exit 0
fi
echo "starting"
[ ! -e die ] || { echo "No interface"; exit 15; }
[ ! -e stubborn ] || trap "" TERM
echo $$ > corosync.pid
while :; do sleep 0.02; done
)sh";

class CorosyncRun : public testing::Test {
 protected:
  CorosyncRun() {
    directory_.write("corosync", kScript);
    std::filesystem::permissions(directory_ / "corosync", std::filesystem::perms(0755));
  }

 public:
  // Ends whatever a test left running.
  ~CorosyncRun() override {
    const auto text = read_small_file(directory_ / "corosync.pid");
    if (text && is_running(std::stoi(*text))) ::kill(std::stoi(*text), SIGKILL);
  }

 protected:
  ProcessSettings settings(std::string configuration = "token: 100\n") const {
    ProcessSettings settings;
    settings.configuration = std::move(configuration);
    settings.authkey = {1, 2, 3};
    settings.program = directory_ / "corosync";
    settings.directory = directory_ / "etc";
    settings.run_directory = directory_ / "run";
    settings.log_file = directory_ / "log";
    settings.lock_file = directory_ / "corosync.pid";
    settings.first_retry = 20ms;
    settings.longest_retry = 80ms;
    settings.stop_limit = 300ms;
    return settings;
  }

  std::unique_ptr<CorosyncProcess> make(ProcessSettings with) {
    return std::make_unique<CorosyncProcess>(io_, std::move(with), [this](const ha::Report& report) {
      reports_.push_back(report.kind + ": " + report.text);
    });
  }

  std::unique_ptr<CorosyncProcess> start(ProcessSettings with) {
    auto process = make(std::move(with));
    process->start();
    return process;
  }

  // Runs the io_context until the condition holds; false after five seconds.
  bool wait_until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + 5s;
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      io_.restart();
      io_.run_for(5ms);
    }
    return condition();
  }

  // Its script has come as far as writing its process id.
  bool wait_for_running(const CorosyncProcess& process) {
    return wait_until([&] {
      const auto text = read_small_file(directory_ / "corosync.pid");
      return process.status().phase == ProcessPhase::running && text &&
             *text == std::to_string(process.status().process) + "\n";
    });
  }

  bool stop(CorosyncProcess& process) {
    bool stopped = false;
    process.stop([&] { stopped = true; });
    return wait_until([&] { return stopped; });
  }

  static bool is_running(pid_t id) { return facts_of(id).has_value(); }

  TemporaryDirectory directory_;
  boost::asio::io_context io_;
  std::vector<std::string> reports_;
};

TEST_F(CorosyncRun, is_started_with_its_files_in_place) {
  const auto process = start(settings());
  ASSERT_TRUE(wait_for_running(*process));
  EXPECT_EQ(*read_small_file(directory_ / "etc/corosync.conf"), "token: 100\n");
  EXPECT_EQ(*read_small_file(directory_ / "etc/authkey"), "\1\2\3");
  EXPECT_EQ(std::filesystem::status(directory_ / "etc/authkey").permissions(), std::filesystem::perms(0600));
  EXPECT_TRUE(stop(*process));
}

TEST_F(CorosyncRun, goes_on_when_relaisd_ends_and_is_adopted_when_it_comes_back) {
  auto first = start(settings());
  ASSERT_TRUE(wait_for_running(*first));
  const pid_t id = first->status().process;
  first.reset();
  EXPECT_TRUE(is_running(id));
  const auto second = start(settings());
  ASSERT_TRUE(wait_for_running(*second));
  EXPECT_EQ(second->status().process, id);
  EXPECT_TRUE(second->status().adopted);
  EXPECT_TRUE(stop(*second));
  EXPECT_FALSE(is_running(id));
}

TEST_F(CorosyncRun, that_runs_with_other_settings_is_started_again) {
  auto first = start(settings());
  ASSERT_TRUE(wait_for_running(*first));
  const pid_t id = first->status().process;
  first.reset();
  const auto second = start(settings("token: 200\n"));
  ASSERT_TRUE(wait_until([&] { return second->status().phase == ProcessPhase::running; }));
  EXPECT_NE(second->status().process, id);
  EXPECT_FALSE(is_running(id));
  EXPECT_EQ(*read_small_file(directory_ / "etc/corosync.conf"), "token: 200\n");
  ASSERT_TRUE(wait_for_running(*second));
  EXPECT_TRUE(stop(*second));
}

TEST_F(CorosyncRun, of_ours_without_a_record_is_started_again) {
  auto first = start(settings());
  ASSERT_TRUE(wait_for_running(*first));
  const pid_t id = first->status().process;
  first.reset();
  std::filesystem::remove(directory_ / "run/corosync.started");
  const auto second = start(settings());
  ASSERT_TRUE(wait_until([&] { return second->status().phase == ProcessPhase::running; }));
  EXPECT_NE(second->status().process, id);
  ASSERT_TRUE(wait_for_running(*second));
  EXPECT_TRUE(stop(*second));
}

TEST_F(CorosyncRun, that_somebody_else_started_is_left_alone_and_named) {
  const auto somebody_else = spawn_in_own_session({(directory_ / "corosync").string(), "-f"}, STDERR_FILENO);
  ASSERT_TRUE(somebody_else);
  ASSERT_TRUE(wait_until([&] { return read_small_file(directory_ / "corosync.pid").has_value(); }));
  const auto process = start(settings());
  ASSERT_TRUE(wait_until([&] { return process->status().phase == ProcessPhase::waiting; }));
  EXPECT_THAT(process->status().last_error, HasSubstr("a corosync that relaisd did not start runs as process"));
  EXPECT_THAT(process->status().last_error, HasSubstr("systemctl disable --now corosync"));
  EXPECT_TRUE(is_running(somebody_else->id));
  send_signal(*somebody_else, SIGKILL);
  ASSERT_TRUE(wait_for_running(*process));
  EXPECT_TRUE(stop(*process));
}

TEST_F(CorosyncRun, a_record_of_another_process_with_the_same_id_is_not_believed) {
  const RunRecord record{.process = ::getpid(), .start_ticks = 1, .fingerprint = 2};
  std::filesystem::create_directory(directory_ / "run");
  directory_.write("run/corosync.started", format_run_record(record));
  const auto process = start(settings());
  ASSERT_TRUE(wait_for_running(*process));
  EXPECT_FALSE(process->status().adopted);
  EXPECT_TRUE(stop(*process));
}

TEST_F(CorosyncRun, that_dies_is_started_again) {
  const auto process = start(settings());
  ASSERT_TRUE(wait_for_running(*process));
  ::kill(process->status().process, SIGKILL);
  ASSERT_TRUE(wait_until([&] { return process->status().starts == 2; }));
  ASSERT_TRUE(wait_for_running(*process));
  EXPECT_THAT(reports_, testing::Contains(HasSubstr("corosync-failed: corosync ended by itself (killed by signal 9)")));
  EXPECT_TRUE(stop(*process));
}

TEST_F(CorosyncRun, that_dies_again_and_again_is_started_less_and_less_often) {
  directory_.write("die", "");
  const auto process = start(settings());
  ASSERT_TRUE(wait_until([&] { return process->status().starts == 4; }));
  EXPECT_THAT(process->status().last_error, HasSubstr("exited with status 15"));
  EXPECT_THAT(process->status().last_error, HasSubstr("its log ends: starting | No interface"));
  EXPECT_THAT(reports_, Not(testing::Contains(HasSubstr("/proc does not show"))));
  EXPECT_TRUE(stop(*process));
}

TEST_F(CorosyncRun, that_refuses_its_configuration_is_not_started) {
  directory_.write("refuse", "");
  const auto process = start(settings());
  ASSERT_TRUE(wait_until([&] { return process->status().phase == ProcessPhase::waiting; }));
  EXPECT_THAT(process->status().last_error, HasSubstr("(exited with status 8): parse error in config: line 3"));
  EXPECT_EQ(process->status().starts, 0U);
  EXPECT_TRUE(stop(*process));
}

TEST_F(CorosyncRun, the_same_failure_is_reported_once) {
  directory_.write("refuse", "");
  const auto process = start(settings());
  wait_until([&] { return reports_.size() > 1; });
  EXPECT_EQ(reports_.size(), 1U);
  EXPECT_TRUE(stop(*process));
}

TEST_F(CorosyncRun, without_its_program_says_how_to_get_it) {
  ProcessSettings with = settings();
  with.program = directory_ / "none";
  const auto process = start(std::move(with));
  EXPECT_THAT(process->status().last_error, HasSubstr("No such file or directory (apt-get install corosync)"));
  EXPECT_TRUE(stop(*process));
}

TEST_F(CorosyncRun, that_ignores_the_order_to_end_is_killed) {
  directory_.write("stubborn", "");
  const auto process = start(settings());
  ASSERT_TRUE(wait_for_running(*process));
  const pid_t id = process->status().process;
  EXPECT_TRUE(stop(*process));
  EXPECT_FALSE(is_running(id));
  EXPECT_EQ(process->status().phase, ProcessPhase::idle);
}

}  // namespace
}  // namespace relais::corosync
