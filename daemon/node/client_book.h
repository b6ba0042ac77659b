// The client book: approximately which connections the other nodes have, from their lists (ha::Clients). It decides
// nothing: it is for telling the clients of a node that died. Pure, and bounded whatever the others send.
#pragma once

#include "base/address.h"
#include "base/ids.h"
#include "base/node_set.h"
#include "base/time.h"
#include "daemon/node/client_set.h"
#include "ha/core/message.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace relais::node {

class ClientBook {
 public:
  static constexpr std::size_t kMaxPerNode = 65'536;

  void take(NodeId from, const ha::Clients& list);
  // The connections of `node` with that VIP whose clients are in these buckets.
  std::vector<ha::Client> clients_of(NodeId node, VipId vip, const ha::BucketSet& buckets, const SipKey& key) const;
  void forget(NodeId node) { pages_.erase(node); }
  // Forgets who has not been among the `present` for longer than `patience`.
  void forget_absent(NodeSet present, Instant now, Duration patience);

  std::size_t size() const;                           // of all nodes
  std::uint64_t gaps() const { return gaps_; }        // lists that were not delivered here
  std::uint64_t dropped() const { return dropped_; }  // connections that a full page did not take

 private:
  struct Page {
    ClientSet current;
    ClientSet earlier;           // told before the list began anew, until it is complete again
    std::uint32_t sequence = 0;  // of the last list; 0: none
    Instant absent_since{};      // Instant{}: present
    bool operator==(const Page&) const = default;
  };
  void add(Page& page, ClientSet clients);

  std::map<NodeId, Page> pages_;
  std::uint64_t gaps_ = 0;
  std::uint64_t dropped_ = 0;

 public:
  bool operator==(const ClientBook&) const = default;
};

}  // namespace relais::node
