// The data plane's map of connection openers, for one thread at a time; others may use tables of their own.
#pragma once

#include "base/opener.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "netfilter/plan/openers.h"

#include <span>
#include <vector>

namespace relais::netfilter {

class OpenerTable {
 public:
  // `map`: a descriptor of `openers`.
  explicit OpenerTable(UniqueFd map) : map_(std::move(map)) {}

  // `unknown` if nothing is noted (any more).
  OpenerNote find(OpenerId id) const;
  // All records, in no order. About a millisecond for a full map.
  Result<std::vector<OpenerRecord>> list() const;
  // Notes the fate of each; what was noted before is replaced. `now`: the boot clock.
  Result<> note(std::span<const Opener> openers, OpenerFate fate, Instant now) const;

 private:
  UniqueFd map_;
};

// Returns when every packet that any processor was working on at the call is through the programs: what they had to
// note is noted. Takes some milliseconds.
Result<> wait_for_packets_under_way();

}  // namespace relais::netfilter
