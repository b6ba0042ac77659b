// Wires netfilter/hold to the data plane and to the event loop.
#include "daemon/node/hold.h"

#include "base/clock.h"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace relais::node {

namespace {

static_assert(netfilter::SynHold::kPollInterval == ha::kHoldPoll, "the core reckons with the hold's interval");

constexpr Duration kSlack = std::chrono::milliseconds(500);  // the nodes' clocks and the ring's delay

netfilter::SynHold::DataPlaneView view_of(netfilter::DataPlane& data_plane) {
  auto table = std::make_shared<netfilter::OpenerTable>(data_plane.openers());
  return {.find =
              [table, &data_plane](OpenerId id) {
                const netfilter::OpenerNote note = table->find(id);
                // What waits in the hold has been looked at since it came; it is not forgotten with the rest.
                const bool waits = note.fate == netfilter::OpenerFate::held;
                return !waits && note.since < data_plane.openers_forgotten() ? netfilter::OpenerNote{} : note;
              },
          .note_accepted =
              [table](const Opener& opener) {
                return table->note({&opener, 1}, netfilter::OpenerFate::accepted, boot_now());
              },
          .may_answer =
              [&data_plane](const Opener& opener) {
                const BucketState state = data_plane.state(opener.vip, opener.bucket);
                const bool is_own = state == BucketState::serve || state == BucketState::adopt;
                return is_own && data_plane.lease() > boot_now();
              }};
}

std::uint64_t overflowed(std::uint16_t queue) {
  std::ifstream file("/proc/net/netfilter/nfnetlink_queue");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return netfilter::parse_queue_drops(text, queue);
}

// The flows that have a request socket.
std::set<netfilter::FlowHash> opening_flows(const std::vector<netfilter::Flow>& flows, const OpenerRequest& request) {
  std::set<netfilter::FlowHash> opening;
  for (const netfilter::Flow& flow : flows) {
    const std::optional<VipId> vip = find_vip(request.vips, flow.vip);
    if (!netfilter::is_half_open(flow) || !vip) continue;
    opening.insert(netfilter::flow_hash(
        request.key, {.client = flow.client, .vip = *vip, .client_port = flow.client_port, .vip_port = flow.vip_port}));
  }
  return opening;
}

}  // namespace

Hold::Hold(boost::asio::io_context& io, netfilter::SynHold hold, std::uint16_t queue)
    : hold_(std::move(hold)), queue_(queue), packets_(io, hold_.fd()), timer_(io) {
  hold_.receive(boot_now());
  wait_for_packets();
  wait_for_tick();
}

Hold::~Hold() { packets_.release(); }

Result<std::unique_ptr<Hold>> Hold::open(boost::asio::io_context& io, const HoldSettings& settings,
                                         netfilter::DataPlane& data_plane) {
  auto hold = netfilter::SynHold::open({.queue = {.number = settings.queue},
                                        .key = settings.key,
                                        .vips = settings.vips,
                                        .age = settings.timing.hold,
                                        .settle = settings.timing.hold_settle},
                                       view_of(data_plane));
  if (hold.has_error()) return hold.error();
  return std::unique_ptr<Hold>(new Hold(io, std::move(*hold), settings.queue));
}

void Hold::wait_for_packets() {
  packets_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    hold_.receive(boot_now());
    wait_for_packets();
  });
}

void Hold::wait_for_tick() {
  timer_.expires_after(netfilter::SynHold::kPollInterval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    hold_.tick(boot_now());
    wait_for_tick();
  });
}

void Hold::decide(const ha::DecideHeld& held) {
  switch (held.decision) {
    case ha::HeldDecision::drop: return hold_.drop(held.buckets, boot_now());
    case ha::HeldDecision::release: return hold_.release(held.buckets, netfilter::Proof::listed, boot_now());
    case ha::HeldDecision::release_unanswered:
      return hold_.release(held.buckets, netfilter::Proof::observed, boot_now());
  }
}

std::map<std::string, std::uint64_t> Hold::counters() const {
  const netfilter::HoldCounters& counters = hold_.counters();
  return {{"held", counters.held},           {"released", counters.released},   {"answered", counters.answered},
          {"dropped", counters.dropped},     {"expired", counters.expired},     {"replaced", counters.replaced},
          {"malformed", counters.malformed}, {"overflowed", overflowed(queue_)}};
}

Result<ha::OpenersListed> collect_openers(netfilter::FlowInspector& inspector, const netfilter::OpenerTable& table,
                                          const OpenerRequest& request) {
  if (const Result<> waited = netfilter::wait_for_packets_under_way(); waited.has_error()) return waited.error();
  const Result<std::vector<netfilter::Flow>> flows = inspector.list(request.vips);
  if (flows.has_error()) return flows.error();
  const Result<std::vector<netfilter::OpenerRecord>> records = table.list();
  if (records.has_error()) return records.error();
  const Instant now = boot_now();
  netfilter::OpenerList list = netfilter::list_openers(*records, {.buckets = request.list.buckets,
                                                                  .opening = opening_flows(*flows, request),
                                                                  .cut_off_until = request.list.cut_off_until,
                                                                  .now = now,
                                                                  .forgotten = request.forgotten,
                                                                  .window = request.hold + kSlack,
                                                                  .maximum = ha::kMaxOpeners});
  const Result<> kept = table.note(list.kept, netfilter::OpenerFate::kept, now);
  if (kept.has_error()) return kept.error();
  const Result<> given_up = table.note(list.given_up, netfilter::OpenerFate::elsewhere, now);
  if (given_up.has_error()) return given_up.error();
  return ha::OpenersListed{.move = request.list.move, .openers = std::move(list.openers), .complete = list.complete};
}

Result<> note_others_openers(const netfilter::OpenerTable& table, const std::vector<Opener>& openers) {
  std::vector<Opener> answered;
  std::vector<Opener> opening;
  for (const Opener& opener : openers) (opener.phase == OpenerPhase::opening ? opening : answered).push_back(opener);
  const Instant now = boot_now();
  if (const Result<> noted = table.note(answered, netfilter::OpenerFate::went_on, now); noted.has_error()) return noted;
  return table.note(opening, netfilter::OpenerFate::elsewhere, now);
}

}  // namespace relais::node
