// What the data planes do with connection openers (netfilter/bpf/opener.h), and the holds of the daemons
// (netfilter/hold), on simulated time.
#include "tests/simulation/world.h"

#include <algorithm>

namespace relais::simulation {

namespace {

using namespace std::chrono_literals;

constexpr Duration kKept = 10s;            // RELAIS_OPENER_KEPT_NS
constexpr Duration kJustAccepted = 100ms;  // RELAIS_OPENER_ACCEPTED_NS
constexpr Duration kClaimSettles = 300ms;  // RELAIS_CLAIM_SETTLES_NS
constexpr Duration kPoll = 20ms;           // SynHold::kPollInterval
constexpr Duration kListSlack = 500ms;
constexpr Duration kAnswerAgain = 1s;

// nullptr: nothing is noted, or it is forgotten, or older than `limit`.
NotedOpener* noted(SimNode& node, std::uint64_t opener, Instant now, Duration limit) {
  const auto found = node.data_plane.openers.find(opener);
  if (found == node.data_plane.openers.end() || found->second.since < node.data_plane.openers_since) return nullptr;
  return now - found->second.since < limit ? &found->second : nullptr;
}

bool is_own(BucketState state) { return state == BucketState::serve || state == BucketState::adopt; }

// Whether the data plane looks for clients that go on in this bucket.
bool looks_on(const SimNode& node, const Client& client, Instant now) {
  const DataPlane& plane = node.data_plane;
  const BucketState state = plane.states[client.vip][client.bucket];
  const bool waits = now - plane.claimed_at < kClaimSettles || now >= plane.lease;
  return state == BucketState::shadow || (is_own(state) && waits);
}

bool is_opening(const SimNode& node, std::uint64_t opener) {
  const auto found = node.data_plane.connections.find(opener);
  return found != node.data_plane.connections.end() && !found->second.established;
}

}  // namespace

void World::receive_opener(SimNode& node, std::uint64_t opener) {
  const Client& client = clients_.at(opener);
  const BucketState state = node.data_plane.states[client.vip][client.bucket];
  if (options_.trace == Trace::on && state != BucketState::foreign) {
    trace("node " + std::to_string(node.id.value()) + " gets opener " + std::to_string(opener) + " of bucket " +
          std::to_string(client.bucket) + ": " + std::string(to_string(state)));
  }
  if (state == BucketState::foreign) return;
  const NotedOpener* note = noted(node, opener, node.clock.local(now()), kKept);
  const bool is_kept = note != nullptr && note->fate == Fate::kept && is_opening(node, opener);
  const bool is_elsewhere = note != nullptr && note->fate == Fate::elsewhere;
  if (is_own(state) && !node.has_lease(now())) return hold_opener(node, opener);
  if (state == BucketState::serve || (is_own(state) && !is_elsewhere)) return accept_opener(node, opener);
  if (is_own(state)) return;
  if (is_kept && node.has_lease(now())) return send_answer(node, opener);
  if (state == BucketState::shadow && !is_elsewhere) hold_opener(node, opener);
}

void World::hold_opener(SimNode& node, std::uint64_t opener) {
  const Instant local = node.clock.local(now());
  const Client& client = clients_.at(opener);
  const NotedOpener* note = noted(node, opener, local, plan_.timing.hold);
  if (note != nullptr && note->fate == Fate::held) return;
  node.data_plane.openers[opener] =
      NotedOpener{.fate = Fate::held, .since = local, .vip = client.vip, .bucket = client.bucket};
  // A frozen relaisd does not know how long they have waited when it wakes up, and drops them.
  if (node.daemon && !node.frozen)
    node.held[opener] = HeldOpener{.vip = client.vip, .bucket = client.bucket, .came = local};
}

void World::accept_opener(SimNode& node, std::uint64_t opener) {
  Client& client = clients_.at(opener);
  const NodeSet members = node.daemon ? node.daemon->cluster.members : NodeSet{};
  if (plan_.split == Split::both) {
    client.met_two_halves |= std::ranges::any_of(client.accepted_by, [&](const auto& acceptor) {
      const auto& [other, others] = acceptor;
      const bool lives_apart = this->node(other).up && !members.contains(other);
      return other != node.id && (!others.contains(node.id) || lives_apart);
    });
  }
  client.accepted_by[node.id] = members;
  DataPlane& plane = node.data_plane;
  plane.openers[opener] =
      NotedOpener{.fate = Fate::accepted, .since = node.clock.local(now()), .vip = client.vip, .bucket = client.bucket};
  if (plane.connections.contains(opener)) return;  // the same, sent again: its socket answers by itself
  plane.connections[opener] = Connection{.vip = client.vip, .bucket = client.bucket, .opener = opener};
  ++plane.flows[client.vip][client.bucket];
  ++result_.connections;
  const Duration life = prng_.between(1, to_ms(plan_.longest_connection)) * 1ms + client.way;
  scheduler_.after(life, [this, id = node.id, opener] { close_connection(id, opener); });
  send_answer(node, opener);
}

void World::note_claim(SimNode& node, const BucketStates& before, const BucketStates& after) {
  for (std::size_t i = 0; i < kBuckets; ++i) {
    if (before[i] == BucketState::shadow && is_own(after[i])) node.data_plane.claimed_at = node.clock.local(now());
  }
}

// A SYN-ACK, again after a second if the client does not go on.
void World::send_answer(SimNode& node, std::uint64_t opener) {
  const Client& client = clients_.at(opener);
  const Instant local = node.clock.local(now());
  const BucketState state = node.data_plane.states[client.vip][client.bucket];
  const NotedOpener* kept = noted(node, opener, local, kKept);
  const NotedOpener* accepted = noted(node, opener, local, is_own(state) ? kKept : kJustAccepted);
  const bool may =
      (kept != nullptr && kept->fate == Fate::kept) || (accepted != nullptr && accepted->fate == Fate::accepted);
  if (may && state != BucketState::foreign && node.is_reached() && node.has_lease(now()) && !is_lost())
    scheduler_.after(client.way / 2, [this, id = node.id, opener] { receive_answer(id, opener); });
  scheduler_.after(kAnswerAgain, [this, id = node.id, opener] {
    if (this->node(id).up && is_opening(this->node(id), opener)) send_answer(this->node(id), opener);
  });
}

// The client goes on, which all nodes see.
void World::receive_answer(NodeId from, std::uint64_t opener) {
  Client& client = clients_.at(opener);
  if (!client.met_two_halves) checks_.on_answer(from, client.answered_by, opener);
  if (client.answered_by.empty() && client.began >= Duration{}) {
    const Duration waited = now() - client.began - client.way;
    if (waited > plan_.timing.hold_settle)
      trace("opener " + std::to_string(opener) + " is answered after " + std::to_string(to_ms(waited)) + " ms");
    result_.longest_wait = std::max(result_.longest_wait, waited);
  }
  client.answered_by.insert(from);
  // On no node's port does it overtake the opener.
  scheduler_.after(client.way / 2 + kSpread, [this, from, opener] {
    for (SimNode& other : nodes_) {
      if (!other.is_reached()) continue;
      if (const auto found = other.data_plane.connections.find(opener);
          found != other.data_plane.connections.end() && other.id == from)
        found->second.established = true;
      if (!looks_on(other, clients_.at(opener), other.clock.local(now()))) continue;
      const auto note = other.data_plane.openers.find(opener);
      if (note != other.data_plane.openers.end() && note->second.fate == Fate::held) note->second.fate = Fate::went_on;
    }
  });
}

void World::list_openers(NodeId id, std::uint32_t process, const ha::ListOpeners& list) {
  SimNode& own = node(id);
  if (!own.daemon || own.process != process) return;
  if (own.frozen) {
    scheduler_.after(10ms, [this, id, process, list] { list_openers(id, process, list); });
    return;
  }
  const Instant local = own.clock.local(now());
  ha::OpenersListed listed{.move = list.move};
  for (auto& [opener, note] : own.data_plane.openers) {
    if (!list.buckets[note.vip][note.bucket] || note.since < own.data_plane.openers_since) continue;
    if (note.fate == Fate::elsewhere && is_opening(own, opener)) continue;  // given up by an earlier list
    const bool opening = is_opening(own, opener);
    const bool is_own_opener = note.fate == Fate::accepted || note.fate == Fate::kept;
    const bool is_recent = local - note.since < plan_.timing.hold + kListSlack;
    const bool is_others = note.fate == Fate::elsewhere && local - note.since < kKept;
    if (!is_others && (!is_own_opener || (!is_recent && !opening))) continue;
    if (!is_others && opening && note.since < list.cut_off_until) {
      note = {.fate = Fate::elsewhere, .since = local, .vip = note.vip, .bucket = note.bucket};
      continue;
    }
    listed.openers.push_back({.id = OpenerId(opener),
                              .vip = VipId(note.vip),
                              .bucket = BucketId(note.bucket),
                              .phase = opening || is_others ? OpenerPhase::opening : OpenerPhase::answered});
    if (is_own_opener && opening) note = {.fate = Fate::kept, .since = local, .vip = note.vip, .bucket = note.bucket};
  }
  step(own, listed);
}

void World::leave_openers(SimNode& node, const ha::LeaveOpeners& leave) {
  for (const Opener& opener : leave.openers) {
    node.data_plane.openers[opener.id.value()] =
        NotedOpener{.fate = opener.phase == OpenerPhase::opening ? Fate::elsewhere : Fate::went_on,
                    .since = node.clock.local(now()),
                    .vip = opener.vip.value(),
                    .bucket = opener.bucket.value()};
  }
}

void World::decide_held(SimNode& node, const ha::DecideHeld& decide) {
  const Instant local = node.clock.local(now());
  if (decide.decision == ha::HeldDecision::drop)
    std::erase_if(node.settling,
                  [&](const auto& entry) { return decide.buckets[entry.second.vip][entry.second.bucket]; });
  for (auto held = node.held.begin(); held != node.held.end();) {
    const auto [opener, entry] = *held;
    if (!decide.buckets[entry.vip][entry.bucket]) {
      ++held;
      continue;
    }
    held = node.held.erase(held);
    if (decide.decision == ha::HeldDecision::drop || local - entry.came > plan_.timing.hold) continue;
    const Duration settled = entry.came + plan_.timing.hold_settle - local;
    if (decide.decision == ha::HeldDecision::release || settled <= Duration{}) {
      let_in(node.id, opener);
    } else {
      node.settling[opener] = entry;
      scheduler_.after(settled + prng_.between(0, kPoll / 1us) * 1us,
                       [this, id = node.id, process = node.process, opener] { let_in_settled(id, process, opener); });
    }
  }
}

void World::let_in_settled(NodeId id, std::uint32_t process, std::uint64_t opener) {
  SimNode& own = node(id);
  if (!own.daemon || own.process != process) return;
  if (own.frozen) {
    scheduler_.after(kPoll, [this, id, process, opener] { let_in_settled(id, process, opener); });
    return;
  }
  const auto settled = own.settling.extract(opener);
  if (!settled.empty() && own.clock.local(now()) - settled.mapped().came <= plan_.timing.hold) let_in(id, opener);
}

void World::let_in(NodeId id, std::uint64_t opener) {
  SimNode& own = node(id);
  const Client& client = clients_.at(opener);
  // Held ones are not forgotten: it has looked on for as long as they have waited.
  const auto note = own.data_plane.openers.find(opener);
  if (note == own.data_plane.openers.end() || note->second.fate != Fate::held) return;
  if (!own.has_lease(now()) || !own.data_plane.answering[client.vip][client.bucket]) return;
  accept_opener(own, opener);
}

// What the map of the data plane would have given up, too.
void World::prune_openers(SimNode& node) {
  const Instant local = node.clock.local(now());
  std::erase_if(node.data_plane.openers, [&](const auto& entry) { return local - entry.second.since > kKept; });
  std::erase_if(node.held, [&](const auto& entry) { return local - entry.second.came > plan_.timing.hold; });
}

}  // namespace relais::simulation
