// The openers that wait, oldest first; one per flow. Pure: it knows numbers of packets, not the kernel's queue.
#pragma once

#include "base/ids.h"
#include "base/time.h"
#include "netfilter/plan/openers.h"

#include <bitset>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace relais::netfilter {

using PacketNumber = StrongId<struct PacketNumberTag, std::uint32_t>;  // of the kernel's queue

struct HeldOpener {
  PacketNumber packet;
  Opener opener;  // its phase means nothing here
  FlowHash flow;
  Instant came{};  // not later than it came
  bool operator==(const HeldOpener&) const = default;
};

class HeldOpeners {
 public:
  // Requires a `came` not before that of the last one. An older opener of the same flow gives way: it is returned.
  std::optional<HeldOpener> add(const HeldOpener& held);
  // Takes out what waits for these buckets (by VIP).
  std::vector<HeldOpener> take(std::span<const std::bitset<kBuckets>> buckets);
  // Takes out what came before.
  std::vector<HeldOpener> take_older(Instant than);

  std::size_t size() const { return by_flow_.size(); }

 private:
  std::list<HeldOpener> oldest_first_;
  std::map<FlowHash, std::list<HeldOpener>::iterator> by_flow_;
};

}  // namespace relais::netfilter
