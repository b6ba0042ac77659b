// One node of the cluster, put together: the core with its driver, the ring, the data plane, the control API.
#pragma once

#include "base/result.h"
#include "base/siphash.h"
#include "daemon/config/cluster.h"
#include "daemon/control/backend.h"
#include "daemon/control/event_log.h"
#include "daemon/control/listen.h"
#include "daemon/control/server.h"
#include "daemon/metrics/metrics.h"
#include "daemon/node/client_book.h"
#include "daemon/node/client_list.h"
#include "daemon/node/dead_links.h"
#include "daemon/node/driver.h"
#include "daemon/node/front.h"
#include "daemon/node/front_watch.h"
#include "daemon/node/hold.h"
#include "daemon/node/successor.h"
#include "daemon/node/tickler.h"
#include "daemon/node/worker.h"
#include "ha/corosync/arbiter.h"
#include "ha/corosync/link.h"
#include "ha/corosync/link_watch.h"
#include "ha/corosync/process.h"
#include "netfilter/loader/data_plane.h"
#include "netfilter/net/flows.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace relais::node {

// The control socket of this node; an error if a relaisd has it already.
Result<control::ControlSocket> open_control_socket(const config::Cluster& config);

class Node final : private Effects, private control::Backend {
 public:
  // Everything that can fail at the start: keys, interface, data plane, sockets. `self` is one of config's nodes.
  // `program` is what runs in this process: by default it is also what an upgrade runs next.
  static Result<std::unique_ptr<Node>> open(boost::asio::io_context& io, const config::Cluster& config, NodeId self,
                                            const Program& program);
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Joins the cluster and serves until SIGTERM or SIGINT; then it leaves in order and the io_context runs out of work.
  // Corosync and the data plane (without a lease) stay, for the next relaisd.
  void start();

  // What the process should end with: 0 after an order to stop; 1 if the node had to stop by itself, and should be
  // started again.
  int exit_code() const { return exit_code_; }

 private:
  struct Parts;
  struct Start;
  static Result<Start> open_data_plane(const config::Cluster& config, const config::Node& self, const SipKey& key);
  Node(boost::asio::io_context& io, Parts parts);

  // Effects
  void apply(const ha::ApplyStates& states) override;
  void apply(const ha::SetLease& lease) override;
  void multicast(ha::ViewId view, ha::Body body) override;
  void list_openers(const ha::ListOpeners& list) override;
  void apply(const ha::LeaveOpeners& leave) override;
  void forget_openers() override;
  void decide(const ha::DecideHeld& held) override;
  void destroy(const ha::DestroyFlows& flows) override;
  void tickle(const ha::Tickle& tickle) override;
  void ask_clients() override;
  void destroy(std::vector<netfilter::Flow> flows, ha::FlowKind kind);
  void log_destroyed(std::uint32_t number, ha::FlowKind kind);
  void send_tickles(const std::vector<ha::Client>& clients, std::function<void(std::size_t)> done);
  void save(const ha::Cluster& cluster) override;
  void record(const ha::Report& report) override;
  void record(const ha::Receipt& receipt) override;
  void end() override;
  void start_successor() override;

  // control::Backend
  control::Status status() override;
  control::Who who(const IpAddress& client) override;
  control::EventList events_after(std::uint64_t id, std::string_view run) override;
  control::ReceiptList receipts() override;
  Result<void> carry_out(control::OrderKind kind, const control::Order& order) override;
  Result<void> upgrade(const control::UpgradeOrder& order) override;
  std::string configuration() override;
  control::Version version() override;

  void open_hold();
  void note_neighbours(const Result<void>& kept);
  void watch_hold_rule();
  void without_hold(const Error& error);
  void on_program_asked(const Result<>& answer);
  void note_upgrade(const ha::Report& report);
  control::UpgradeStatus upgrade_status() const;
  void serve_control(control::ControlSocket socket);
  void open_metrics();
  void wait_for_signal(std::string_view answer);
  void on_ring_event(ha::Event event);
  void on_view(const ha::ViewChanged& view);
  void open_link_watch();
  void watch_links();
  void watch_links_after(Duration pause);
  void count_flows();
  struct FlowCount;
  void on_flow_count(FlowCount count);
  bool is_time_to_tell_clients();
  void arm_flow_timer();
  Result<void> open_front_watch();
  void watch_front();
  void on_front_check(const FrontCheck& check);
  void write_state();
  control::DataPlaneStatus data_plane_status() const;
  std::string corosync_status() const;
  std::string arbiter_status() const;
  metrics::MetricsInput metrics_input();
  void log(ha::Severity severity, std::string kind, std::string text);

  boost::asio::io_context& io_;
  config::Cluster config_;
  const config::Node& self_;
  UniqueFd front_lock_;
  SipKey key_;
  netfilter::DataPlane data_plane_;
  std::shared_ptr<netfilter::FlowInspector> inspector_;  // used by jobs of the worker only
  std::vector<IpAddress> vip_addresses_;
  std::shared_ptr<netfilter::FlowInspector> opener_inspector_;  // used by jobs of opener_worker_ only
  std::unique_ptr<Hold> hold_;                                  // empty: this node cannot hold openers
  std::shared_ptr<ClientList> client_list_;                     // used by jobs of the worker only
  ClientBook client_book_;
  std::unique_ptr<Tickler> tickler_;
  std::unique_ptr<FrontWatch> front_watch_;
  control::EventLog log_;
  Driver driver_;
  std::unique_ptr<corosync::CorosyncProcess> corosync_;
  std::unique_ptr<corosync::ArbiterClient> arbiter_;  // none: the rule for two nodes needs none
  std::unique_ptr<corosync::RingLink> ring_;
  DeadLinks dead_links_;
  std::unique_ptr<corosync::LinkWatch> link_watch_;
  std::optional<control::Server> control_server_;
  std::optional<control::Server> metrics_server_;
  boost::asio::steady_timer flow_timer_;
  boost::asio::steady_timer front_timer_;
  boost::asio::steady_timer rule_timer_;
  boost::asio::steady_timer link_timer_;
  boost::asio::signal_set signals_;

  enum class Saving : std::uint8_t { idle, writing, writing_and_stale } saving_ = Saving::idle;
  int exit_code_ = 0;
  Program program_;                     // that runs
  Program successor_;                   // that is asked, or shall run
  control::UpgradeStatus upgrade_;      // of this relaisd, or by which it came
  std::string front_trouble_;           // reported, until it changes
  std::string neighbour_trouble_;       // the same
  bool ended_ = false;                  // handlers that are on their way begin nothing new
  bool state_file_is_bad_ = false;      // reported, until a write succeeds again
  std::uint64_t count_generation_ = 0;  // a count that began before the role changed is not for the new role
  ha::Role last_role_ = ha::Role::outside;
  bool wanted_counts_ = false;
  std::chrono::microseconds last_takeover_{0};
  Instant clients_told_at_{};
  enum class Telling : std::uint8_t { going_on, begins } telling_ = Telling::begins;
  std::uint64_t clients_tickled_ = 0;
  std::size_t clients_unlisted_ = 0;  // of the last count
  std::uint64_t heartbeats_sent_ = 0;
  std::uint64_t heartbeats_delivered_ = 0;
  Instant heartbeat_at_{};  // the last one's delivery, of any node
  // Last: their jobs use the parts above. Files, and the firewall, have a thread of their own, because a disk that
  // hangs or a program that holds the firewall must not keep the connections from being counted, without which no node
  // joins; and a handover waits for its list of openers.
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Worker> file_worker_;
  std::unique_ptr<Worker> opener_worker_;
};

}  // namespace relais::node
