// The SYN hold: connection openers of buckets that this node may own soon wait here, and are let in when it does.
//
//   data plane: opener of a `shadow` bucket -> marker -> rule (queue_rule.h) -> queue (hold_queue.h) -> here
//
// All nodes get every SYN; the owner answers, the others drop it, and the one that would take the bucket over holds it.
// If the owner dies, what it did not answer is let in at once, and no client waits for TCP's retry after a second. If
// it lives, what is held is dropped when its time is up. Nothing is let in by default: not by age, not by number, not
// when this process dies, hangs or lags.
#pragma once

#include "base/result.h"
#include "base/siphash.h"
#include "base/time.h"
#include "netfilter/hold/held_openers.h"
#include "netfilter/hold/hold_queue.h"

#include <bitset>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace relais::netfilter {

struct SynHoldSettings {
  HoldQueueSettings queue;
  SipKey key;                   // of the cluster
  std::vector<IpAddress> vips;  // position = VipId
  Duration age{};               // what has waited longer is dropped
  Duration settle{};            // see Proof::observed
};

// Why nobody else answers what is let in.
enum class Proof : std::uint8_t {
  listed,    // the previous owner has said what it accepted, and that is noted in the data plane
  observed,  // the previous owner is dead, but may have answered before: its clients have not gone on `settle` after
             // they sent the opener. What is younger waits until then.
};

struct HoldCounters {
  std::uint64_t held = 0;
  std::uint64_t released = 0;   // let in
  std::uint64_t answered = 0;   // not let in: another node had answered, or may have
  std::uint64_t dropped = 0;    // not let in: the bucket was not this node's to answer after all
  std::uint64_t expired = 0;    // waited their time: the owner lives
  std::uint64_t replaced = 0;   // by a later opener of the same flow
  std::uint64_t malformed = 0;  // marked, but no opener for a VIP
  bool operator==(const HoldCounters&) const = default;
};

class SynHold {
 public:
  using Buckets = std::span<const std::bitset<kBuckets>>;  // by VIP

  // What the hold asks of the data plane.
  struct DataPlaneView {
    std::function<OpenerNote(OpenerId)> find;  // since: when it came
    std::function<Result<>(const Opener&)> note_accepted;
    std::function<bool(const Opener&)> may_answer;  // bucket and lease are this node's
  };

  static Result<SynHold> open(const SynHoldSettings& settings, DataPlaneView data_plane);

  int fd() const { return queue_->fd(); }

  // Takes in what has come. To be called when fd() is readable, and at least every kPollInterval: an opener counts as
  // having come when the queue was last seen empty, so that a process that stood still never lets in old ones.
  void receive(Instant now);
  // Drops what has waited too long, and lets in what has settled.
  void tick(Instant now);

  void drop(Buckets buckets, Instant now);
  void release(Buckets buckets, Proof proof, Instant now);

  std::size_t size() const { return held_.size() + settling_.size(); }
  const HoldCounters& counters() const { return counters_; }

  static constexpr Duration kPollInterval = std::chrono::milliseconds(20);

 private:
  struct Settling {
    HeldOpener held;
    Instant until{};
  };

  SynHold(const SynHoldSettings& settings, std::unique_ptr<HoldQueue> queue, DataPlaneView data_plane);
  std::vector<Settling> take_settling(const std::function<bool(const Settling&)>& is_meant);
  void take_in(PacketNumber packet, std::span<const std::uint8_t> bytes);
  void let_in(const HeldOpener& held, Instant now);
  void refuse(const HeldOpener& held, std::uint64_t& counter);

  SynHoldSettings settings_;
  std::unique_ptr<HoldQueue> queue_;
  DataPlaneView data_plane_;
  HeldOpeners held_;
  std::vector<Settling> settling_;
  Instant last_empty_{};
  HoldCounters counters_;
};

}  // namespace relais::netfilter
