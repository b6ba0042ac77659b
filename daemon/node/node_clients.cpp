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
    const std::optional<VipId> vip = find_vip(vips, flow.vip);
    if (!vip) continue;
    clients.push_back({.vip = *vip, .vip_port = flow.vip_port, .port = flow.client_port, .address = flow.client});
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

// What is listed is destroyed only where the core still wants it then: a bucket may be this node's again meanwhile.
void Node::destroy(const ha::DestroyFlows& flows) {
  worker_->run(
      [inspector = inspector_, vip = vip_addresses_[flows.vip.value()]] {
        return inspector->list({&vip, 1});
      },
      [this, flows](Result<std::vector<netfilter::Flow>> found) {
        if (found.has_error()) return log(ha::Severity::error, "reset-failed", found.error().to_string());
        std::erase_if(*found, [&](const netfilter::Flow& flow) {
          const std::size_t bucket = bucket_of(key_, flow.client).value();
          const bool is_kind = flows.kind == ha::FlowKind::all || netfilter::is_half_open(flow);
          const BucketState state = driver_.state().applied[flows.vip.value()][bucket];
          const bool is_own = state == BucketState::serve || state == BucketState::adopt;
          return !flows.buckets[bucket] || !is_kind || is_own;
        });
        destroy(std::move(*found), flows.kind);
      });
}

void Node::destroy(std::vector<netfilter::Flow> flows, ha::FlowKind kind) {
  if (flows.empty()) return;
  worker_->run([inspector = inspector_, flows = std::move(flows)] { return inspector->destroy(flows); },
               [this, kind](const Result<std::uint32_t>& destroyed) {
                 if (destroyed.has_error())
                   return log(ha::Severity::error, "reset-failed", destroyed.error().to_string());
                 if (*destroyed > 0) log_destroyed(*destroyed, kind);
               });
}

void Node::log_destroyed(std::uint32_t number, ha::FlowKind kind) {
  if (kind == ha::FlowKind::half_open)
    return log(ha::Severity::info, "half-open",
               std::to_string(number) + " connections were ended that were never completed: their buckets have moved");
  const bool is_cut_off = driver_.state().front_lost_since != Instant{};
  log(ha::Severity::info, is_cut_off ? "front-limit" : "drain-limit",
      std::to_string(number) + " old connections were reset: " +
          (is_cut_off ? "the front has been dead for longer than the grace" : "the drain limit is over"));
}

void Node::tickle(const ha::Tickle& tickle) {
  const std::vector<ha::Client> clients = client_book_.clients_of(tickle.of, tickle.vip, tickle.buckets, key_);
  send_tickles(clients, [this, tickle](std::size_t sent) {
    log(ha::Severity::info, "tickled",
        "told " + std::to_string(sent) + " clients of " + name_of(config_, tickle.of) + " at " +
            config_.vips[tickle.vip.value()].name + " that their connections are over");
  });
}

void Node::ask_clients() {
  worker_->run([inspector = inspector_, vips = vip_addresses_] { return inspector->list(vips); },
               [this](Result<std::vector<netfilter::Flow>> flows) {
                 if (flows.has_error()) return log(ha::Severity::error, "count-failed", flows.error().to_string());
                 std::erase_if(*flows, netfilter::is_half_open);  // it would take that for an answer to its opener
                 if (flows->empty()) return;
                 send_tickles(clients_among(*flows, vip_addresses_), [this](std::size_t sent) {
                   log(ha::Severity::info, "asked-clients",
                       "asked " + std::to_string(sent) + " clients whether they still have their connections");
                 });
               });
}

void Node::send_tickles(const std::vector<ha::Client>& clients, std::function<void(std::size_t)> done) {
  std::vector<netfilter::TickleTarget> targets;
  for (const ha::Client& client : clients) {
    const IpAddress& address = vip_addresses_[client.vip.value()];
    if (client.address.family() != address.family()) continue;
    targets.push_back(
        {.vip = address, .vip_port = client.vip_port, .client = client.address, .client_port = client.port});
  }
  tickler_->tickle(std::move(targets), [this, done = std::move(done)](std::size_t sent) {
    clients_tickled_ += sent;
    done(sent);
  });
}

}  // namespace relais::node
