// The node and its clients' connections: counting, resetting and telling them, and telling the other nodes of them.
#include "base/clock.h"
#include "daemon/node/node.h"
#include "daemon/node/view.h"

#include <algorithm>
#include <span>
#include <utility>

namespace relais::node {

namespace {

constexpr std::chrono::milliseconds kTellInterval{900};  // once a second: each count, but for the hurried ones
// Who has been gone for longer than a grace and this was taken over long ago.
constexpr std::chrono::seconds kBookPatience{60};

std::vector<ha::Client> clients_among(std::span<const netfilter::Flow> flows, std::span<const IpAddress> vips) {
  std::vector<ha::Client> clients;
  clients.reserve(flows.size());
  for (const netfilter::Flow& flow : flows) {
    const auto vip = std::ranges::find(vips, flow.vip);
    if (vip == vips.end()) continue;
    clients.push_back({.vip = VipId(static_cast<std::uint8_t>(vip - vips.begin())),
                       .vip_port = flow.vip_port,
                       .port = flow.client_port,
                       .address = flow.client});
  }
  return clients;
}

}  // namespace

// Who comes in knows nothing of this node's connections, and may have missed some of what was told.
void Node::on_view(const ha::ViewChanged& view) {
  if (!view.joined.empty()) telling_ = Telling::begins;
}

// What one dump of the kernel's connections gave.
struct Node::FlowCount {
  Result<netfilter::FlowCounts> counts;
  std::vector<ha::Clients> lists;
  std::size_t unlisted = 0;
};

// As long as its front is lost, what others know of this node's connections stays as it is: when they end here, it is
// because their clients could not be reached, and the others are to tell them.
bool Node::is_time_to_tell_clients() {
  const ha::State& state = driver_.state();
  const Instant now = boot_now();
  if (state.role != ha::Role::member || state.front_lost_since != Instant{}) return false;
  if (state.front == ha::Front::no_carrier || now < clients_told_at_ + kTellInterval) return false;
  clients_told_at_ = now;
  return true;
}

void Node::count_flows() {
  flow_timer_.cancel();
  const std::uint64_t generation = ++count_generation_;
  const auto job = [inspector = inspector_, vips = vip_addresses_, key = key_, list = client_list_,
                    tells = is_time_to_tell_clients(), begins = std::exchange(telling_, Telling::going_on)] {
    if (begins == Telling::begins) list->begin_anew();
    const auto flows = inspector->list(vips);
    if (flows.has_error()) return FlowCount{.counts = flows.error(), .lists = {}};
    FlowCount count{.counts = netfilter::count_flows(*flows, vips, key), .lists = {}};
    if (tells) count.lists = list->tell(clients_among(*flows, vips));
    count.unlisted = list->unlisted();
    return count;
  };
  worker_->run(job, [this, generation](FlowCount count) {
    if (generation == count_generation_ && count.counts.has_value())
      driver_.feed(ha::FlowsCounted{std::move(*count.counts)});
    on_flow_count(std::move(count));
    arm_flow_timer();
  });
}

void Node::on_flow_count(FlowCount count) {
  if (count.counts.has_error()) log(ha::Severity::error, "count-failed", count.counts.error().to_string());
  clients_unlisted_ = count.unlisted;
  const ha::State& state = driver_.state();
  for (ha::Clients& list : count.lists) {
    if (!ring_ || ring_->send({.view = state.view.view, .body = std::move(list)}).has_error())
      telling_ = Telling::begins;
  }
  client_book_.forget_absent(state.view.members, boot_now(), config_.timing.grace + kBookPatience);
}

void Node::destroy(const ha::DestroyFlows& flows) {
  worker_->run(
      [inspector = inspector_, vip = vip_addresses_[flows.vip.value()], buckets = flows.buckets, key = key_,
       which = flows.kind == ha::FlowKind::all ? netfilter::Which::all : netfilter::Which::half_open] {
        return inspector->destroy(vip, buckets, key, which);
      },
      [this, kind = flows.kind](const Result<std::uint32_t>& destroyed) {
        if (destroyed.has_error()) return log(ha::Severity::error, "reset-failed", destroyed.error().to_string());
        if (kind == ha::FlowKind::half_open) return log_half_open(*destroyed);
        const bool is_cut_off = driver_.state().front_lost_since != Instant{};
        log(ha::Severity::info, is_cut_off ? "front-limit" : "drain-limit",
            std::to_string(*destroyed) + " old connections were reset: " +
                (is_cut_off ? "the front has been dead for longer than the grace" : "the drain limit is over"));
      });
}

void Node::log_half_open(std::uint32_t ended) {
  if (ended == 0) return;
  log(ha::Severity::info, "half-open",
      std::to_string(ended) +
          " connections that their clients have not completed were ended: their buckets have moved");
}

void Node::tickle(const ha::Tickle& tickle) {
  if (tickle.of == driver_.state().settings.self) return tickle_own(tickle);
  send_tickles(tickle, client_book_.clients_of(tickle.of, tickle.vip, tickle.buckets, key_));
}

void Node::tickle_own(const ha::Tickle& tickle) {
  worker_->run([inspector = inspector_, vips = vip_addresses_] { return inspector->list(vips); },
               [this, tickle](const Result<std::vector<netfilter::Flow>>& flows) {
                 if (flows.has_error()) return log(ha::Severity::error, "count-failed", flows.error().to_string());
                 std::vector<ha::Client> clients = clients_among(*flows, vip_addresses_);
                 std::erase_if(clients, [&](const ha::Client& client) { return client.vip != tickle.vip; });
                 send_tickles(tickle, clients);
               });
}

void Node::send_tickles(const ha::Tickle& tickle, const std::vector<ha::Client>& clients) {
  const IpAddress& address = vip_addresses_[tickle.vip.value()];
  std::vector<netfilter::TickleTarget> targets;
  for (const ha::Client& client : clients) {
    if (client.address.family() != address.family()) continue;
    targets.push_back(
        {.vip = address, .vip_port = client.vip_port, .client = client.address, .client_port = client.port});
  }
  const bool is_own = tickle.of == driver_.state().settings.self;
  const std::string vip = config_.vips[tickle.vip.value()].name;
  tickler_->tickle(std::move(targets), [this, is_own, of = tickle.of, vip](std::size_t sent) {
    clients_tickled_ += sent;
    const std::string told = std::to_string(sent) + " clients of " + name_of(config_, of) + " at " + vip;
    log(ha::Severity::info, "tickled",
        is_own ? "asked " + told + " whether they still have their connections"
               : "told " + told + " that their connections are over");
  });
}

}  // namespace relais::node
