// Which nodes the local Corosync hears over which heartbeat link. The ring goes on over the link that is left, so
// nothing else tells that one is dead until the next failure.
#pragma once

#include "base/ids.h"

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace relais::corosync {

// A heartbeat link to another node.
struct PeerLink {
  NodeId peer;
  std::uint32_t link = 0;
  auto operator<=>(const PeerLink&) const = default;
};

// Asks by a thread of its own: a frozen Corosync blocks it for ever, and nobody else.
class LinkWatch {
 public:
  // `links` are all that can be; `dead` is called on the io_context with those of them over which nothing is heard
  // (knet: no pong for its timeout), after each look. All of them, if Corosync is not there.
  LinkWatch(boost::asio::io_context& io, std::vector<PeerLink> links, std::function<void(std::vector<PeerLink>)> dead);
  LinkWatch(const LinkWatch&) = delete;
  LinkWatch& operator=(const LinkWatch&) = delete;

  // `dead` is not called any more. Does not wait for the thread, which owns what it uses.
  ~LinkWatch();

  // Looks once; nothing if the last look is not over. Only while the ring is calm, or there is nothing to lose:
  // Corosync answers from the thread that carries the token, and while it loses a node, knet may make that wait for
  // 50 ms. Of 12 times that cables were pulled, 3 saw the others' leases run out before the ring was there.
  void look();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

}  // namespace relais::corosync
