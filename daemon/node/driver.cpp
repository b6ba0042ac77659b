// The loop between events and actions, and the timer that wakes the core.
#include "daemon/node/driver.h"

#include "base/clock.h"
#include "base/overload.h"
#include "ha/core/step.h"

#include <algorithm>
#include <variant>

namespace relais::node {

namespace {

// A member ticks at every heartbeat; the others need no more than this to notice that time passes.
constexpr Duration kLongestSleep = std::chrono::milliseconds(500);
constexpr Duration kShortestSleep = std::chrono::milliseconds(1);

}  // namespace

Driver::Driver(boost::asio::io_context& io, Effects& effects, ha::State state)
    : timer_(io), effects_(effects), state_(std::move(state)) {}

void Driver::start() {
  for (std::size_t vip = 0; vip < state_.applied.size(); ++vip) {
    effects_.apply(ha::ApplyStates{.vip = VipId(static_cast<std::uint8_t>(vip)), .states = state_.applied[vip]});
  }
  arm_timer();
}

void Driver::feed(ha::Event event) {
  if (phase_ == Phase::stopped) return;
  events_.push_back(std::move(event));
  if (phase_ == Phase::idle) work_off();
}

void Driver::stop() {
  phase_ = Phase::stopped;
  timer_.cancel();
}

void Driver::work_off() {
  phase_ = Phase::working;
  while (!events_.empty() && phase_ == Phase::working) {
    const ha::Event event = std::move(events_.front());
    events_.pop_front();
    ha::Step step = ha::step(std::move(state_), event, boot_now());
    state_ = std::move(step.state);
    for (const ha::Action& action : step.actions) {
      if (phase_ == Phase::working) carry_out(action);
    }
  }
  if (phase_ == Phase::stopped) return;
  phase_ = Phase::idle;
  arm_timer();
}

void Driver::carry_out(const ha::Action& action) {
  std::visit(Overload{
                 [&](const ha::ApplyStates& states) { effects_.apply(states); },
                 [&](const ha::SetLease& lease) { effects_.apply(lease); },
                 [&](const ha::Multicast& multicast) { effects_.multicast(state_.view.view, multicast.body); },
                 [&](const ha::ListOpeners& list) { effects_.list_openers(list); },
                 [&](const ha::LeaveOpeners& leave) { effects_.apply(leave); },
                 [&](const ha::ForgetOpeners&) { effects_.forget_openers(); },
                 [&](const ha::DecideHeld& held) { effects_.decide(held); },
                 [&](const ha::DestroyFlows& flows) { effects_.destroy(flows); },
                 [&](const ha::AskClients&) { effects_.ask_clients(); },
                 [&](const ha::Tickle& tickle) { effects_.tickle(tickle); },
                 [&](const ha::SaveCluster&) { effects_.save(state_.cluster); },
                 [&](const ha::Report& report) { effects_.record(report); },
                 [&](const ha::Receipt& receipt) { effects_.record(receipt); },
                 [&](const ha::StopNow&) { effects_.end(); },
                 [&](const ha::StartSuccessor&) { effects_.start_successor(); },
             },
             action);
}

void Driver::arm_timer() {
  const Instant now = boot_now();
  const Instant wakeup = std::clamp(ha::next_wakeup(state_), now + kShortestSleep, now + kLongestSleep);
  if (armed_for_ > now && wakeup >= armed_for_) return;  // the timer that runs is early enough
  armed_for_ = wakeup;
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(wakeup - now));
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    armed_for_ = Instant{};
    feed(ha::Tick{});
  });
}

}  // namespace relais::node
