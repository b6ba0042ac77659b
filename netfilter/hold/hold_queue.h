// Sole owner of one kernel packet queue (libnetfilter_queue). What waits in it is dropped when the owner goes, by the
// kernel: nothing gets past a holder that dies or lags.
#pragma once

#include "base/result.h"
#include "netfilter/hold/held_openers.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

struct nfq_handle;
struct nfq_q_handle;

namespace relais::netfilter {

struct HoldQueueSettings {
  std::uint16_t number = 0;
  std::uint32_t capacity = 8192;  // packets; beyond, the kernel drops and counts
};

enum class Verdict : std::uint8_t { drop, accept };

class HoldQueue {
 public:
  // (number of the packet, its bytes from the IP header on, cut after 128)
  using Handler = std::function<void(PacketNumber, std::span<const std::uint8_t>)>;
  enum class Drained : std::uint8_t { no, yes };

  // For the network namespace of the calling thread. Error: not permitted, or another process has this queue.
  static Result<std::unique_ptr<HoldQueue>> open(const HoldQueueSettings& settings);
  ~HoldQueue();
  HoldQueue(const HoldQueue&) = delete;
  HoldQueue& operator=(const HoldQueue&) = delete;

  int fd() const;
  // Hands out what has come, at most `maximum` packets; never waits. `yes`: the queue was empty at the end.
  Drained receive(std::size_t maximum, const Handler& handler);
  // A packet that is gone already is fine.
  void decide(PacketNumber packet, Verdict verdict);

 private:
  HoldQueue() = default;
  struct Handle {
    void operator()(nfq_handle* handle) const;
  };
  std::unique_ptr<nfq_handle, Handle> handle_;
  nfq_q_handle* queue_ = nullptr;     // goes with handle_
  const Handler* handler_ = nullptr;  // while receive() runs
  std::size_t received_ = 0;
};

// Packets that the kernel has dropped because the queue `number` was full, in the text of
// /proc/net/netfilter/nfnetlink_queue (a line per queue; fields 1 number, 6 and 7 what was dropped). 0 if it is not
// there. Pure.
std::uint64_t parse_queue_drops(std::string_view text, std::uint16_t number);

}  // namespace relais::netfilter
