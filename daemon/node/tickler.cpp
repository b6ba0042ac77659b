// Rounds of each batch: on the worker, with a timer in between.
#include "daemon/node/tickler.h"

#include <array>
#include <chrono>
#include <utility>

namespace relais::node {

namespace {

using namespace std::chrono_literals;

// After each round but the last: rounds begin at 0, 300 and 700 ms.
constexpr std::array kPauses{300ms, 400ms};

}  // namespace

Result<std::unique_ptr<Tickler>> Tickler::open(boost::asio::io_context& io) {
  Result<netfilter::TickleSender> sender = netfilter::TickleSender::open();
  if (sender.has_error()) return sender.error();
  return std::unique_ptr<Tickler>(new Tickler(io, std::move(*sender)));
}

void Tickler::tickle(std::vector<netfilter::TickleTarget> clients, Done first_sent) {
  if (clients.empty()) return;
  batches_.push_back({.clients = std::move(clients),
                      .first_sent = std::move(first_sent),
                      .round = 0,
                      .timer = boost::asio::steady_timer(io_)});
  send(std::prev(batches_.end()));
}

void Tickler::stop() {
  for (Batch& batch : batches_) batch.timer.cancel();
}

void Tickler::send(std::list<Batch>::iterator batch) {
  worker_.run([sender = sender_, clients = batch->clients] { return sender->send(clients); },
              [this, batch](std::size_t sent) { after_round(batch, sent); });
}

void Tickler::after_round(std::list<Batch>::iterator batch, std::size_t sent) {
  if (batch->round == 0) batch->first_sent(sent);
  if (batch->round == kPauses.size()) {
    batches_.erase(batch);
    return;
  }
  batch->timer.expires_after(kPauses[batch->round++]);
  batch->timer.async_wait([this, batch](const boost::system::error_code& error) {
    if (!error) send(batch);
  });
}

}  // namespace relais::node
