// Each interval is a round: a question to every gateway; the first answer ends it well, the end of its patience badly.
#include "daemon/node/front_watch.h"

#include <utility>

namespace relais::node {

namespace {

using boost::asio::posix::stream_descriptor;

// Of the interval, for an answer to come. What comes later is late for a network that is to carry clients.
constexpr std::int64_t kPatiencePercent = 60;

}  // namespace

Result<std::vector<IpAddress>> find_gateways(const config::Node& self) {
  const Result<netfilter::Link> link = netfilter::find_link(self.interface);
  if (link.has_error()) return link.error();
  Result<std::vector<IpAddress>> gateways = netfilter::default_gateways(link->index, IpFamily::v4);
  if (gateways.has_error() || !gateways->empty() || !self.address6) return gateways;
  return netfilter::default_gateways(link->index, IpFamily::v6);
}

Result<std::unique_ptr<FrontWatch>> FrontWatch::open(boost::asio::io_context& io, const config::Node& self,
                                                     std::chrono::milliseconds interval, Handlers handlers) {
  Result<netfilter::LinkWatch> link = netfilter::LinkWatch::open(self.interface);
  if (link.has_error()) return link.error();
  std::unique_ptr<FrontWatch> watch(new FrontWatch(io, self, interval, std::move(*link), std::move(handlers)));
  if (self.gateway.mode == config::GatewayMode::listed) watch->gateways_ = self.gateway.addresses;
  if (self.gateway.mode == config::GatewayMode::automatic) {
    Result<std::vector<IpAddress>> routed = find_gateways(self);
    if (routed.has_error()) return routed.error();
    watch->gateways_ = std::move(*routed);
  }
  return watch;
}

FrontWatch::FrontWatch(boost::asio::io_context& io, const config::Node& self, std::chrono::milliseconds interval,
                       netfilter::LinkWatch link, Handlers handlers)
    : io_(io),
      self_(self),
      interval_(interval),
      link_(std::move(link)),
      link_readable_(io, link_.fd()),
      handlers_(std::move(handlers)),
      round_timer_(io),
      answer_timer_(io) {}

FrontWatch::~FrontWatch() {
  stop();
  link_readable_.release();  // the descriptor is LinkWatch's
}

void FrontWatch::start() {
  stopped_ = false;
  open_probes();
  wait_for_link();
  judge();
  ask();
}

void FrontWatch::stop() {
  stopped_ = true;
  round_timer_.cancel();
  answer_timer_.cancel();
  link_readable_.cancel();
  for (const auto& probe : probes_) probe->readable.release();
  probes_.clear();
}

void FrontWatch::set_routed_gateways(std::vector<IpAddress> gateways) {
  if (stopped_ || self_.gateway.mode != config::GatewayMode::automatic) return;
  route_ = gateways.empty() && !gateways_.empty() ? Route::lost : Route::there;
  if (gateways.empty() || gateways == gateways_) return;
  gateways_ = std::move(gateways);
  open_probes();
}

void FrontWatch::wait_for_link() {
  link_readable_.async_wait(stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error || stopped_) return;
    const bool had_link = has_link();
    link_.read();
    if (link_.link().mac != asked_from_) open_probes();  // a bond has changed its active port
    if (had_link && !has_link()) judge_.distrust();
    judge();
    if (!had_link && has_link()) ask();
    wait_for_link();
  });
}

void FrontWatch::open_probes() {
  for (const auto& probe : probes_) probe->readable.release();
  probes_.clear();
  asked_from_ = link_.link().mac;
  for (const IpAddress& gateway : gateways_) {
    const bool is_v4 = gateway.family() == IpFamily::v4;
    if (!is_v4 && !self_.address6) continue;
    Result<netfilter::GatewayProbe> socket =
        netfilter::GatewayProbe::open({.interface = link_.link().index,
                                       .mac = link_.link().mac,
                                       .own = is_v4 ? self_.address : *self_.address6,
                                       .gateway = gateway});
    if (socket.has_error()) {
      handlers_.no_probe(socket.error());
      continue;
    }
    const int fd = socket->fd();
    probes_.push_back(
        std::make_unique<Probe>(Probe{.socket = std::move(*socket), .readable = stream_descriptor(io_, fd)}));
    wait_for_answer(probes_.size() - 1);
  }
}

void FrontWatch::wait_for_answer(std::size_t probe) {
  probes_[probe]->readable.async_wait(stream_descriptor::wait_read,
                                      [this, probe](const boost::system::error_code& error) {
                                        if (error || stopped_ || probe >= probes_.size()) return;
                                        look_for_answers();
                                        wait_for_answer(probe);
                                      });
}

void FrontWatch::ask() {
  if (stopped_) return;
  round_timer_.expires_after(interval_);
  round_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) ask();
  });
  if (probes_.empty() || !has_link()) return;
  look_for_answers();  // what is late must not count for this round
  round_ = Round::waiting;
  for (const auto& probe : probes_) probe->socket.ask();
  answer_timer_.expires_after(interval_ * kPatiencePercent / 100);
  answer_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && !stopped_) end_round();
  });
}

void FrontWatch::look_for_answers() {
  bool answered = false;
  for (const auto& probe : probes_) answered = probe->socket.has_answered() || answered;
  if (!answered || round_ != Round::waiting || route_ == Route::lost) return;
  round_ = Round::answered;
  if (has_link()) judge_.on_reply(Reply::came);
  judge();
}

// This process may have stood still: the answer may be there already.
void FrontWatch::end_round() {
  look_for_answers();
  if (round_ == Round::waiting && has_link()) judge_.on_reply(Reply::missed);
  round_ = Round::over;
  judge();
}

void FrontWatch::judge() {
  ha::Front front = probes_.empty() ? ha::Front::well : judge_.front();
  if (!has_link()) front = ha::Front::no_carrier;
  if (front == front_ || stopped_) return;
  front_ = front;
  handlers_.front(front);
}

}  // namespace relais::node
