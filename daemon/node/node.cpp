// Putting a node together, and carrying the core's actions out.
#include "daemon/node/node.h"

#include "base/clock.h"
#include "base/cluster_key.h"
#include "daemon/config/print.h"
#include "daemon/node/node_start.h"
#include "daemon/node/process.h"
#include "daemon/node/state_file.h"
#include "daemon/node/view.h"
#include "ha/core/step.h"
#include "ha/corosync/render.h"
#include "netfilter/net/neighbours.h"

#include <spdlog/spdlog.h>
#include <sys/random.h>

#include <algorithm>
#include <csignal>
#include <utility>

namespace relais::node {

namespace {

constexpr std::chrono::milliseconds kCountInterval{1000};
constexpr std::chrono::milliseconds kCountIntervalWithLeftovers{500};

// Members of this group may use the control socket, as root may.
constexpr std::string_view kGroup = "relais";

std::int64_t wall_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::uint64_t random_incarnation() {
  std::uint64_t value = 0;
  const ssize_t got = getrandom(&value, sizeof value, 0);
  INVARIANT(got == sizeof value, "the kernel has randomness");
  return value;
}

corosync::TwoNodeRule rule_of(const config::Cluster& config) {
  switch (config.two_node) {
    case config::TwoNode::none: return corosync::TwoNodeRule::none;
    case config::TwoNode::lowest: return corosync::TwoNodeRule::lowest;
    case config::TwoNode::arbiter: return corosync::TwoNodeRule::arbiter;
    case config::TwoNode::both: return corosync::TwoNodeRule::both;
  }
  return corosync::TwoNodeRule::none;
}

ha::SplitRule split_of(const config::Cluster& config) {
  if (config.two_node == config::TwoNode::arbiter) return ha::SplitRule::arbiter;
  return config.two_node == config::TwoNode::both ? ha::SplitRule::both : ha::SplitRule::fixed;
}

corosync::Arbiter arbiter_of(const config::Arbiter& arbiter) {
  const bool is_plain = arbiter.tls == config::ArbiterTls::off;
  return {.host = arbiter.host,
          .port = arbiter.port,
          .tls = is_plain ? corosync::ArbiterTls::off : corosync::ArbiterTls::required,
          .heartbeat = arbiter.heartbeat};
}

corosync::ProcessSettings process_settings(const config::Cluster& config, const ClusterKey& key) {
  corosync::ProcessSettings settings;
  corosync::RingSetup ring{.cluster_name = config.name,
                           .nodes = {},
                           .token = config::token_of(config.timing.preset),
                           .two_node = rule_of(config),
                           .arbiter = {},
                           .key_file = settings.directory / "authkey"};
  if (config.arbiter) ring.arbiter = arbiter_of(*config.arbiter);
  for (const config::Node& node : config.nodes) {
    ring.nodes.push_back({.id = node.id, .name = node.name, .links = node.links});
  }
  settings.configuration = corosync::render_corosync_conf(ring);
  settings.authkey = key.corosync_authkey();
  return settings;
}

ha::Settings core_settings(const config::Cluster& config, NodeId self) {
  return {.self = self,
          .incarnation = random_incarnation(),
          .config_hash = config::hash_of(config),
          .common_hash = config::common_hash_of(config),
          .version = RELAIS_VERSION,
          .timing = config::timing_of(config),
          .split = split_of(config),
          .weights = config::weights_of(config),
          .names = config::names_of(config),
          .vip_names = config::vip_names_of(config),
          .vips = config.vips.size()};
}

spdlog::level::level_enum level_of(ha::Severity severity) {
  switch (severity) {
    case ha::Severity::info: return spdlog::level::info;
    case ha::Severity::warning: return spdlog::level::warn;
    case ha::Severity::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

}  // namespace

// What open() has made and the constructor takes over.
struct Node::Parts {
  UniqueFd front_lock;
  control::ControlSocket control_socket;
  config::Cluster config;
  NodeId self;
  ClusterKey key;
  netfilter::DataPlane data_plane;
  netfilter::FlowInspector inspector;
  netfilter::FlowInspector opener_inspector;
  std::unique_ptr<Tickler> tickler;
  ha::State state;
  Program program;
  control::UpgradeStatus upgrade;
};

Result<std::unique_ptr<Node>> Node::open(boost::asio::io_context& io, const config::Cluster& config, NodeId self,
                                         const Program& program) {
  const config::Node* node = config::find_node(config, self);
  INVARIANT(node != nullptr, "self is a configured node");
  // First of all: they keep a second relaisd from touching the data plane of one that runs.
  Result<UniqueFd> front_lock = lock_front(*node);
  if (front_lock.has_error()) return front_lock.error();
  Result<control::ControlSocket> control_socket = open_control_socket(config);
  if (control_socket.has_error()) return control_socket.error();
  Result<ClusterKey> key = ClusterKey::read(config.key_file);
  if (key.has_error()) return key.error();
  Result<Start> start = open_data_plane(config, *node, key->bucket_hash_key());
  if (start.has_error()) return start.error();
  Result<netfilter::FlowInspector> inspector = netfilter::FlowInspector::open();
  if (inspector.has_error()) return inspector.error();
  Result<netfilter::FlowInspector> opener_inspector = netfilter::FlowInspector::open();
  if (opener_inspector.has_error()) return opener_inspector.error();
  Result<std::unique_ptr<Tickler>> tickler = Tickler::open(io);
  if (tickler.has_error()) return tickler.error();
  Result<ha::Cluster> known = load_state(config.state_directory);
  const std::optional<Error> damaged = known.has_error() ? std::optional(known.error()) : std::nullopt;
  // What cannot be read was there, so this node has been a member: that alone counts (ha/core/state.h, unsure_until).
  if (damaged) known = ha::Cluster{.epoch = Epoch(1), .members = {}, .nodes = {}, .vips = {}, .moves = {}};
  ha::State state = start->handoff ? ha::resumed_state(core_settings(config, self), *start->handoff, boot_now())
                                   : ha::initial_state(core_settings(config, self), std::move(*known), boot_now());
  std::unique_ptr<Node> result(new Node(io, Parts{.front_lock = std::move(*front_lock),
                                                  .control_socket = std::move(*control_socket),
                                                  .config = config,
                                                  .self = self,
                                                  .key = std::move(*key),
                                                  .data_plane = std::move(start->data_plane),
                                                  .inspector = std::move(*inspector),
                                                  .opener_inspector = std::move(*opener_inspector),
                                                  .tickler = std::move(*tickler),
                                                  .state = std::move(state),
                                                  .program = program,
                                                  .upgrade = std::move(start->upgrade)}));
  if (damaged) {
    result->log(ha::Severity::warning, "state-unreadable",
                damaged->to_string() + "; going on without it: who is drained is known again from the other nodes");
  }
  const Result<void> watched = result->open_front_watch();
  if (watched.has_error()) return watched.error();
  result->open_metrics();
  return result;
}

Node::Node(boost::asio::io_context& io, Parts parts)
    : io_(io),
      config_(std::move(parts.config)),
      self_(*config::find_node(config_, parts.self)),
      front_lock_(std::move(parts.front_lock)),
      key_(parts.key.bucket_hash_key()),
      data_plane_(std::move(parts.data_plane)),
      inspector_(std::make_shared<netfilter::FlowInspector>(std::move(parts.inspector))),
      opener_inspector_(std::make_shared<netfilter::FlowInspector>(std::move(parts.opener_inspector))),
      client_list_(std::make_shared<ClientList>()),
      tickler_(std::move(parts.tickler)),
      log_(fmt::format("{:016x}", parts.state.settings.incarnation)),
      driver_(io, *this, std::move(parts.state)),
      dead_links_(self_.links.size(), [this](NodeId node) { return name_of(config_, node); }),
      flow_timer_(io),
      front_timer_(io),
      rule_timer_(io),
      link_timer_(io),
      signals_(io, SIGTERM, SIGINT),
      program_(std::move(parts.program)),
      upgrade_(std::move(parts.upgrade)),
      worker_(std::make_unique<Worker>(io)),
      file_worker_(std::make_unique<Worker>(io)),
      opener_worker_(std::make_unique<Worker>(io)) {
  for (const config::Vip& vip : config_.vips) vip_addresses_.push_back(vip.address);
  const auto report = [this](const ha::Report& said) { record(said); };
  corosync::ProcessSettings settings = process_settings(config_, parts.key);
  if (config_.arbiter) {
    arbiter_ = std::make_unique<corosync::ArbiterClient>(
        io,
        corosync::ArbiterSettings{.arbiter = arbiter_of(*config_.arbiter),
                                  .configuration = settings.configuration,
                                  .certificates = config_.arbiter->certificates},
        [this] { return ring_ && ring_->status().connected; }, report);
  }
  corosync_ = std::make_unique<corosync::CorosyncProcess>(io, std::move(settings), report);
  serve_control(std::move(parts.control_socket));
}

Result<control::ControlSocket> open_control_socket(const config::Cluster& config) {
  return control::ControlSocket::open(config.control_socket, control::find_group(kGroup));
}

void Node::serve_control(control::ControlSocket socket) {
  control_server_.emplace(control::Server::serve_control(
      io_, *this, std::move(socket), {.user = ::geteuid(), .group = control::find_group(kGroup)},
      [this](const Error& error) { log(ha::Severity::warning, "control", error.to_string()); }, control::Limits{}));
}

// Without metrics the node serves all the same: a port that is taken is no reason to leave clients alone.
void Node::open_metrics() {
  if (!config_.metrics_listen) return;
  Result<control::Server> metrics = control::Server::open_metrics(
      io_, {.listen = *config_.metrics_listen,
            .render = [this] { return metrics::render_metrics(metrics_input()); },
            .report = [this](const Error& error) { log(ha::Severity::warning, "metrics", error.to_string()); }});
  if (metrics.has_error()) return log(ha::Severity::error, "no-metrics", metrics.error().to_string());
  metrics_server_.emplace(std::move(*metrics));
}

void Node::start() {
  if (const Result<void> realtime = become_realtime(); realtime.has_error()) {
    log(ha::Severity::warning, "not-realtime", realtime.error().to_string());
  }
  open_hold();
  driver_.start();
  note_neighbours(netfilter::keep_neighbours(self_.links));
  corosync_->start();
  if (arbiter_) arbiter_->start();
  ring_ = std::make_unique<corosync::RingLink>(
      io_,
      corosync::LinkSettings{.self = self_.id, .votes = corosync::votes_of(config_.nodes.size(), rule_of(config_))},
      corosync::LinkHandlers{.event = [this](ha::Event event) { on_ring_event(std::move(event)); },
                             .report = [this](const ha::Report& report) { record(report); }});
  open_link_watch();
  count_flows();
  front_watch_->start();
  watch_front();
  wait_for_signal("asked to end: handing the share over first; asked again: ending at once");
  log(ha::Severity::info, "started",
      "relaisd " RELAIS_VERSION " is up as " + self_.name + ", data plane " + data_plane_status().mode);
  if (upgrade_.state == "restarted") log(ha::Severity::warning, "upgrade-not-resumed", upgrade_.text);
  notify_service_manager("READY=1");
}

void Node::wait_for_signal(std::string_view answer) {
  signals_.async_wait([this, answer](const boost::system::error_code& error, int) {
    if (error || ended_) return;  // two signals may be on their way together
    notify_service_manager("STOPPING=1");
    log(ha::Severity::info, "stopping", std::string(answer));
    wait_for_signal("asked again: ending at once");
    driver_.feed(ha::StopRequested{});
  });
}

void Node::on_ring_event(ha::Event event) {
  if (const auto* delivered = std::get_if<ha::Delivered>(&event)) {
    if (std::holds_alternative<ha::Heartbeat>(delivered->message.body)) {
      ++heartbeats_delivered_;
      heartbeat_at_ = boot_now();
    }
  }
  if (const auto* view = std::get_if<ha::ViewChanged>(&event)) on_view(*view);
  // What it says about itself it says in any view; the core does not look at it.
  if (const auto* delivered = std::get_if<ha::Delivered>(&event)) {
    const auto* clients = std::get_if<ha::Clients>(&delivered->message.body);
    if (clients != nullptr && delivered->from != self_.id) client_book_.take(delivered->from, *clients);
    if (clients != nullptr) return;
  }
  driver_.feed(std::move(event));
  const bool wants = ha::wants_flow_counts(driver_.state());
  const bool wants_anew = wants && !wanted_counts_;
  wanted_counts_ = wants;
  const ha::Role role = driver_.state().role;
  const bool changed = role != last_role_;
  last_role_ = role;
  if (changed) ++count_generation_;  // a count that is under way is of the time before
  if (wants_anew || (changed && role == ha::Role::joining)) count_flows();
}

void Node::arm_flow_timer() {
  if (ended_) return;
  flow_timer_.expires_after(ha::wants_flow_counts(driver_.state()) ? kCountIntervalWithLeftovers : kCountInterval);
  flow_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) count_flows();
  });
}

void Node::apply(const ha::ApplyStates& states) { data_plane_.set_states(states.vip, states.states); }

void Node::apply(const ha::SetLease& lease) { data_plane_.set_lease(lease.until); }

void Node::multicast(ha::ViewId view, ha::Body body) {
  if (std::holds_alternative<ha::Heartbeat>(body)) ++heartbeats_sent_;
  if (!ring_) return;
  const bool is_order = ha::is_order(body);
  const Result<> sent = ring_->send({.view = view, .body = std::move(body)});
  if (!sent.has_error()) return;
  if (is_order) {
    return log(ha::Severity::error, "order-lost", sent.error().to_string() + "; give the last order again");
  }
  // Not sent is like lost in a fault: the ring says so itself in a moment, and what matters is said again in the next
  // view.
  spdlog::debug("not sent: {}", sent.error().to_string());
}

void Node::list_openers(const ha::ListOpeners& list) {
  opener_worker_->run(
      [inspector = opener_inspector_, table = std::make_shared<netfilter::OpenerTable>(data_plane_.openers()),
       request = OpenerRequest{.list = list,
                               .vips = vip_addresses_,
                               .key = key_,
                               .hold = driver_.state().settings.timing.hold,
                               .forgotten = data_plane_.openers_forgotten()}] {
        return collect_openers(*inspector, *table, request);
      },
      [this, move = list.move](Result<ha::OpenersListed> listed) {
        if (listed.has_error()) {
          log(ha::Severity::warning, "openers-unknown",
              listed.error().to_string() + "; clients that open in the moment of this handover may have to try again");
          listed = ha::OpenersListed{.move = move, .openers = {}, .complete = false};
        }
        driver_.feed(std::move(*listed));
      });
}

void Node::apply(const ha::LeaveOpeners& leave) {
  const Result<> noted = note_others_openers(data_plane_.openers(), leave.openers);
  if (noted.has_error()) log(ha::Severity::warning, "openers-unknown", noted.error().to_string());
}

void Node::forget_openers() { data_plane_.forget_openers(boot_now()); }

void Node::decide(const ha::DecideHeld& held) {
  if (hold_) hold_->decide(held);
}

void Node::save(const ha::Cluster&) {
  if (saving_ == Saving::idle) return write_state();
  saving_ = Saving::writing_and_stale;
}

void Node::write_state() {
  saving_ = Saving::writing;
  file_worker_->run([directory = config_.state_directory,
                     cluster = driver_.state().cluster] { return save_state(directory, cluster); },
                    [this](const Result<void>& saved) {
                      const bool again = saving_ == Saving::writing_and_stale;
                      saving_ = Saving::idle;
                      if (saved.has_error() && !state_file_is_bad_) {
                        log(ha::Severity::error, "state-not-saved", saved.error().to_string() + "; serving goes on");
                      }
                      state_file_is_bad_ = saved.has_error();
                      if (again) write_state();
                    });
}

void Node::log(ha::Severity severity, std::string kind, std::string text) {
  record(ha::Report{.severity = severity, .kind = std::move(kind), .node = self_.id, .text = std::move(text)});
}

void Node::record(const ha::Report& report) {
  spdlog::log(level_of(report.severity), "{}: {}", report.kind, report.text);
  note_upgrade(report);
  log_.add(make_event(report, wall_ms()));
  if (control_server_) control_server_->notify_events();
}

void Node::record(const ha::Receipt& receipt) {
  if (receipt.detect_us > 0) last_takeover_ = std::chrono::microseconds(receipt.takeover_us);
  const control::ReceiptRecord shown = make_receipt(receipt, wall_ms());
  log_.add(shown);
  spdlog::info("receipt {}: {} buckets from {} to {} ({}), detect {:.1f} ms, take over {:.1f} ms", shown.epoch,
               shown.buckets, name_of(config_, receipt.from), name_of(config_, receipt.to), shown.cause,
               shown.detect_ms, shown.takeover_ms);
}

void Node::end() {
  ended_ = true;
  driver_.stop();
  flow_timer_.cancel();
  front_timer_.cancel();
  rule_timer_.cancel();
  link_timer_.cancel();
  hold_.reset();
  front_watch_->stop();
  tickler_->stop();
  signals_.cancel();
  ring_.reset();
  link_watch_.reset();
  arbiter_.reset();
  corosync_.reset();
  if (control_server_) control_server_->stop();
  if (metrics_server_) metrics_server_->stop();
  worker_.reset();
  file_worker_.reset();
  opener_worker_.reset();
  tickler_.reset();
  spdlog::info("left the cluster; the data plane stays attached, without a lease");
}

}  // namespace relais::node
