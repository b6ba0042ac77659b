// The node's part in an upgrade: before, as the one that leaves; after, as the one that comes.
#include "base/clock.h"
#include "daemon/config/parse.h"
#include "daemon/config/print.h"
#include "daemon/node/handoff.h"
#include "daemon/node/node.h"
#include "daemon/node/node_start.h"
#include "ha/core/step.h"

#include <spdlog/spdlog.h>

namespace relais::node {

namespace {

// Why this process cannot go on from what was left to it; nothing if it can.
std::optional<std::string> why_not_resumed(const HandoffFile& left, const config::Cluster& config, NodeId self) {
  if (left.self != self) return "it is another node now";
  if (left.config_hash != config::hash_of(config)) return "the configuration has changed";
  if (left.lease_until <= boot_now()) return "the announced time is up";
  return {};
}

// Whether the program would run, and find the configuration that runs: with another one it could not go on from here.
Result<> try_program(const Program& program, std::uint64_t config_hash) {
  const auto config = config::load(program.configuration);
  if (config.has_error() || config::hash_of(*config) != config_hash) {
    return Error{.what = program.configuration + " is not the configuration that runs",
                 .way_out =
                     "see `relais config check`; a restart of relaisd takes a new configuration over, and its "
                     "share moves meanwhile"};
  }
  return ask_program(program);
}

ha::Handoff handoff_of(const HandoffFile& left, const netfilter::DataPlane& data_plane, std::size_t vips) {
  ha::Handoff handoff{
      .incarnation = left.incarnation, .lease_until = left.lease_until, .states = {}, .cluster = left.cluster};
  for (std::size_t vip = 0; vip < vips; ++vip) {
    handoff.states.push_back(data_plane.states(VipId(static_cast<std::uint8_t>(vip))));
  }
  return handoff;
}

}  // namespace

Result<Node::Start> Node::open_data_plane(const config::Cluster& config, const config::Node& self, const SipKey& key) {
  const std::optional<Result<HandoffFile>> left = take_handoff();
  std::optional<std::string> why;
  if (left && left->has_error()) why = left->error().to_string();
  if (left && !why) why = why_not_resumed(**left, config, self.id);
  if (left && !why) {
    Result<netfilter::DataPlane> resumed = resume_front(config, self, key);
    if (resumed && resumed->lease() == (*left)->lease_until) {
      ha::Handoff handoff = handoff_of(**left, *resumed, config.vips.size());
      return Start{.data_plane = std::move(*resumed),
                   .handoff = std::move(handoff),
                   .upgrade = {.state = "resuming", .text = "taking the share over from relaisd " + (*left)->version}};
    }
    why = resumed ? "the data plane has another lease than was announced" : resumed.error().to_string();
  }
  Result<netfilter::DataPlane> fresh = open_front(config, self, key);
  if (fresh.has_error()) return fresh.error();
  Start start{.data_plane = std::move(*fresh), .handoff = std::nullopt, .upgrade = {}};
  if (why) start.upgrade = {.state = "restarted", .text = "the share is not kept, as after a restart: " + *why};
  return start;
}

Result<void> Node::upgrade(const control::UpgradeOrder& order) {
  if (upgrade_.state == "checking" || driver_.state().upgrade)
    return Error{.what = "an upgrade is under way", .way_out = "see `relais status`, and wait"};
  if (const Result<> may = ha::may_upgrade(driver_.state(), boot_now()); may.has_error()) return may.error();
  const Result<std::string> file = find_program(order.binary.value_or(program_.file));
  if (file.has_error()) return file.error();
  successor_ = program_;
  successor_.file = *file;
  upgrade_ = {.state = "checking", .text = "asking " + *file + " whether it would run"};
  file_worker_->run([program = successor_, hash = config::hash_of(config_)] { return try_program(program, hash); },
                    [this](const Result<>& answer) { on_program_asked(answer); });
  return {};
}

void Node::on_program_asked(const Result<>& answer) {
  if (ended_) return;
  if (answer.has_error()) {
    return log(ha::Severity::error, "upgrade-failed",
               "no upgrade: " + answer.error().to_string() + "; the old relaisd stays in charge");
  }
  upgrade_ = {.state = "announced", .text = "waiting for the other nodes' acknowledgement"};
  driver_.feed(ha::UpgradeRequested{});
}

void Node::start_successor() {
  const ha::State& state = driver_.state();
  log(ha::Severity::info, "leaving", "replaced by " + successor_.file);
  const Error failed = become(successor_, {.self = self_.id,
                                           .config_hash = state.settings.config_hash,
                                           .incarnation = state.settings.incarnation,
                                           .lease_until = state.lease_until,
                                           .version = RELAIS_VERSION,
                                           .cluster = state.cluster});
  driver_.feed(ha::UpgradeFailed{failed.to_string()});
}

// What the core says about it, as the control API tells it.
void Node::note_upgrade(const ha::Report& report) {
  if (report.node != self_.id) return;
  if (report.kind == "upgrade-failed") upgrade_ = {.state = "failed", .text = report.text};
  if (report.kind == "upgraded") upgrade_ = {.state = "done", .text = report.text};
  if (report.kind == "upgrade-not-resumed") upgrade_ = {.state = "restarted", .text = report.text};
}

control::UpgradeStatus Node::upgrade_status() const { return upgrade_; }

}  // namespace relais::node
