// Connection openers as values: their ids, what the data plane noted of them, and what an old owner tells the new one.
// Pure. netfilter/abi/opener.h defines ids and fates.
#pragma once

#include "base/address.h"
#include "base/ids.h"
#include "base/opener.h"
#include "base/siphash.h"
#include "base/time.h"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <vector>

namespace relais::netfilter {

// Who talks with which VIP. Ports as numbers.
struct FlowEnds {
  IpAddress client;
  VipId vip;
  std::uint16_t client_port = 0;
  std::uint16_t vip_port = 0;
};

using FlowHash = StrongId<struct FlowHashTag, std::uint64_t>;

// `buckets`: by VIP.
bool is_in(const Opener& opener, std::span<const std::bitset<kBuckets>> buckets);

FlowHash flow_hash(const SipKey& key, const FlowEnds& ends);

// `first_number`: the sequence number of the SYN.
OpenerId opener_id(FlowHash flow, std::uint32_t first_number);

enum class OpenerFate : std::uint8_t { unknown = 0, accepted = 1, held = 2, went_on = 3, kept = 4, elsewhere = 5 };

// What became of one opener, and when.
struct OpenerNote {
  OpenerFate fate = OpenerFate::unknown;
  Instant since{};
  bool operator==(const OpenerNote&) const = default;
};

struct OpenerRecord {
  Opener opener;  // its phase means nothing here
  FlowHash flow;  // FlowHash{}: not known
  OpenerFate fate = OpenerFate::unknown;
  Instant since{};
  bool operator==(const OpenerRecord&) const = default;
};

// What to list: buckets by VIP; flows that have a request socket; records from before `forgotten` do not count; who
// takes over holds what came within `window` at most. This node goes on with those that are still opening; but those
// from before `cut_off_until`, whose answers may not have reached their clients, are the new owner's.
struct ListRequest {
  std::span<const std::bitset<kBuckets>> buckets;
  std::set<FlowHash> opening;
  Instant cut_off_until{};
  Instant now{};
  Instant forgotten{};
  Duration window{};
  std::size_t maximum = 0;  // of openers in the list
};

struct OpenerList {
  std::vector<Opener> openers;
  std::vector<Opener> kept;      // of those: this node goes on with them, so their fate becomes `kept`
  std::vector<Opener> given_up;  // not among them: their fate becomes `elsewhere`
  bool complete = true;          // false: `maximum` was too small
};

// The openers that the new owner must not answer, those that are still opening first.
OpenerList list_openers(std::span<const OpenerRecord> records, const ListRequest& request);

}  // namespace relais::netfilter
