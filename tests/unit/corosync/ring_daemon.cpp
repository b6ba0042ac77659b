// A small daemon for ring_test.py: runs Corosync and the ring's link as relaisd does, sends a heartbeat every 20 ms and
// writes what happens to standard output, a JSON object per line, with the boot clock in milliseconds.
//
//   ring_daemon SELF TOKEN_MS NODES DIRECTORY     node N has the links 192.0.2.N and 198.51.100.N; of two nodes the
//                                                 lowest stays quorate
//
// Standard input: "stop" ends Corosync and then the daemon, "status" writes a line about both. SIGTERM ends the daemon
// alone.
//
//   ring_daemon garbage SELF                      joins the group, sends garbage and ends
#include "base/clock.h"
#include "ha/corosync/link.h"
#include "ha/corosync/process.h"
#include "ha/corosync/render.h"
#include "ha/corosync/ring_connection.h"
#include "netfilter/net/neighbours.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>

namespace relais::corosync {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct Options {
  NodeId self;
  Duration token{};
  std::uint32_t nodes = 0;
  std::string directory;
};

std::string json_text(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return '"' + escaped + '"';
}

std::string list(NodeSet nodes) {
  std::string text;
  for (const NodeId node : nodes) text += (text.empty() ? "" : ",") + std::to_string(node.value());
  return "[" + text + "]";
}

void say(const std::string& kind, const std::string& fields) {
  std::printf("{\"at\":%lld,\"kind\":%s%s%s}\n", static_cast<long long>(to_ms(boot_now().time_since_epoch())),
              json_text(kind).c_str(), fields.empty() ? "" : ",", fields.c_str());
  std::fflush(stdout);
}

std::vector<IpAddress> links_of(NodeId node) {
  const auto low = static_cast<std::uint8_t>(node.value());
  return {IpAddress::v4({192, 0, 2, low}), IpAddress::v4({198, 51, 100, low})};
}

RingSetup setup_of(const Options& options) {
  RingSetup setup{.cluster_name = "rlsco",
                  .nodes = {},
                  .token = options.token,
                  .two_node = TwoNodeRule::lowest,
                  .key_file = "/etc/corosync/authkey"};
  for (std::uint32_t id = 1; id <= options.nodes; ++id) {
    setup.nodes.push_back({.id = NodeId(id), .name = "n" + std::to_string(id), .links = links_of(NodeId(id))});
  }
  return setup;
}

ProcessSettings process_settings_of(const Options& options) {
  ProcessSettings settings;
  settings.configuration = render_corosync_conf(setup_of(options));
  settings.authkey.assign(256, 0x5a);
  settings.run_directory = "/run/relais";
  settings.log_file = options.directory + "/corosync-" + std::to_string(options.self.value()) + ".log";
  return settings;
}

class RingDaemon {
 public:
  explicit RingDaemon(const Options& options)
      : process_(io_, process_settings_of(options), [](const ha::Report& r) { report(r); }),
        beat_(io_),
        commands_(io_, ::dup(STDIN_FILENO)),
        signals_(io_, SIGTERM) {
    if (const auto kept = netfilter::keep_neighbours(links_of(options.self)); !kept)
      say("error", "\"text\":" + json_text(kept.error().what));
    link_.emplace(
        io_,
        LinkSettings{.self = options.self, .votes = votes_of(options.nodes, TwoNodeRule::lowest), .group = "rlsco"},
        LinkHandlers{.event = [this](const ha::Event& event) { take(event); },
                     .report = [](const ha::Report& r) { report(r); }});
  }

  void run() {
    process_.start();
    next_beat();
    next_command();
    signals_.async_wait([this](auto, int) { end(); });
    io_.run();
    const Instant before = boot_now();
    link_.reset();
    say("ended", "\"waited_ms\":" + std::to_string(to_ms(boot_now() - before)));
  }

 private:
  static void report(const ha::Report& report) {
    say(report.kind, "\"node\":" + std::to_string(report.node.value()) + ",\"text\":" + json_text(report.text));
  }

  void take(const ha::Event& event) {
    if (const auto* delivered = std::get_if<ha::Delivered>(&event)) {
      const auto* heartbeat = std::get_if<ha::Heartbeat>(&delivered->message.body);
      if (heartbeat == nullptr) return;
      messages_ += std::to_string(delivered->from.value()) + "/" + std::to_string(heartbeat->sequence) + " ";
    } else if (const auto* lost = std::get_if<ha::RingLost>(&event)) {
      end_view();
      say("lost", "\"text\":" + json_text(lost->why));
    } else if (const auto* view = std::get_if<ha::ViewChanged>(&event)) {
      end_view();
      view_ = view->view;
      say_view(*view);
    }
  }

  static void say_view(const ha::ViewChanged& view) {
    std::string left;
    for (const auto& one : view.left) {
      const bool node_down = one.reason == ha::LeaveReason::node_down;
      left +=
          (left.empty() ? "" : ",") + json_text(std::to_string(one.node.value()) + (node_down ? ":node" : ":daemon"));
    }
    say("view", "\"view\":" + std::to_string(view.view.value()) + ",\"members\":" + list(view.members) +
                    ",\"joined\":" + list(view.joined) + ",\"left\":[" + left +
                    "],\"quorate\":" + (view.quorate ? "true" : "false") +
                    ",\"quorum\":" + std::to_string(view.quorum) + ",\"expected\":" + std::to_string(view.expected));
  }

  void end_view() {
    if (view_) say("messages", "\"view\":" + std::to_string(view_->value()) + ",\"list\":" + json_text(messages_));
    messages_.clear();
    view_.reset();
  }

  void next_beat() {
    beat_.expires_after(20ms);
    beat_.async_wait([this](const boost::system::error_code& code) {
      if (code) return;
      const Instant now = boot_now();
      if (last_beat_ != Instant{}) longest_gap_ = std::max(longest_gap_, now - last_beat_);
      last_beat_ = now;
      // Refused while the ring is away; the status line counts it.
      if (view_) static_cast<void>(link_->send({.view = *view_, .body = ha::Heartbeat{.sequence = ++sequence_}}));
      next_beat();
    });
  }

  void next_command() {
    asio::async_read_until(commands_, asio::dynamic_buffer(line_), '\n',
                           [this](const boost::system::error_code& code, std::size_t size) {
                             if (code) return;
                             const std::string command = line_.substr(0, size - 1);
                             line_.erase(0, size);
                             if (command == "stop") process_.stop([this] { end(); });
                             if (command == "status") say_status();
                             next_command();
                           });
  }

  // Also forgets the longest gap, so that the next line is about the time since this one.
  void say_status() {
    const LinkStatus link = link_->status();
    const ProcessStatus process = process_.status();
    const std::uint32_t interval =
        link.timers && !link.timers->links.empty() ? link.timers->links[0].ping_interval_ms : 0;
    say("status",
        "\"corosync\":" + std::to_string(process.process) + ",\"adopted\":" + (process.adopted ? "true" : "false") +
            ",\"phase\":" + json_text(std::string(to_string(process.phase))) + ",\"gap_ms\":" +
            std::to_string(to_ms(longest_gap_)) + ",\"connected\":" + (link.connected ? "true" : "false") +
            ",\"in\":" + std::to_string(link.messages_in) + ",\"out\":" + std::to_string(link.messages_out) +
            ",\"refused\":" + std::to_string(link.refused) + ",\"realtime\":" + (link.realtime ? "true" : "false") +
            ",\"token_ms\":" + std::to_string(link.timers ? link.timers->token_ms : 0) +
            ",\"ping_interval_ms\":" + std::to_string(interval));
    longest_gap_ = {};
  }

  void end() {
    end_view();
    io_.stop();
  }

  asio::io_context io_;
  CorosyncProcess process_;
  std::optional<RingLink> link_;
  asio::steady_timer beat_;
  asio::posix::stream_descriptor commands_;
  asio::signal_set signals_;
  std::string line_;
  std::optional<ha::ViewId> view_;
  std::string messages_;  // delivered in the view: "FROM/SEQUENCE "
  std::uint64_t sequence_ = 0;
  Instant last_beat_{};
  Duration longest_gap_{};
};

int send_garbage(NodeId self) {
  const wire::Bytes garbage(40, 0xee);
  auto connection = RingConnection::open("rlsco", self);
  return connection && (*connection)->send(garbage) ? 0 : 1;
}

}  // namespace
}  // namespace relais::corosync

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "garbage") {
    return relais::corosync::send_garbage(relais::NodeId(static_cast<std::uint32_t>(std::stoul(argv[2]))));
  }
  if (argc != 5) {
    std::fprintf(stderr, "usage: ring_daemon SELF TOKEN_MS NODES DIRECTORY\n");
    return 2;
  }
  const relais::corosync::Options options{.self = relais::NodeId(static_cast<std::uint32_t>(std::stoul(argv[1]))),
                                          .token = std::chrono::milliseconds(std::stoul(argv[2])),
                                          .nodes = static_cast<std::uint32_t>(std::stoul(argv[3])),
                                          .directory = argv[4]};
  relais::corosync::RingDaemon(options).run();
  return 0;
}
