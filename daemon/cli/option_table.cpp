// The option table of `relais`.
#include "daemon/cli/option_table.h"

#include "base/invariant.h"

#include <array>

namespace relais::cli {
namespace {

const std::vector<OptionSpec>& options() {
  static const std::vector<OptionSpec> table = {
      {OptionId::socket,
       "--socket",
       "PATH",
       "control socket of relaisd (default: $RELAIS_SOCKET, else /run/relais/relaisd.sock)",
       {}},
      {OptionId::json, "--json", "", "machine-readable output; errors too, on standard error", {}},
      {OptionId::color,
       "--color",
       "WHEN",
       "colours: auto (on a terminal, unless NO_COLOR is set), always, never",
       {"auto", "always", "never"}},
      {OptionId::no_wait, "--no-wait", "", "return as soon as the order is accepted", {}},
      {OptionId::timeout, "--timeout", "SECONDS", "give up waiting after so long; the order stays in force", {}},
      {OptionId::vip, "--vip", "NAME", "only for this VIP (default: all of them)", {}},
      {OptionId::follow, "--follow", "", "go on with new events until Ctrl-C", {}},
      {OptionId::after, "--after", "ID", "only events with a higher id", {}},
      {OptionId::vendor,
       "--vendor",
       "VENDOR",
       "whose language to print",
       {"cisco-ios", "arista", "junos", "mikrotik", "linux"}},
      {OptionId::config, "--config", "FILE", "configuration of the cluster (default: /etc/relais/relais.toml)", {}},
      {OptionId::port, "--port", "NODE=PORT", "switch port of a node; once per node", {}, Times::repeated},
      {OptionId::vlan, "--vlan", "N", "VLAN of the VIPs, 1 to 4094", {}},
      {OptionId::running, "--running", "", "what relaisd uses, instead of a file", {}},
      {OptionId::binary, "--binary", "PATH", "relaisd to run next, absolute path (default: the file that runs)", {}},
  };
  return table;
}

const ArgumentSpec kNode = {"NODE", "name or id of a node"};
const ArgumentSpec kFile = {"FILE", "configuration of the cluster (default: /etc/relais/relais.toml)",
                            Presence::optional};

std::vector<CommandSpec> observing_commands() {
  return {
      {CommandId::status,
       "status",
       "the cluster as this node sees it: nodes, quorum, lease, VIPs, bucket map",
       "The map shows the 256 buckets of a VIP, one cell each: the owner's symbol, then > while the\n"
       "bucket moves, or * while an earlier owner still has connections in it.",
       {},
       {},
       {}},
      {CommandId::watch,
       "watch",
       "status, live, until Ctrl-C",
       "Redraws twice a second on a terminal; elsewhere it prints one line per change.",
       {},
       {},
       {}},
      {CommandId::who,
       "who",
       "which node answers a client, which is its standby, and why",
       "",
       {{"ADDRESS", "IPv4 or IPv6 address of the client"}},
       {},
       {}},
  };
}

std::vector<CommandSpec> ordering_commands() {
  return {
      {CommandId::drain,
       "drain",
       "take a node out of service without breaking a connection",
       "Its buckets go to the other nodes at once; its connections stay until they end or until\n"
       "timing.drain_limit_s. Waits until nothing is left; Ctrl-C ends the waiting, not the drain.",
       {kNode},
       {OptionId::no_wait, OptionId::timeout},
       {}},
      {CommandId::resume,
       "resume",
       "give a drained node its share back",
       "Waits until the node has its buckets.",
       {kNode},
       {OptionId::no_wait, OptionId::timeout},
       {}},
      {CommandId::weight,
       "weight",
       "set a node's weight: its share is weight / sum of weights",
       "Holds until relaisd on that node restarts; the configuration has the weights to start with.",
       {kNode, {"N", "0 to 1000; 0: the node owns nothing"}},
       {OptionId::vip},
       {}},
      {CommandId::upgrade_daemon,
       "upgrade-daemon",
       "replace this node's relaisd by another binary; its share stays",
       "No bucket moves and no connection breaks: the data plane answers by itself meanwhile. Refused,\n"
       "with the reason, unless all is calm and the binary says yes to --check. Waits for the outcome.",
       {},
       {OptionId::binary, OptionId::no_wait},
       {}},
  };
}

std::vector<CommandSpec> recording_commands() {
  return {
      {CommandId::events,
       "events",
       "what happened, as this node saw it",
       "",
       {},
       {OptionId::follow, OptionId::after},
       {}},
      {CommandId::receipts,
       "receipts",
       "every move of buckets: cause, ms to detect, ms to take over, flows kept and lost",
       "",
       {},
       {},
       {}},
  };
}

std::vector<CommandSpec> configuring_commands() {
  return {
      {CommandId::switch_config,
       "switch-config",
       "what switches and routers must be told, ready to paste",
       "Prints static entries for the cluster MAC on the nodes' ports, the router's static ARP and\n"
       "neighbour entries, and what to do about IGMP snooping.",
       {},
       {OptionId::vendor, OptionId::config, OptionId::port, OptionId::vlan},
       {OptionId::vendor}},
      {CommandId::config_check, "config check", "find every error in a configuration file", "", {kFile}, {}, {}},
      {CommandId::config_print,
       "config print",
       "print a configuration in its canonical form",
       "",
       {kFile},
       {OptionId::running},
       {}},
      {CommandId::doctor,
       "doctor",
       "look for whatever keeps relais from working here; each finding has its fix",
       "Works without relaisd and without root; what could not be looked at is listed.",
       {},
       {OptionId::config},
       {}},
      {CommandId::version, "version", "versions of relais and of the running relaisd", "", {}, {}, {}},
  };
}

std::vector<CommandSpec> build_commands() {
  std::vector<CommandSpec> all = observing_commands();
  for (auto part : {ordering_commands(), recording_commands(), configuring_commands()}) {
    all.insert(all.end(), part.begin(), part.end());
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    INVARIANT(static_cast<std::size_t>(all[i].id) == i, "the command table is in the order of CommandId");
  }
  return all;
}

}  // namespace

std::span<const OptionSpec> option_table() { return options(); }

std::span<const CommandSpec> command_table() {
  static const std::vector<CommandSpec> table = build_commands();
  return table;
}

std::span<const OptionId> global_options() {
  static constexpr std::array kGlobal = {OptionId::socket, OptionId::json, OptionId::color};
  return kGlobal;
}

const OptionSpec& option_spec(OptionId id) {
  const OptionSpec& spec = option_table()[static_cast<std::size_t>(id)];
  INVARIANT(spec.id == id, "the option table is in the order of OptionId");
  return spec;
}

const CommandSpec& command_spec(CommandId id) { return command_table()[static_cast<std::size_t>(id)]; }

}  // namespace relais::cli
