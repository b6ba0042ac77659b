// Watches this node's way to its clients: the carrier of the front interface, and whether a gateway answers.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "daemon/config/cluster.h"
#include "daemon/node/gateway_judge.h"
#include "ha/core/cluster.h"
#include "netfilter/net/gateway.h"
#include "netfilter/net/link_watch.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace relais::node {

// What the routes say, for a node whose gateways are not in the configuration: IPv4's, or IPv6's if there is none. May
// take long (the kernel's network lock): not for the thread of the lease.
Result<std::vector<IpAddress>> find_gateways(const config::Node& self);

class FrontWatch {
 public:
  struct Handlers {
    std::function<void(ha::Front)> front;        // it has changed
    std::function<void(const Error&)> no_probe;  // a gateway cannot be asked at all
  };

  // `self` and `io` outlive the watch. Nothing is told before start(), nor after stop().
  static Result<std::unique_ptr<FrontWatch>> open(boost::asio::io_context& io, const config::Node& self,
                                                  std::chrono::milliseconds interval, Handlers handlers);
  ~FrontWatch();
  FrontWatch(const FrontWatch&) = delete;
  FrontWatch& operator=(const FrontWatch&) = delete;

  void start();
  void stop();
  // News from find_gateways(). A node that never had a default route is judged by its carrier alone; one that has lost
  // its last one has no way to its clients, whoever answers.
  void set_routed_gateways(std::vector<IpAddress> gateways);

  ha::Front front() const { return front_; }

 private:
  FrontWatch(boost::asio::io_context& io, const config::Node& self, std::chrono::milliseconds interval,
             netfilter::LinkWatch link, Handlers handlers);
  void wait_for_link();
  void wait_for_answer(std::size_t probe);
  void open_probes();
  void ask();
  void look_for_answers();
  void end_round();
  void judge();
  bool has_link() const { return link_.link().state == netfilter::LinkState::up; }

  struct Probe {
    netfilter::GatewayProbe socket;
    boost::asio::posix::stream_descriptor readable;
  };

  boost::asio::io_context& io_;
  const config::Node& self_;
  std::chrono::milliseconds interval_;
  netfilter::LinkWatch link_;
  boost::asio::posix::stream_descriptor link_readable_;
  Handlers handlers_;
  std::vector<IpAddress> gateways_;
  std::vector<std::unique_ptr<Probe>> probes_;
  MacAddress asked_from_;
  enum class Route : std::uint8_t { there, lost } route_ = Route::there;
  enum class Round : std::uint8_t { waiting, answered, over } round_ = Round::over;
  boost::asio::steady_timer round_timer_;
  boost::asio::steady_timer answer_timer_;
  GatewayJudge judge_;
  ha::Front front_ = ha::Front::well;  // told
  bool stopped_ = true;
};

}  // namespace relais::node
