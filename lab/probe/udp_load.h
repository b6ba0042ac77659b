// Open-loop load of UDP datagrams: each carries a number, and the answer says who answered.
#pragma once

#include "base/result.h"
#include "lab/probe/addresses.h"
#include "lab/probe/event_loop.h"
#include "lab/probe/record.h"

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

namespace relais::probe {

inline constexpr Duration kUdpLimit = std::chrono::seconds(1);

class UdpLoad {
 public:
  // One socket per source. `loop` and `record` must outlive the result.
  static Result<std::unique_ptr<UdpLoad>> open(EventLoop& loop, Record& record, const std::vector<Target>& targets);
  ~UdpLoad();

  void start_one(Instant now);
  void end_overdue(Instant now);  // unanswered for kUdpLimit: failed
  bool idle() const { return waiting_.empty(); }

 private:
  class Socket;
  struct Sent {
    std::uint64_t number = 0;
    Instant when;
  };
  UdpLoad(EventLoop& loop, Record& record);
  void answered(std::uint64_t number, std::uint32_t source, const std::string& name, Instant now);

  EventLoop& loop_;
  Record& record_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::unordered_map<std::uint64_t, Attempt> waiting_;  // by number
  std::deque<Sent> in_order_;
  std::uint64_t next_number_ = 0;
};

}  // namespace relais::probe
