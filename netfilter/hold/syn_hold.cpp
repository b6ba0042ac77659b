// Decisions about held openers; see syn_hold.h.
#include "netfilter/hold/syn_hold.h"

#include "netfilter/hold/opener_packet.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace relais::netfilter {
namespace {

constexpr std::size_t kMostAtOnce = 512;  // then others on this thread have their turn

}  // namespace

SynHold::SynHold(const SynHoldSettings& settings, std::unique_ptr<HoldQueue> queue, DataPlaneView data_plane)
    : settings_(settings), queue_(std::move(queue)), data_plane_(std::move(data_plane)) {}

Result<SynHold> SynHold::open(const SynHoldSettings& settings, DataPlaneView data_plane) {
  auto queue = HoldQueue::open(settings.queue);
  if (!queue) return queue.error();
  return SynHold(settings, std::move(*queue), std::move(data_plane));
}

void SynHold::receive(Instant now) {
  const auto handler = [this](PacketNumber packet, std::span<const std::uint8_t> bytes) { take_in(packet, bytes); };
  if (queue_->receive(kMostAtOnce, handler) == HoldQueue::Drained::yes) last_empty_ = now;
}

void SynHold::take_in(PacketNumber packet, std::span<const std::uint8_t> bytes) {
  const auto opener = decode_opener(bytes);
  const std::optional<VipId> vip = opener ? find_vip(settings_.vips, opener->vip) : std::nullopt;
  if (!vip) {
    ++counters_.malformed;
    return queue_->decide(packet, Verdict::drop);
  }
  const FlowHash flow = flow_hash(
      settings_.key,
      {.client = opener->client, .vip = *vip, .client_port = opener->client_port, .vip_port = opener->vip_port});
  const auto replaced = held_.add({.packet = packet,
                                   .opener = {.id = opener_id(flow, opener->first_number),
                                              .vip = *vip,
                                              .bucket = bucket_of(settings_.key, opener->client)},
                                   .flow = flow,
                                   .came = last_empty_});
  ++counters_.held;
  if (replaced) refuse(*replaced, counters_.replaced);
}

void SynHold::tick(Instant now) {
  receive(now);
  for (const HeldOpener& held : held_.take_older(now - settings_.age)) refuse(held, counters_.expired);
  for (const Settling& ready : take_settling([&](const Settling& settling) { return settling.until <= now; }))
    let_in(ready.held, now);
}

std::vector<SynHold::Settling> SynHold::take_settling(const std::function<bool(const Settling&)>& is_meant) {
  const auto meant = std::ranges::partition(settling_, std::not_fn(is_meant));
  std::vector<Settling> taken(meant.begin(), meant.end());
  settling_.erase(meant.begin(), meant.end());
  return taken;
}

void SynHold::drop(Buckets buckets, Instant now) {
  receive(now);
  for (const HeldOpener& held : held_.take(buckets)) refuse(held, counters_.dropped);
  const auto is_meant = [&](const Settling& settling) { return is_in(settling.held.opener, buckets); };
  for (const Settling& settling : take_settling(is_meant)) refuse(settling.held, counters_.dropped);
}

void SynHold::release(Buckets buckets, Proof proof, Instant now) {
  receive(now);
  for (const HeldOpener& held : held_.take(buckets)) {
    // By the data plane's clock: `came` is earlier.
    const Instant settled = data_plane_.find(held.opener.id).since + settings_.settle;
    if (proof == Proof::listed || settled <= now) {
      let_in(held, now);
    } else {
      settling_.push_back({.held = held, .until = settled});
    }
  }
}

// Noted first: its answer would not leave otherwise, nor be named in a handover.
void SynHold::let_in(const HeldOpener& held, Instant now) {
  if (now - held.came > settings_.age) return refuse(held, counters_.expired);
  if (data_plane_.find(held.opener.id).fate != OpenerFate::held) return refuse(held, counters_.answered);
  if (!data_plane_.may_answer(held.opener)) return refuse(held, counters_.dropped);
  if (!data_plane_.note_accepted(held.opener)) return refuse(held, counters_.dropped);
  queue_->decide(held.packet, Verdict::accept);
  ++counters_.released;
}

void SynHold::refuse(const HeldOpener& held, std::uint64_t& counter) {
  queue_->decide(held.packet, Verdict::drop);
  ++counter;
}

}  // namespace relais::netfilter
