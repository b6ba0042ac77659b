// Feeds events to the core, carries its actions out in their order, and wakes it when it wants to be woken.
#pragma once

#include "base/time.h"
#include "ha/core/action.h"
#include "ha/core/event.h"
#include "ha/core/state.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <deque>

namespace relais::node {

// The machine as the core sees it: each action has one place that carries it out. None of these may block.
class Effects {
 public:
  virtual ~Effects() = default;

  virtual void apply(const ha::ApplyStates& states) = 0;
  virtual void apply(const ha::SetLease& lease) = 0;
  virtual void multicast(ha::ViewId view, ha::Body body) = 0;
  virtual void list_openers(const ha::ListOpeners& list) = 0;  // answers with OpenersListed, later
  virtual void apply(const ha::LeaveOpeners& leave) = 0;
  virtual void forget_openers() = 0;
  virtual void decide(const ha::DecideHeld& held) = 0;
  virtual void destroy(const ha::DestroyFlows& flows) = 0;
  virtual void ask_clients() = 0;
  virtual void tickle(const ha::Tickle& tickle) = 0;
  virtual void save(const ha::Cluster& cluster) = 0;
  virtual void record(const ha::Report& report) = 0;
  virtual void record(const ha::Receipt& receipt) = 0;
  virtual void end() = 0;
  // Does not return if it succeeds.
  virtual void start_successor() = 0;
};

class Driver {
 public:
  // `io` and `effects` outlive the driver. Nothing happens before start().
  Driver(boost::asio::io_context& io, Effects& effects, ha::State state);

  // Puts the data plane into the state's tables and begins to tick.
  void start();
  // Events that come up while one is worked on (an effect that feeds) wait for their turn.
  void feed(ha::Event event);
  // No more ticks; events are ignored.
  void stop();

  const ha::State& state() const { return state_; }

 private:
  void work_off();
  void carry_out(const ha::Action& action);
  void arm_timer();

  boost::asio::steady_timer timer_;
  Effects& effects_;
  ha::State state_;
  std::deque<ha::Event> events_;
  Instant armed_for_{};
  enum class Phase : std::uint8_t { idle, working, stopped } phase_ = Phase::idle;
};

}  // namespace relais::node
