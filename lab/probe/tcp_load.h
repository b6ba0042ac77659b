// Open-loop load of short TCP connections: they start on time whatever became of those before.
#pragma once

#include "lab/probe/addresses.h"
#include "lab/probe/event_loop.h"
#include "lab/probe/record.h"

#include <memory>
#include <unordered_map>
#include <vector>

namespace relais::probe {

struct TcpLoadOptions {
  Duration time_limit{};     // for the connect, and again for the exchange after it
  std::size_t payload = 16;  // bytes that are sent and must come back
};

class TcpLoad {
 public:
  // `loop` and `record` must outlive this object.
  TcpLoad(EventLoop& loop, Record& record, std::vector<Target> targets, TcpLoadOptions options);
  ~TcpLoad();

  void start_one(Instant now);    // the next connection: targets and sources take turns
  void end_overdue(Instant now);  // outside of handlers only; also frees those that are done
  bool idle() const { return connections_.empty(); }

 private:
  class Connection;
  void finish(Connection& connection, Outcome outcome);

  EventLoop& loop_;
  Record& record_;
  std::vector<Target> targets_;
  TcpLoadOptions options_;
  std::vector<std::uint32_t> first_sources_;
  std::vector<std::size_t> next_source_;
  std::size_t next_target_ = 0;
  std::unordered_map<const Connection*, std::unique_ptr<Connection>> connections_;
  std::vector<const Connection*> done_;
};

// Adds the targets' sources to the record; returns where each target's begin.
std::vector<std::uint32_t> add_sources(Record& record, const std::vector<Target>& targets);

}  // namespace relais::probe
