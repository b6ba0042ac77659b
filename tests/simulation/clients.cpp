// Clients that open connections at random times and keep them for a random time. An opener that is not answered is sent
// again each second, as Linux does.
#include "tests/simulation/world.h"

namespace relais::simulation {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kTries = 5;

}  // namespace

void World::open_connection() {
  if (mended_) return;  // so that leftovers come to an end
  scheduler_.after(1000000us / plan_.opens_per_second, [this] { open_connection(); });
  const std::uint64_t opener = ++next_opener_;
  clients_[opener] = Client{.vip = static_cast<std::uint8_t>(prng_.below(plan_.vips)),
                            .bucket = static_cast<std::uint8_t>(prng_.below(kBuckets)),
                            .began = now(),
                            .way = prng_.between(100, to_ms(plan_.longest_way) * 1000) * 1us,
                            .accepted_by = {},
                            .answered_by = {}};
  send_opener(opener);
}

void World::send_opener(std::uint64_t opener) {
  Client& client = clients_.at(opener);
  if (!client.answered_by.empty()) return;
  if (client.sent == kTries) {
    result_.unanswered += client.began >= Duration{};  // tried for as long as the cluster took to stand: not owed
    return;
  }
  const bool is_owed = client.began >= Duration{} && checks_.has_stood();  // before the cluster stands nobody is
  if (!client.has_come) client.began = is_owed ? now() : Duration{-1};
  ++client.sent;
  // The switch gives the frame to all nodes; each takes its time with it.
  for (const SimNode& own : nodes_) {
    if (is_lost()) continue;
    scheduler_.after(client.way / 2 + prng_.between(0, kSpread / 1us) * 1us, [this, id = own.id, opener] {
      if (!node(id).is_reached()) return;
      clients_.at(opener).has_come = true;
      receive_opener(node(id), opener);
    });
  }
  scheduler_.after(1s, [this, opener] { send_opener(opener); });
}

void World::close_connection(NodeId id, std::uint64_t connection) {
  DataPlane& plane = node(id).data_plane;
  const auto found = plane.connections.find(connection);
  if (found == plane.connections.end()) return;  // the node has crashed since, or it was destroyed
  --plane.flows[found->second.vip][found->second.bucket];
  plane.connections.erase(found);
}

void World::destroy_flows(SimNode& node, const ha::DestroyFlows& flows) {
  std::erase_if(node.data_plane.connections, [&](const auto& entry) {
    const Connection& connection = entry.second;
    const bool is_meant = flows.kind == ha::FlowKind::all || !connection.established;
    const bool dies = is_meant && connection.vip == flows.vip.value() && flows.buckets[connection.bucket];
    if (dies) --node.data_plane.flows[connection.vip][connection.bucket];
    return dies;
  });
}

}  // namespace relais::simulation
