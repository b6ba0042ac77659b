// Fields that messages and the cluster's state share, as bytes: node ids, sets of nodes and of buckets.
#pragma once

#include "base/ids.h"
#include "base/node_set.h"
#include "ha/core/message.h"
#include "ha/wire/bytes.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace relais::wire {

// Bounds of times that others wait for on a node's word: of an announced lease, and of what follows from several.
inline constexpr std::uint32_t kLongestUpgrade_ms = 10'000;
inline constexpr std::uint32_t kLongestUnsure_ms = 60'000;

// Node ids are one byte: 1..63, or 0 for "no node" where the message allows it.
void write_node(Writer& out, NodeId node);
NodeId read_node(Reader& in, std::string_view field);
NodeId read_node_or_none(Reader& in, std::string_view field);

void write_node_set(Writer& out, NodeSet nodes);
NodeSet read_node_set(Reader& in, std::string_view field);

// One bit per bucket, bucket 0 the lowest bit of the first byte.
void write_buckets(Writer& out, const ha::BucketSet& buckets);
ha::BucketSet read_buckets(Reader& in, std::string_view field);

// One weight per VIP: how many, then each.
void write_weights(Writer& out, const std::vector<std::uint16_t>& weights);
std::vector<std::uint16_t> read_weights(Reader& in, std::string_view field);

// One byte.
void write_front(Writer& out, ha::Front front);
ha::Front read_front(Reader& in, std::string_view field);

// One byte, 0 or 1.
void write_flag(Writer& out, bool flag);  // tidy: allow bool-parameter: the flag is the value that is written
bool read_flag(Reader& in, std::string_view field);

}  // namespace relais::wire
