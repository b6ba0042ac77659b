// Clients that open connections at random times and keep them for a random time.
#include "tests/simulation/world.h"

namespace relais::simulation {

namespace {

using namespace std::chrono_literals;

}  // namespace

void World::open_connection() {
  if (mended_) return;  // so that leftovers come to an end
  scheduler_.after(1000000us / plan_.opens_per_second, [this] { open_connection(); });
  Connection connection{.vip = static_cast<std::uint8_t>(prng_.below(plan_.vips)),
                        .bucket = static_cast<std::uint8_t>(prng_.below(kBuckets)),
                        .opened_at = now()};
  for (SimNode& own : nodes_) {
    if (!own.has_lease(now()) || !own.data_plane.answering[connection.vip][connection.bucket]) continue;
    const std::uint64_t number = ++next_connection_;
    own.data_plane.connections.emplace(number, connection);
    ++own.data_plane.flows[connection.vip][connection.bucket];
    ++result_.connections;
    const Duration life = prng_.between(1, to_ms(plan_.longest_connection)) * 1ms;
    scheduler_.after(life, [this, id = own.id, number] { close_connection(id, number); });
    return;  // I1 is checked elsewhere
  }
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
    const bool dies = connection.vip == flows.vip.value() && flows.buckets[connection.bucket];
    if (dies) --node.data_plane.flows[connection.vip][connection.bucket];
    return dies;
  });
}

}  // namespace relais::simulation
