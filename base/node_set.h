// A set of nodes as one word: node ids are 1..63 (daemon/config enforces it), so it is cheap to copy, compare and send.
#pragma once

#include "base/ids.h"
#include "base/invariant.h"

#include <bit>
#include <cstddef>
#include <cstdint>

namespace relais {

inline constexpr std::uint32_t kMaxNodeId = 63;

class NodeSet {
 public:
  constexpr NodeSet() = default;
  constexpr explicit NodeSet(std::uint64_t bits) : bits_(bits & ~std::uint64_t{1}) {}

  constexpr std::uint64_t bits() const { return bits_; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr std::size_t size() const { return static_cast<std::size_t>(std::popcount(bits_)); }
  constexpr bool contains(NodeId node) const {
    return node.value() <= kMaxNodeId && ((bits_ >> node.value()) & 1) != 0;
  }
  constexpr void insert(NodeId node) { bits_ |= bit(node); }
  constexpr void erase(NodeId node) { bits_ &= ~bit(node); }
  // The lowest-numbered node; kNoNode if the set is empty.
  constexpr NodeId lowest() const {
    return empty() ? kNoNode : NodeId(static_cast<std::uint32_t>(std::countr_zero(bits_)));
  }
  constexpr NodeSet operator&(NodeSet other) const { return NodeSet(bits_ & other.bits_); }
  constexpr NodeSet operator|(NodeSet other) const { return NodeSet(bits_ | other.bits_); }
  // The nodes that are here but not in `other`.
  constexpr NodeSet operator-(NodeSet other) const { return NodeSet(bits_ & ~other.bits_); }
  constexpr bool operator==(const NodeSet&) const = default;

  // Iterates in ascending order of id.
  class Iterator {
   public:
    using value_type = NodeId;
    using difference_type = std::ptrdiff_t;
    constexpr Iterator() = default;
    constexpr explicit Iterator(std::uint64_t rest) : rest_(rest) {}
    constexpr NodeId operator*() const { return NodeId(static_cast<std::uint32_t>(std::countr_zero(rest_))); }
    constexpr Iterator& operator++() {
      rest_ &= rest_ - 1;
      return *this;
    }
    constexpr Iterator operator++(int) {
      const Iterator before = *this;
      ++*this;
      return before;
    }
    constexpr bool operator==(const Iterator&) const = default;

   private:
    std::uint64_t rest_ = 0;
  };
  constexpr Iterator begin() const { return Iterator(bits_); }
  constexpr Iterator end() const { return Iterator(0); }

 private:
  static constexpr std::uint64_t bit(NodeId node) {
    INVARIANT(node.value() >= 1 && node.value() <= kMaxNodeId, "node ids are 1..63");
    return std::uint64_t{1} << node.value();
  }
  std::uint64_t bits_ = 0;
};

}  // namespace relais
