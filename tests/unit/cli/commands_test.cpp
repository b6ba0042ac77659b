// Whole commands against something that answers like relaisd: what is printed where, and with which exit code.
#include "daemon/cli/render_status.h"
#include "daemon/control/json.h"
#include "tests/unit/cli/console.h"
#include "tests/unit/cli/fake_relaisd.h"
#include "tests/unit/cli/samples.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <sstream>

namespace relais::cli {
namespace {

std::string example() { return std::string(RELAIS_SOURCE_DIR) + "/docs/examples/relais.toml"; }

// Answers each path with a body; unknown paths with 404.
FakeRelaisd::Handler answers(std::vector<std::pair<std::string, std::string>> bodies) {
  return [bodies = std::move(bodies)](const std::string& request) {
    for (const auto& [start, body] : bodies) {
      if (request.starts_with(start)) return FakeRelaisd::http(body);
    }
    return FakeRelaisd::http(control::to_json(control::Failure{"no such path", "ask for another"}), "404 Not Found");
  };
}

TEST(Command, status_prints_the_picture_or_the_answer_as_it_is) {
  const std::string json = control::to_json(calm_cluster());
  FakeRelaisd relaisd(answers({{"GET /v1/status", json}}));
  const Outcome human = run_line("status", relaisd.path());
  EXPECT_EQ(human.exit, ExitCode::ok);
  EXPECT_EQ(human.out, render_status(calm_cluster(), {Color::off}));
  const Outcome machine = run_line("status --json", relaisd.path());
  EXPECT_EQ(machine.out, json + "\n");
  EXPECT_EQ(machine.err, "");
}

TEST(Command, without_relaisd_ends_with_3_and_the_way_out) {
  for (const char* line :
       {"status", "watch", "who 203.0.113.7", "drain n1", "resume n1 --no-wait", "weight n1 3", "upgrade-daemon",
        "upgrade-daemon --no-wait", "events", "events --follow", "receipts", "config print --running"}) {
    const Outcome human = run_line(line, "/nonexistent/s");
    EXPECT_EQ(human.exit, ExitCode::unreachable) << line;
    EXPECT_EQ(human.out, "") << line;
    EXPECT_EQ(human.err,
              "relais: cannot reach relaisd at /nonexistent/s: No such file or directory\n"
              "        start relaisd on this machine, or name its socket with --socket\n")
        << line;
    const Outcome machine = run_line(std::string(line) + " --json", "/nonexistent/s");
    EXPECT_EQ(machine.exit, ExitCode::unreachable) << line;
    EXPECT_EQ(machine.out, "") << line;
    EXPECT_EQ(machine.err, R"({"error":"cannot reach relaisd at /nonexistent/s: No such file or directory",)"
                           R"("way_out":"start relaisd on this machine, or name its socket with --socket"})"
                           "\n")
        << line;
  }
}

TEST(Command, who_ends_with_1_if_nobody_answers_or_nobody_knows) {
  control::Who who{.address = "203.0.113.7",
                   .bucket = 5,
                   .current = true,
                   .vips = {{.vip = "mail4", .owner = 2, .owner_name = "n2"}}};
  std::atomic<bool> owned = true;
  FakeRelaisd relaisd([&](const std::string& request) {
    if (request.starts_with("GET /v1/who?address=203.0.113.7 ")) {
      who.vips[0].owner = owned ? 2 : 0;
      return FakeRelaisd::http(control::to_json(who));
    }
    return FakeRelaisd::http(control::to_json(calm_cluster()));
  });
  EXPECT_EQ(run_line("who 203.0.113.7", relaisd.path()).exit, ExitCode::ok);
  owned = false;
  EXPECT_EQ(run_line("who 203.0.113.7", relaisd.path()).exit, ExitCode::failed);
  owned = true;
  who.current = false;
  EXPECT_EQ(run_line("who 203.0.113.7", relaisd.path()).exit, ExitCode::failed) << "what it knew last is no answer";
}

TEST(Command, config_check_says_what_of_the_file_is_not_in_use_yet) {
  std::stringstream text;
  text << std::ifstream(example()).rdbuf();
  std::string running = text.str();
  FakeRelaisd relaisd(answers({{"GET /v1/config", running}}));
  EXPECT_EQ(run_line("config check " + example(), relaisd.path()).out.find("not in use"), std::string::npos);
  running.replace(running.find("name = \"mail\""), 13, "name = \"post\"");
  FakeRelaisd other(answers({{"GET /v1/config", running}}));
  const Outcome human = run_line("config check " + example(), other.path());
  EXPECT_EQ(human.exit, ExitCode::ok);
  EXPECT_NE(human.out.find("not in use yet: cluster name: post -> mail (restart relaisd)"), std::string::npos)
      << human.out;
  const Outcome machine = run_line("config check --json " + example(), other.path());
  EXPECT_NE(machine.out.find(R"("not_in_use":["cluster name: post -> mail"])"), std::string::npos) << machine.out;
  const Outcome alone = run_line("config check --json " + example(), "/run/relais-nobody.sock");
  EXPECT_NE(alone.out.find(R"("not_in_use":null)"), std::string::npos) << alone.out;
}

// n3 hands its 85 buckets over within three looks.
FakeRelaisd::Handler draining(std::atomic<int>& looks) {
  return [&looks](const std::string& request) {
    if (request.starts_with("POST /v1/drain ")) return FakeRelaisd::http("{}");
    const int look = looks++;
    if (look == 0) return FakeRelaisd::http(control::to_json(calm_cluster()));
    if (look == 1) return FakeRelaisd::http(control::to_json(busy_cluster()));
    control::Status status = calm_cluster();
    status.nodes[2].drained = true;
    for (auto& bucket : status.vips[0].buckets) bucket.owner = bucket.owner == 3 ? 1 : bucket.owner;
    return FakeRelaisd::http(control::to_json(status));
  };
}

TEST(Command, drain_shows_each_step_and_ends_when_it_is_done) {
  std::atomic<int> looks = 0;
  FakeRelaisd relaisd(draining(looks));
  const Outcome outcome = run_line("drain n3", relaisd.path());
  EXPECT_EQ(outcome.exit, ExitCode::ok);
  EXPECT_EQ(outcome.out,
            "n3: waiting for the cluster to take the order\n"
            "n3: 42 buckets to move, 30 connections left\n"
            "n3 is drained\n");
}

TEST(Command, drain_in_json_prints_one_object_per_step) {
  std::atomic<int> looks = 0;
  FakeRelaisd relaisd(draining(looks));
  const Outcome outcome = run_line("drain n3 --json", relaisd.path());
  EXPECT_EQ(outcome.exit, ExitCode::ok);
  EXPECT_TRUE(outcome.out.ends_with(
      R"({"node":"n3","order":"drain","buckets_left":0,"connections_left":0,"done":true,"note":""})"
      "\n"))
      << outcome.out;
}

TEST(Command, drain_that_is_not_done_in_time_ends_with_1_and_stays_in_force) {
  FakeRelaisd relaisd(answers({{"POST /v1/drain", "{}"}, {"GET /v1/status", control::to_json(busy_cluster())}}));
  const Outcome outcome = run_line("drain n3 --timeout 1", relaisd.path());
  EXPECT_EQ(outcome.exit, ExitCode::failed);
  EXPECT_EQ(outcome.out, "n3: 42 buckets to move, 30 connections left\n");
  EXPECT_NE(outcome.err.find("the order stays in force"), std::string::npos) << outcome.err;
}

TEST(Command, drain_of_the_last_node_in_service_ends_with_1) {
  control::Status status = calm_cluster();
  status.nodes[2].drained = true;
  FakeRelaisd relaisd(answers({{"POST /v1/drain", "{}"}, {"GET /v1/status", control::to_json(status)}}));
  const Outcome outcome = run_line("drain n3", relaisd.path());
  EXPECT_EQ(outcome.exit, ExitCode::failed);
  EXPECT_NE(outcome.err.find("n3 still answers clients: it keeps 85 buckets"), std::string::npos) << outcome.err;
}

TEST(Command, drain_of_an_unknown_node_is_relaisds_no) {
  FakeRelaisd relaisd([](const std::string&) {
    return FakeRelaisd::http(control::to_json(control::Failure{"no node n9", "nodes: n1, n2"}), "404 Not Found");
  });
  const Outcome outcome = run_line("drain n9", relaisd.path());
  EXPECT_EQ(outcome.exit, ExitCode::failed);
  EXPECT_EQ(outcome.err, "relais: no node n9\n        nodes: n1, n2\n");
}

// Answers the states one after the other, then the last one for ever; an empty one: nobody answers.
FakeRelaisd::Handler upgrade_through(std::vector<control::UpgradeStatus> states) {
  return [states = std::move(states), next = std::size_t{0}](const std::string& request) mutable {
    if (request.starts_with("POST /v1/upgrade")) return FakeRelaisd::http("{}", "202 Accepted");
    control::Status status = calm_cluster();
    status.upgrade = states[std::min(next++, states.size() - 1)];
    return status.upgrade.state.empty() ? std::string() : FakeRelaisd::http(control::to_json(status));
  };
}

TEST(Command, upgrade_daemon_waits_over_the_moment_in_which_nobody_answers) {
  FakeRelaisd relaisd(
      upgrade_through({{"checking", "a"}, {"announced", "b"}, {"", ""}, {"resuming", ""}, {"done", "c"}}));
  const Outcome done = run_line("upgrade-daemon --json", relaisd.path());
  EXPECT_EQ(done.exit, ExitCode::ok) << done.err;
  EXPECT_EQ(done.out, R"({"state":"checking","text":"a"})"
                      "\n"
                      R"({"state":"announced","text":"b"})"
                      "\n"
                      R"({"state":"resuming","text":""})"
                      "\n"
                      R"({"state":"done","text":"c"})"
                      "\n");
}

TEST(Command, upgrade_daemon_ends_with_1_and_the_reason_if_the_share_was_not_kept) {
  for (const char* state : {"failed", "restarted"}) {
    FakeRelaisd relaisd(upgrade_through({{"checking", ""}, {state, "because"}}));
    const Outcome outcome = run_line("upgrade-daemon", relaisd.path());
    EXPECT_EQ(outcome.exit, ExitCode::failed) << state;
    EXPECT_NE(outcome.err.find("because"), std::string::npos) << outcome.err;
  }
}

TEST(Command, upgrade_daemon_without_waiting_sends_the_binary) {
  std::string sent;
  FakeRelaisd relaisd([&sent](const std::string& request) {
    sent = request;
    return FakeRelaisd::http("{}", "202 Accepted");
  });
  EXPECT_EQ(run_line("upgrade-daemon --no-wait --binary /opt/relaisd", relaisd.path()).exit, ExitCode::ok);
  EXPECT_NE(sent.find(R"({"binary":"/opt/relaisd"})"), std::string::npos) << sent;
}

TEST(Command, weight_sends_what_was_ordered) {
  std::string asked;
  FakeRelaisd relaisd([&](const std::string& request) {
    asked = request;
    return FakeRelaisd::http("{}");
  });
  EXPECT_EQ(run_line("weight n1 3 --vip mail4", relaisd.path()).exit, ExitCode::ok);
  ASSERT_NE(asked.find("\r\n\r\n"), std::string::npos);
  const auto order = control::parse_order(asked.substr(asked.find("\r\n\r\n") + 4));
  ASSERT_TRUE(order) << asked;
  const control::Order expected{.node = "n1", .vip = "mail4", .weight = 3};
  EXPECT_TRUE(*order == expected) << asked;
}

TEST(Command, events_begin_after_the_id_that_is_named) {
  const control::EventList list{
      .events = {{.id = 8, .severity = "info", .kind = "joined", .node = 2, .text = "n2 joined"}}, .last_id = 8};
  FakeRelaisd relaisd(answers({{"GET /v1/events?after=7 ", control::to_json(list)}}));
  const Outcome outcome = run_line("events --after 7", relaisd.path());
  EXPECT_EQ(outcome.exit, ExitCode::ok) << outcome.err;
  EXPECT_NE(outcome.out.find("n2 joined"), std::string::npos);
}

TEST(Command, config_check_counts_or_lists_every_error) {
  const Outcome good = run_line("config check " + example(), "/s");
  EXPECT_EQ(good.exit, ExitCode::ok) << good.err;
  EXPECT_NE(good.out.find(": valid (3 nodes, 2 VIPs, configuration "), std::string::npos) << good.out;
  const Outcome missing = run_line("config check /nonexistent.toml", "/s");
  EXPECT_EQ(missing.exit, ExitCode::findings);
  EXPECT_EQ(missing.out, "");
  const Outcome machine = run_line("config check /nonexistent.toml --json", "/s");
  EXPECT_EQ(machine.exit, ExitCode::findings);
  EXPECT_TRUE(machine.out.starts_with(R"({"file":"/nonexistent.toml","valid":false,"errors":[{"line":0,)"))
      << machine.out;
}

TEST(Command, config_print_of_its_own_output_changes_nothing) {
  const Outcome printed = run_line("config print " + example(), "/s");
  EXPECT_EQ(printed.exit, ExitCode::ok);
  EXPECT_TRUE(printed.out.starts_with("[cluster]\n")) << printed.out;
  FakeRelaisd relaisd(answers({{"GET /v1/config", printed.out}}));
  EXPECT_EQ(run_line("config print --running", relaisd.path()).out, printed.out);
}

TEST(Command, switch_config_speaks_every_vendors_language) {
  for (const char* vendor : {"cisco-ios", "arista", "junos", "mikrotik", "linux"}) {
    const Outcome outcome =
        run_line("switch-config --config " + example() + " --vendor " + vendor + " --port n1=p7", "/s");
    EXPECT_EQ(outcome.exit, ExitCode::ok) << outcome.err;
    EXPECT_NE(outcome.out.find("p7"), std::string::npos) << vendor;
  }
  EXPECT_EQ(run_line("switch-config --config " + example() + " --vendor linux --port n9=p7", "/s").exit,
            ExitCode::usage);
}

TEST(Command, doctor_works_without_relaisd_and_says_so) {
  const Outcome outcome = run_line("doctor --config /nonexistent.toml", "/nonexistent/s");
  EXPECT_EQ(outcome.exit, ExitCode::findings);
  EXPECT_NE(outcome.out.find("the configuration /nonexistent.toml is not valid"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("relaisd does not run here"), std::string::npos) << outcome.out;
  const Outcome machine = run_line("doctor --json --config /nonexistent.toml", "/nonexistent/s");
  EXPECT_TRUE(machine.out.starts_with(R"({"findings":[{"severity":"error",)")) << machine.out;
}

TEST(Command, version_works_without_relaisd) {
  const Outcome outcome = run_line("version --json", "/nonexistent/s");
  EXPECT_EQ(outcome.exit, ExitCode::ok);
  EXPECT_EQ(outcome.out, std::string(R"({"relais":")") + RELAIS_VERSION + "\",\"relaisd\":null}\n");
}

}  // namespace
}  // namespace relais::cli
