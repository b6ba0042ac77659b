// Stories in files, with what every core did: tests/unit/core/scenarios/*.txt. A line that begins with # is prose, an
// indented line is the trace, any other a command of the table below. RELAIS_REWRITE_GOLDEN=1 writes the traces anew:
// read the difference before you commit.
#include "tests/unit/core/bench.h"
#include "tests/unit/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace relais::ha {
namespace {

namespace fs = std::filesystem;

struct Scenario {
  Bench bench{{}};
  std::string trace;
};
using Numbers = std::vector<std::uint32_t>;
using Command = std::function<void(Scenario&, const Numbers&)>;

NodeSet nodes_of(const Numbers& numbers) {
  NodeSet nodes;
  for (const std::uint32_t number : numbers) nodes.insert(NodeId(number));
  return nodes;
}

template <class Order>
void order(Bench& bench, std::uint32_t by, Order what) {
  bench.give(by, Ordered{std::move(what)});
}

void show_shares(Scenario& scenario, const Numbers& nodes) {
  for (const std::uint32_t node : nodes) {
    scenario.trace += "             n" + std::to_string(node) + " is " +
                      (scenario.bench.is_member(node) ? "a member, " : "no member, ") +
                      (scenario.bench.has_lease(node) ? "has a lease" : "no lease");
    for (const BucketState state : {BucketState::serve, BucketState::adopt, BucketState::leftover}) {
      const std::size_t count = scenario.bench.count(node, state);
      if (count > 0) scenario.trace += ", " + std::to_string(count) + " " + std::string(to_string(state));
    }
    scenario.trace += "\n";
  }
}

const std::map<std::string, Command>& commands() {
  static const std::map<std::string, Command> table = {
      // NODES: so many nodes form a cluster
      {"form",
       [](Scenario& on, const Numbers& of) {
         on.bench = Bench({.nodes = of.at(0)});
         on.bench.form();
       }},
      {"start", [](Scenario& on, const Numbers& of) { on.bench.start(of.at(0)); }},
      {"kill", [](Scenario& on, const Numbers& of) { on.bench.kill(of.at(0)); }},
      {"freeze", [](Scenario& on, const Numbers& of) { on.bench.freeze(of.at(0)); }},
      {"thaw", [](Scenario& on, const Numbers& of) { on.bench.thaw(of.at(0)); }},
      // MEMBERS …: a new ring, quorate if they are most
      {"ring", [](Scenario& on, const Numbers& of) { on.bench.view(nodes_of(of)); }},
      // MEMBERS …: daemons came or went, the ring stayed
      {"daemons", [](Scenario& on,
                     const Numbers& of) { on.bench.view(nodes_of(of), Bench::Ring::same, LeaveReason::daemon_down); }},
      // MEMBERS …: a new ring on the side without quorum
      {"minority", [](Scenario& on, const Numbers& of) { on.bench.inquorate_view(nodes_of(of)); }},
      // nothing is delivered until the next ring
      {"halt", [](Scenario& on, const Numbers&) { on.bench.halt(); }},
      // MILLISECONDS
      {"run", [](Scenario& on, const Numbers& of) { on.bench.run(std::chrono::milliseconds(of.at(0))); }},
      // NODE COUNT: connections in its first bucket
      {"flows",
       [](Scenario& on, const Numbers& of) {
         on.bench.set_flows(of.at(0), on.bench.first(of.at(0), BucketState::serve), of.at(1));
         on.bench.count_flows(of.at(0));
       }},
      // NODE: its connections have ended
      {"no-flows",
       [](Scenario& on, const Numbers& of) {
         for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) on.bench.set_flows(of.at(0), bucket, 0);
       }},
      // AT NODE: said to one node, about a node
      {"drain",
       [](Scenario& on, const Numbers& of) {
         order(on.bench, of.at(0), SetDrained{.node = NodeId(of.at(1)), .drained = true});
       }},
      {"resume",
       [](Scenario& on, const Numbers& of) {
         order(on.bench, of.at(0), SetDrained{.node = NodeId(of.at(1)), .drained = false});
       }},
      // AT NODE WEIGHT
      {"weight",
       [](Scenario& on, const Numbers& of) {
         const auto weight = static_cast<std::uint16_t>(of.at(2));
         order(on.bench, of.at(0), SetWeight{.node = NodeId(of.at(1)), .vip = VipId(0), .weight = weight});
       }},
      // NODE FRONT: 0 well, 1 doubtful, 2 no gateway, 3 no carrier
      {"front", [](Scenario& on, const Numbers& of) { on.bench.set_front(of.at(0), static_cast<Front>(of.at(1))); }},
      {"upgrade", [](Scenario& on, const Numbers& of) { on.bench.give(of.at(0), UpgradeRequested{}); }},
      // NODE: the daemon that replaces the one that has left
      {"successor", [](Scenario& on, const Numbers& of) { on.bench.start_successor(of.at(0)); }},
      {"stop", [](Scenario& on, const Numbers& of) { on.bench.give(of.at(0), StopRequested{}); }},
      // NODES …
      {"shares", show_shares},
  };
  return table;
}

void run_line(Scenario& scenario, const std::string& line) {
  std::istringstream words(line);
  std::string name;
  words >> name;
  Numbers numbers;
  for (std::uint32_t number = 0; words >> number;) numbers.push_back(number);
  const auto command = commands().find(name);
  ASSERT_NE(command, commands().end()) << "no command: " << line;
  command->second(scenario, numbers);
  for (const std::string& told : scenario.bench.told_with_time()) scenario.trace += "  " + told + "\n";
}

// The same file with the traces of now.
std::string play(const std::string& text) {
  Scenario scenario;
  std::string played;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("  ", 0) == 0) continue;
    played += line + "\n";
    if (line.empty() || line[0] == '#') continue;
    run_line(scenario, line);
    played += scenario.trace;
    scenario.trace.clear();
  }
  return played;
}

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(RELAIS_SCENARIOS)) names.push_back(entry.path().stem().string());
  std::ranges::sort(names);
  return names;
}

class ScenarioTest : public testing::TestWithParam<std::string> {};

TEST_P(ScenarioTest, goes_as_its_file_says) {
  const std::string path = std::string(RELAIS_SCENARIOS) + "/" + GetParam() + ".txt";
  test::expect_golden(path, play(test::read_golden(path)));
}

INSTANTIATE_TEST_SUITE_P(Core, ScenarioTest, testing::ValuesIn(scenario_names()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace relais::ha
