// relaisd: reads the configuration, builds the node, runs it. docs/man/relaisd.8 describes it.
#include "daemon/config/parse.h"
#include "daemon/node/front.h"
#include "daemon/node/node.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <array>
#include <iostream>

namespace {

// sysexits.h: the service manager need not try again with a wrong configuration.
enum ExitCode : int { kEnded = 0, kFailed = 1, kUsage = 64, kBadConfiguration = 78 };

struct Options {
  std::string config{relais::config::kDefaultPath};
  std::string node;
  bool check = false;
  bool detach = false;
  relais::node::Program program;
};

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0) return {};
  const std::string full(name.data());
  return full.substr(0, full.find('.'));
}

int fail(ExitCode code, const std::string& text) {
  std::cerr << "relaisd: " << text << "\n";
  return code;
}

int run(const relais::config::Cluster& config, relais::NodeId self, const relais::node::Program& program) {
  spdlog::set_default_logger(spdlog::stderr_logger_st("relaisd"));
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  spdlog::flush_on(spdlog::level::info);
  boost::asio::io_context io(1);
  auto node = relais::node::Node::open(io, config, self, program);
  if (node.has_error()) return fail(kFailed, node.error().to_string());
  (*node)->start();
  io.run();
  return (*node)->exit_code();
}

int carry_out(Options& options) {
  const auto config = relais::config::load(options.config);
  if (config.has_error()) {
    std::cerr << relais::config::describe(options.config, config.error());
    return kBadConfiguration;
  }
  const std::string name = options.node.empty() ? host_name() : options.node;
  const relais::config::Node* self = relais::config::find_node(*config, name);
  if (self == nullptr) {
    return fail(kBadConfiguration, "\"" + name + "\" is no node of " + options.config +
                                       " (name this machine with --node, or add it to the configuration)");
  }
  options.program.configuration = options.config;
  if (options.check) {  // its first word is what another relaisd asks for: ask_program in daemon/node/successor.h
    std::cout << "relaisd " RELAIS_VERSION ": node " << self->name << " can start with " << options.config << "\n";
    return kEnded;
  }
  if (geteuid() != 0)
    return fail(kFailed, "not root (start relaisd as root: it loads BPF programs and sets addresses)");
  if (!options.detach) return run(*config, self->id, options.program);
  const auto none_runs = relais::node::lock_front(*self);
  if (none_runs.has_error()) return fail(kFailed, none_runs.error().to_string());
  const relais::Result<void> removed = relais::node::remove_front(*config, *self);
  return removed.has_error() ? fail(kFailed, removed.error().to_string()) : kEnded;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app{"relaisd: node daemon of a relais cluster"};
  app.add_option("--config", options.config, "configuration of the cluster")->capture_default_str();
  app.add_option("--node", options.node, "this node's name or id (default: the host name)");
  CLI::Option* check = app.add_flag("--check", options.check, "check the configuration and end");
  app.add_flag("--detach", options.detach,
               "take addresses and programs off this machine and end (relaisd must not run)")
      ->excludes(check);
  app.set_version_flag("--version", RELAIS_VERSION);
  try {
    app.parse(argc, argv);
    options.program = relais::node::Program::of_this_process(argc, argv);
    return carry_out(options);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked);
  } catch (const CLI::ParseError& error) {
    return fail(kUsage, std::string(error.what()) + " (relaisd --help shows what there is)");
  } catch (const std::exception& error) {
    return fail(kFailed, std::string("unexpected: ") + error.what());
  }
}
