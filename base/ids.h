// Strong identifiers. Two ids of different kinds never compare or convert.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace relais {

template <class Tag, class Rep>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  constexpr auto operator<=>(const StrongId&) const = default;

 private:
  Rep value_{};
};

using NodeId = StrongId<struct NodeIdTag, std::uint32_t>;     // Corosync's node id; 0 means "no node"
using VipId = StrongId<struct VipIdTag, std::uint8_t>;        // position of a VIP in the configuration, from 0
using BucketId = StrongId<struct BucketIdTag, std::uint8_t>;  // one of kBuckets slices of a VIP's clients
using Epoch = StrongId<struct EpochTag, std::uint64_t>;       // number of a change of the replicated state
using IfIndex = StrongId<struct IfIndexTag, std::uint32_t>;   // kernel interface index; 0 means "none"

inline constexpr std::size_t kBuckets = 256;  // a share can be moved in steps of 0.4 %
inline constexpr std::size_t kMaxNodes = 16;  // what one multicast segment and one ring carry well
inline constexpr std::size_t kMaxVips = 16;   // bounded by the data plane's maps (netfilter/abi)
inline constexpr NodeId kNoNode{};

}  // namespace relais

template <class Tag, class Rep>
struct std::hash<relais::StrongId<Tag, Rep>> {
  std::size_t operator()(const relais::StrongId<Tag, Rep>& id) const noexcept { return std::hash<Rep>{}(id.value()); }
};
