// Tells clients that their connections are over, each three times: single packets get lost, and a client that has just
// answered one stays silent for half a second. On a thread of its own, so that nothing else waits for 20,000 packets.
#pragma once

#include "base/result.h"
#include "daemon/node/worker.h"
#include "netfilter/net/tickle.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <vector>

namespace relais::node {

class Tickler {
 public:
  using Done = std::function<void(std::size_t sent)>;

  // `io` outlives the tickler.
  static Result<std::unique_ptr<Tickler>> open(boost::asio::io_context& io);

  // `first_sent` is called when each has been told once, with how many could be.
  void tickle(std::vector<netfilter::TickleTarget> clients, Done first_sent);
  // No more rounds.
  void stop();

 private:
  struct Batch {
    std::vector<netfilter::TickleTarget> clients;
    Done first_sent;
    std::size_t round = 0;
    boost::asio::steady_timer timer;
  };
  Tickler(boost::asio::io_context& io, netfilter::TickleSender sender)
      : io_(io), sender_(std::make_shared<netfilter::TickleSender>(std::move(sender))), worker_(io) {}
  void send(std::list<Batch>::iterator batch);
  void after_round(std::list<Batch>::iterator batch, std::size_t sent);

  boost::asio::io_context& io_;
  std::shared_ptr<netfilter::TickleSender> sender_;  // used by jobs of the worker only
  std::list<Batch> batches_;
  Worker worker_;
};

}  // namespace relais::node
