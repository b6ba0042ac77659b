// What the node looks after while it serves: the hold's rule in the firewall, the front, the heartbeat links.
#include "base/clock.h"
#include "daemon/node/node.h"
#include "daemon/node/node_start.h"

#include <chrono>
#include <utility>

namespace relais::node {

namespace {

constexpr std::chrono::milliseconds kFrontInterval{1000};
constexpr std::chrono::seconds kRuleInterval{10};
constexpr std::chrono::seconds kLinkInterval{5};
constexpr std::chrono::milliseconds kLinkRetry{15};  // not in step with the heartbeats
constexpr std::chrono::milliseconds kCalm{10};       // heartbeats come each 20 ms, those of all nodes together
constexpr std::chrono::seconds kLinkPatience{3};

}  // namespace

// The rule first, so that nothing marked meets a firewall without it.
void Node::open_hold() {
  const Result<netfilter::QueueRule> rule = hold_rule(self_);
  if (rule.has_error()) return without_hold(rule.error());
  const auto added = netfilter::add_queue_rule(*rule);
  if (added.has_error()) return without_hold(added.error());
  Result<std::unique_ptr<Hold>> hold = Hold::open(
      io_, {.queue = rule->queue, .key = key_, .vips = vip_addresses_, .timing = driver_.state().settings.timing},
      data_plane_);
  if (hold.has_error()) return without_hold(hold.error());
  hold_ = std::move(*hold);
  watch_hold_rule();
}

void Node::without_hold(const Error& error) {
  hold_.reset();
  const Result<> off = data_plane_.set_hold(netfilter::HoldSwitch::off);
  log(ha::Severity::error, "no-hold",
      error.to_string() +
          "; this node serves all the same, but clients that open in the moment of a takeover wait for "
          "TCP's retry" +
          (off.has_error() ? "; " + off.error().to_string() : ""));
}

// Somebody may load a firewall of his own.
void Node::watch_hold_rule() {
  if (ended_ || !hold_) return;
  rule_timer_.expires_after(kRuleInterval);
  rule_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || ended_) return;
    file_worker_->run(  // another program may hold the firewall for seconds
        [self = self_]() -> Result<netfilter::RuleChange> {
          const Result<netfilter::QueueRule> rule = hold_rule(self);
          if (rule.has_error()) return rule.error();
          return netfilter::add_queue_rule(*rule);
        },
        [this](const Result<netfilter::RuleChange>& change) {
          // It may be there all the same; without it what is held would be refused an answer, not let through.
          if (change.has_error()) {
            log(ha::Severity::warning, "hold-rule-unsure", change.error().to_string() + "; asking again");
          } else if (*change == netfilter::RuleChange::added) {
            log(ha::Severity::warning, "hold-rule-put-back", "the SYN hold's firewall rule was gone: put back");
          }
          watch_hold_rule();
        });
  });
}

Result<void> Node::open_front_watch() {
  Result<std::unique_ptr<FrontWatch>> watch = FrontWatch::open(
      io_, self_, config_.timing.gateway_interval,
      {.front = [this](ha::Front front) { driver_.feed(ha::FrontObserved{front}); },
       .no_probe = [this](const Error& error) { log(ha::Severity::warning, "no-gateway-check", error.to_string()); }});
  if (watch.has_error()) return watch.error();
  front_watch_ = std::move(*watch);
  return {};
}

void Node::watch_front() {
  if (ended_) return;
  front_timer_.expires_after(kFrontInterval);
  front_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error || ended_) return;
    worker_->run([config = config_, self = self_, mode = data_plane_.mode()] { return mend_front(config, self, mode); },
                 [this](FrontCheck check) {
                   if (check.gateways) front_watch_->set_routed_gateways(std::move(*check.gateways));
                   on_front_check(check);
                   note_neighbours(check.neighbours);
                   watch_front();
                 });
  });
}

void Node::on_front_check(const FrontCheck& check) {
  for (const IpAddress& vip : check.put_back) {
    log(ha::Severity::warning, "address-put-back",
        vip.to_string() + " was not on " + self_.interface + " any more (taken off, or the interface was down)");
  }
  const std::string trouble = check.trouble ? check.trouble->to_string() : "";
  if (trouble != front_trouble_) {
    if (check.trouble) log(ha::Severity::error, "front-trouble", trouble);
    if (!check.trouble) log(ha::Severity::info, "front-well", self_.interface + " is well again");
    front_trouble_ = trouble;
  }
  if (!check.unguarded || exit_code_ != 0) return;
  exit_code_ = 1;
  log(ha::Severity::error, "unguarded",
      "somebody took the data plane off " + self_.interface + " (" + check.unguarded->to_string() +
          "): handing the share over and ending; the next start puts it back");
  driver_.feed(ha::StopRequested{});
}

// What hinders it is said once.
void Node::note_neighbours(const Result<void>& kept) {
  const std::string trouble = kept ? std::string() : kept.error().to_string();
  if (!kept && trouble != neighbour_trouble_) log(ha::Severity::warning, "neighbours-not-kept", trouble);
  neighbour_trouble_ = trouble;
}

void Node::open_link_watch() {
  std::vector<corosync::PeerLink> links;
  for (const config::Node& node : config_.nodes) {
    for (std::uint32_t link = 0; link < node.links.size() && node.id != self_.id; ++link)
      links.push_back({.peer = node.id, .link = link});
  }
  link_watch_ =
      std::make_unique<corosync::LinkWatch>(io_, std::move(links), [this](const std::vector<corosync::PeerLink>& dead) {
        for (const ha::Report& report : dead_links_.look(dead, driver_.state().view.members)) record(report);
      });
  watch_links_after(kLinkPatience);  // until it is a member
}

// While the ring carries heartbeats, or has not for long.
void Node::watch_links() {
  const Duration silent = boot_now() - heartbeat_at_;
  const bool may_look = silent < kCalm || silent > kLinkPatience;
  if (may_look) link_watch_->look();
  watch_links_after(may_look ? Duration(kLinkInterval) : Duration(kLinkRetry));
}

void Node::watch_links_after(Duration pause) {
  if (ended_) return;
  link_timer_.expires_after(pause);
  link_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !ended_) watch_links();
  });
}

}  // namespace relais::node
