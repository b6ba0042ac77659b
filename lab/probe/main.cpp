// probe: the lab's client and server. `probe load` drives connections and says what clients saw; `probe serve` answers
// them; `probe flood` sends openers from addresses that nobody has.
#include "lab/probe/flood.h"
#include "lab/probe/load.h"
#include "lab/probe/report.h"
#include "lab/probe/serve.h"

#include <sys/resource.h>
#include <CLI/CLI.hpp>

#include <fstream>
#include <iostream>

namespace {

using namespace relais;
using namespace relais::probe;

struct Arguments {
  std::vector<std::string> vips;
  std::vector<std::string> sources;
  std::uint16_t port = 7000;
  double duration_s = 10;
  double time_limit_s = 8;
  bool udp = false;
  std::string json;
  LoadOptions load;
  ServeOptions serve;
  FloodOptions flood;
};

void define_load(CLI::App& command, Arguments& arguments) {
  command.add_option("--vip", arguments.vips, "address to connect to; may be repeated")->required();
  command.add_option("--sources", arguments.sources, "203.0.113.10-249 or 2001:db8:2::100-1ef; may be repeated")
      ->required();
  command.add_option("--port", arguments.port, "TCP or UDP port")->capture_default_str();
  command.add_option("--rate", arguments.load.rate, "new connections per second")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 100000.0));
  command.add_option("--duration", arguments.duration_s, "seconds of starting connections; 0: until count or stop")
      ->capture_default_str();
  command.add_option("--count", arguments.load.count, "end after so many; 0: no limit")->capture_default_str();
  command.add_option("--long", arguments.load.long_lived, "long-lived connections, a byte each 100 ms")
      ->capture_default_str();
  command.add_option("--idle", arguments.load.idle, "connections that only listen, as IMAP IDLE does")
      ->capture_default_str();
  command.add_option("--connect-timeout", arguments.time_limit_s, "seconds")->capture_default_str();
  command.add_option("--payload", arguments.load.payload, "bytes per connection that must come back")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000000));
  command.add_flag("--udp", arguments.udp, "datagrams instead of connections");
  command.add_option("--control", arguments.load.control, "orders (phase NAME, stop): - for standard input, or a FIFO");
  command.add_option("--json", arguments.json, "write the report as JSON to this file; - instead of the table");
}

void define_flood(CLI::App& command, Arguments& arguments) {
  command.add_option("--vip", arguments.vips, "address to flood; may be repeated")->required();
  command
      .add_option("--sources", arguments.sources, "spoofed sources: 203.0.113.250-254 or …::f000-ffff; may be repeated")
      ->required();
  command.add_option("--port", arguments.port, "TCP port")->capture_default_str();
  command.add_option("--rate", arguments.flood.rate, "SYNs per second; 0: as many as the machine gives")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 10000000.0));
  command.add_option("--duration", arguments.duration_s, "seconds; 0: until a signal")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command.add_option("--seed", arguments.flood.seed, "of sources, ports and numbers")->capture_default_str();
  command.add_option("--json", arguments.json, "write the report as JSON to this file; - instead of the line");
}

Duration seconds(double value) { return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value)); }

int fail(const Error& error) {
  std::cerr << "probe: " << error.to_string() << "\n";
  return 1;
}

template <typename AnyReport>
int write_report(const AnyReport& report, const std::string& path) {
  if (path == "-") {
    std::cout << to_json(report);
    return 0;
  }
  std::cout << to_table(report);
  if (path.empty()) return 0;
  std::ofstream file(path);
  file << to_json(report);
  file.close();
  return file ? 0 : fail(Error{.what = "cannot write " + path, .way_out = ""});
}

int load(Arguments& arguments) {
  auto targets = make_targets(arguments.vips, arguments.sources, arguments.port);
  if (!targets) return fail(targets.error());
  arguments.load.targets = std::move(*targets);
  arguments.load.duration = seconds(arguments.duration_s);
  arguments.load.time_limit = seconds(arguments.time_limit_s);
  arguments.load.protocol = arguments.udp ? Protocol::udp : Protocol::tcp;
  auto record = run_load(arguments.load);
  if (!record) return fail(record.error());
  return write_report(make_report(*record), arguments.json);
}

int flood(Arguments& arguments) {
  auto targets = make_targets(arguments.vips, arguments.sources, arguments.port);
  if (!targets) return fail(targets.error());
  arguments.flood.targets = std::move(*targets);
  arguments.flood.duration = seconds(arguments.duration_s);
  auto report = run_flood(arguments.flood);
  if (!report) return fail(report.error());
  return write_report(*report, arguments.json);
}

// Thousands of sockets, and no waiting behind other programs of the same machine: what the probe measures is the
// cluster.
void prepare_process() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  setpriority(PRIO_PROCESS, 0, -10);  // without root it stays as it is
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("The lab's client and server.");
  app.require_subcommand(1);
  auto* load_command = app.add_subcommand("load", "drive connections from many source addresses");
  define_load(*load_command, arguments);
  auto* serve_command = app.add_subcommand("serve", "say a name, then echo: TCP and UDP, IPv4 and IPv6");
  serve_command->add_option("--name", arguments.serve.name, "the name to say")->required();
  serve_command->add_option("--port", arguments.serve.port, "port")->capture_default_str();
  auto* flood_command = app.add_subcommand("flood", "SYNs from addresses that nobody has");
  define_flood(*flood_command, arguments);
  CLI11_PARSE(app, argc, argv);
  if (flood_command->parsed()) return flood(arguments);
  prepare_process();
  if (load_command->parsed()) return load(arguments);
  return fail(serve(arguments.serve));
}
