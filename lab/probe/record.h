// What the probe saw, event by event: plain values, from which report.h computes everything else.
#pragma once

#include "base/address.h"
#include "base/time.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace relais::probe {

enum class Outcome : std::uint8_t {
  ok,       // connected, and the echo came back
  failed,   // no connection, or no echo, within the time limit; or the network said "unreachable"
  refused,  // reset as the answer to the first packet
  reset,    // connected, then reset or closed by the other side before the echo came
};

using NodeIndex = std::uint8_t;  // into Record::nodes
inline constexpr NodeIndex kNobody = 0;

// One connection (or one datagram) that was tried.
struct Attempt {
  Instant start;
  std::optional<Duration> connect;  // from start (of TCP: from the SYN, where the kernel knows) to established;
                                    // absent: never. UDP: to the answer
  std::uint32_t source = 0;         // into Record::sources
  NodeIndex node = kNobody;         // who said its name
  Outcome outcome = Outcome::failed;
  std::uint8_t retransmitted = 0;  // SYNs that were sent again, at most 255
};

// A long-lived connection that was opened, or has ended although we did not end it.
struct LongOpened {
  Instant when;
  NodeIndex node = kNobody;
  bool again = false;  // in place of one that broke
};
struct LongBroken {
  Instant when;
  NodeIndex node = kNobody;
  Duration unheard{};  // since the last byte came back: how long the client did not know
};

// A connection that only listens was opened, or the other side has ended it.
struct IdleOpened {
  Instant when;
  NodeIndex node = kNobody;
};
enum class End : std::uint8_t { reset, closed };
struct IdleBroken {
  Instant when;
  NodeIndex node = kNobody;
  IpAddress source;
  End end = End::reset;
};

// A second answer to one datagram.
struct Duplicate {
  Instant when;
  std::uint32_t source = 0;
  NodeIndex node = kNobody;
};

struct PhaseStart {
  std::string name;
  Instant when;
};

struct Record {
  std::vector<std::string> nodes{"nobody"};  // names by NodeIndex
  std::vector<IpAddress> sources;
  std::vector<Attempt> attempts;  // in order of their end
  std::vector<LongOpened> long_opened;
  std::vector<LongBroken> long_broken;
  std::vector<IdleOpened> idle_opened;
  std::vector<IdleBroken> idle_broken;  // in order of time
  std::vector<Duplicate> duplicates;
  std::vector<PhaseStart> phases;  // in order; the first begins with the run
  Instant begin;
  Instant end;
  std::int64_t begin_wall_ms = 0;  // Unix time of `begin`
  Duration latest{};               // the largest delay of our own in starting a connection

  NodeIndex node_index(const std::string& name);  // adds an unknown name, up to 255
};

}  // namespace relais::probe
