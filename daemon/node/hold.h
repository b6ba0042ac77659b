// The SYN hold of this node on the event loop, and what a handover needs to know of connection openers.
#pragma once

#include "base/result.h"
#include "base/siphash.h"
#include "ha/core/action.h"
#include "ha/core/event.h"
#include "ha/core/timing.h"
#include "netfilter/hold/syn_hold.h"
#include "netfilter/loader/data_plane.h"
#include "netfilter/net/flows.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace relais::node {

struct HoldSettings {
  std::uint16_t queue = 0;
  SipKey key;
  std::vector<IpAddress> vips;  // position = VipId
  ha::Timing timing;
};

class Hold {
 public:
  // `io` and `data_plane` outlive it.
  static Result<std::unique_ptr<Hold>> open(boost::asio::io_context& io, const HoldSettings& settings,
                                            netfilter::DataPlane& data_plane);
  ~Hold();
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  void decide(const ha::DecideHeld& held);

  // Openers by what became of them: held, released, answered, dropped, expired, replaced, malformed, overflowed.
  std::map<std::string, std::uint64_t> counters() const;
  std::size_t size() const { return hold_.size(); }

 private:
  Hold(boost::asio::io_context& io, netfilter::SynHold hold, std::uint16_t queue);
  void wait_for_packets();
  void wait_for_tick();

  netfilter::SynHold hold_;
  std::uint16_t queue_;
  boost::asio::posix::stream_descriptor packets_;  // of hold_'s descriptor, which it does not own
  boost::asio::steady_timer timer_;
};

struct OpenerRequest {
  ha::ListOpeners list;
  std::vector<IpAddress> vips;  // position = VipId
  SipKey key;
  Duration hold{};      // for how long others may hold an opener
  Instant forgotten{};  // what was noted before does not count
};

// What this node has accepted, after its data plane has stopped accepting; those that are still opening stay with it.
// Takes some tens of milliseconds: not for the thread of the lease.
Result<ha::OpenersListed> collect_openers(netfilter::FlowInspector& inspector, const netfilter::OpenerTable& table,
                                          const OpenerRequest& request);

// Notes what previous owners have accepted: held ones of these are not let in, and those still opening are left alone.
Result<> note_others_openers(const netfilter::OpenerTable& table, const std::vector<Opener>& openers);

}  // namespace relais::node
