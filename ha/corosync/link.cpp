// The ring for the rest of relaisd: see link.h.
#include "ha/corosync/link.h"

#include "base/clock.h"
#include "base/invariant.h"
#include "base/unique_fd.h"
#include "ha/corosync/render.h"
#include "ha/corosync/ring_connection.h"
#include "ha/corosync/thread_signals.h"
#include "ha/wire/codec.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>

namespace relais::corosync {
namespace {

using namespace std::chrono_literals;

constexpr auto kReconnectEvery = 100ms;
constexpr auto kSendRetryEvery = 5ms;  // Corosync refuses messages while it synchronises a new ring
constexpr auto kWaitForThread = 1s;
constexpr auto kUnreachableReportAfter = 5s;  // Corosync takes half a second to start: no reason to worry
constexpr auto kReportEvery = 1s;
constexpr auto kTimersAfter = 2s;            // reading them takes tens of milliseconds while Corosync is starting
constexpr int kPriority = 50;                // Corosync has 99
constexpr std::size_t kMaxWaiting = 20'000;  // events without a word from quorum: minutes, not the usual milliseconds

int to_poll_timeout(std::chrono::milliseconds timeout) { return static_cast<int>(timeout.count()); }

}  // namespace

// What the two threads share. The worker may outlive the link, so it keeps a reference of its own.
struct RingLink::Shared : std::enable_shared_from_this<Shared> {
  using Item = std::variant<ha::Event, ha::Report>;

  Shared(boost::asio::io_context& context, LinkSettings link_settings, LinkHandlers link_handlers)
      : io(context), settings(std::move(link_settings)), handlers(std::move(link_handlers)) {}

  // Hands items to the io_context, in one go: many messages cost one wakeup.
  void emit(std::vector<Item> items) {
    if (items.empty()) return;
    const std::lock_guard lock(mutex);
    if (closed) return;
    for (Item& item : items) inbox.push_back(std::move(item));
    if (std::exchange(drain_posted, true)) return;
    boost::asio::post(io, [self = shared_from_this()] { self->drain(); });
  }

  // On the io_context's thread. A handler may destroy the link.
  void drain() {
    std::vector<Item> items;
    {
      const std::lock_guard lock(mutex);
      drain_posted = false;
      items.swap(inbox);
    }
    for (Item& item : items) {
      if (is_closed()) return;
      if (auto* event = std::get_if<ha::Event>(&item)) {
        handlers.event(std::move(*event));
      } else {
        handlers.report(std::move(std::get<ha::Report>(item)));
      }
    }
  }

  bool is_closed() const {
    const std::lock_guard lock(mutex);
    return closed;
  }

  void wake_worker() const {
    const std::uint64_t one = 1;
    const ssize_t written = ::write(wake.get(), &one, sizeof one);
    INVARIANT(written == sizeof one || errno == EAGAIN, "an eventfd takes a number, or is full and wakes anyway");
  }

  boost::asio::io_context& io;  // not used after `closed`
  const LinkSettings settings;
  const LinkHandlers handlers;
  UniqueFd wake;

  mutable std::mutex mutex;  // all below
  std::condition_variable finished_changed;
  bool closed = false;    // the link is being destroyed
  bool finished = false;  // the worker has ended
  std::vector<Item> inbox;
  bool drain_posted = false;
  std::deque<wire::Bytes> outgoing;
  std::size_t outgoing_bytes = 0;
  LinkStatus status;
};

// Runs on the link's own thread.
class RingLink::Worker {
 public:
  explicit Worker(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  void run() {
    become_realtime();
    outage_since_ = boot_now();
    while (!shared_->is_closed()) {
      auto connection = RingConnection::open(shared_->settings.group, shared_->settings.self);
      if (connection) {
        serve(**connection);
      } else {
        note_unreachable(connection.error());
      }
      connection = Error{};  // leaves the group, and may block: not before the loss has been told
      wait_before_reconnect();
    }
    const std::lock_guard lock(shared_->mutex);
    shared_->finished = true;
    shared_->finished_changed.notify_all();
  }

 private:
  using Item = Shared::Item;

  void become_realtime() {
    const sched_param parameters{.sched_priority = kPriority};
    // RESET_ON_FORK: nothing that this process starts shall inherit the priority.
    const bool done = ::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) == 0;
    const int error_number = errno;
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->status.realtime = done;
    }
    if (done) return;
    report("link-not-realtime", shared_->settings.self,
           system_error("the ring's thread runs without realtime priority", error_number,
                        "give relaisd CAP_SYS_NICE and its cgroup a realtime budget")
               .to_string());
  }

  void serve(RingConnection& connection) {
    note_connected();
    ViewBuilder builder(shared_->settings.self, shared_->settings.votes);
    const Instant connected_at = boot_now();
    bool timers_read = false;
    while (true) {
      const auto retry = send_queued(connection);
      if (!retry) return lose(retry.error());
      if (shared_->is_closed()) return;
      const auto dispatched = wait_and_dispatch(connection, builder, *retry ? to_poll_timeout(kSendRetryEvery) : -1);
      if (!dispatched) return lose(dispatched.error());
      if (timers_read || boot_now() - connected_at < kTimersAfter) continue;
      timers_read = true;
      note_timers();
    }
  }

  // True if Corosync wants to be asked again.
  Result<bool> send_queued(RingConnection& connection) {
    while (true) {
      wire::Bytes bytes;
      {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->outgoing.empty()) return false;
        bytes = shared_->outgoing.front();
      }
      const auto outcome = connection.send(bytes);
      if (!outcome) return outcome.error();
      if (*outcome == SendOutcome::try_again) return true;
      const std::lock_guard lock(shared_->mutex);
      shared_->outgoing.pop_front();
      shared_->outgoing_bytes -= bytes.size();
      ++shared_->status.messages_out;
    }
  }

  Result<> wait_and_dispatch(RingConnection& connection, ViewBuilder& builder, int timeout_ms) {
    std::array<pollfd, 3> fds = {pollfd{.fd = connection.group_fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = connection.quorum_fd(), .events = POLLIN, .revents = 0},
                                 pollfd{.fd = shared_->wake.get(), .events = POLLIN, .revents = 0}};
    ::poll(fds.data(), fds.size(), timeout_ms);
    if (fds[2].revents != 0) clear_wake();
    RingEvents events;
    Result<> dispatched;
    if (fds[1].revents != 0) dispatched = connection.dispatch_quorum(events);
    if (fds[0].revents != 0 && dispatched) dispatched = connection.dispatch_group(events);
    if (!dispatched) return dispatched;  // and nothing of what came with it: it may name a node that cannot be
    if (!events.empty()) hand_over(events, builder);
    if (builder.waiting() > kMaxWaiting) {
      return Error{.what = "corosync's quorum service is silent about the ring", .way_out = "see corosync's log"};
    }
    return {};
  }

  void clear_wake() const {
    std::uint64_t count = 0;
    const ssize_t got = ::read(shared_->wake.get(), &count, sizeof count);
    INVARIANT(got == sizeof count || errno == EAGAIN, "an eventfd gives its number, or had none");
  }

  void hand_over(RingEvents& ring_events, ViewBuilder& builder) {
    std::vector<Item> items;
    ViewBuilder::Events events;
    for (RingEvent& event : ring_events) feed(builder, event, events, items);
    for (ha::Event& event : events) items.emplace_back(std::move(event));
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->status.ring = builder.ring();
    }
    shared_->emit(std::move(items));
  }

  void feed(ViewBuilder& builder, RingEvent& event, ViewBuilder::Events& events, std::vector<Item>& items) {
    if (auto* change = std::get_if<GroupChange>(&event)) {
      builder.group_changed(std::move(*change), events);
    } else if (const auto* ring = std::get_if<RingId>(&event)) {
      builder.ring_changed(*ring, events);
    } else if (const auto* word = std::get_if<QuorumWord>(&event)) {
      builder.quorum_changed(*word, events);
    } else {
      feed_message(builder, std::get<RawMessage>(event), events, items);
    }
  }

  void feed_message(ViewBuilder& builder, const RawMessage& raw, ViewBuilder::Events& events,
                    std::vector<Item>& items) {
    auto decoded = wire::decode_message(raw.bytes);
    const bool is_ignored = decoded && std::holds_alternative<wire::Ignored>(*decoded);
    {
      const std::lock_guard lock(shared_->mutex);
      ++shared_->status.messages_in;
      if (!decoded) ++shared_->status.undecodable;
      if (is_ignored) ++shared_->status.ignored;
    }
    if (!decoded) return complain(items, "message-damaged", raw.from, decoded.error().to_string());
    if (is_ignored) {
      return complain(items, "message-ignored", raw.from, "a message that only a newer relaisd understands");
    }
    builder.delivered({.from = raw.from, .message = std::get<ha::Message>(std::move(*decoded))}, events);
  }

  // A broken or newer peer may send such messages all the time.
  void complain(std::vector<Item>& items, const char* kind, NodeId node, std::string text) {
    const Instant now = boot_now();
    if (now < next_complaint_) return;
    next_complaint_ = now + kReportEvery;
    items.emplace_back(
        ha::Report{.severity = ha::Severity::warning, .kind = kind, .node = node, .text = std::move(text)});
  }

  void note_connected() {
    const std::lock_guard lock(shared_->mutex);
    shared_->status.connected = true;
    ++shared_->status.connections;
  }

  void note_timers() {
    const auto timers = read_ring_timers();
    const std::lock_guard lock(shared_->mutex);
    if (timers) shared_->status.timers = *timers;
  }

  void note_unreachable(const Error& error) {
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->status.last_error = error.to_string();
    }
    if (outage_reported_ || boot_now() - outage_since_ < kUnreachableReportAfter) return;
    outage_reported_ = true;
    report("ring-unreachable", shared_->settings.self, error.to_string());
  }

  void lose(const Error& error) {
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->status.connected = false;
      shared_->status.ring.reset();
      shared_->status.timers.reset();
      shared_->status.last_error = error.to_string();
      shared_->outgoing.clear();
      shared_->outgoing_bytes = 0;
    }
    outage_since_ = boot_now();
    outage_reported_ = false;
    std::vector<Item> items;
    items.emplace_back(ha::RingLost{.why = error.what});
    shared_->emit(std::move(items));
  }

  void wait_before_reconnect() {
    pollfd wake{.fd = shared_->wake.get(), .events = POLLIN, .revents = 0};
    if (!shared_->is_closed()) ::poll(&wake, 1, to_poll_timeout(kReconnectEvery));
    if (wake.revents != 0) clear_wake();
  }

  void report(const char* kind, NodeId node, std::string text) {
    std::vector<Item> items;
    items.emplace_back(
        ha::Report{.severity = ha::Severity::warning, .kind = kind, .node = node, .text = std::move(text)});
    shared_->emit(std::move(items));
  }

  std::shared_ptr<Shared> shared_;
  Instant outage_since_{};
  bool outage_reported_ = false;
  Instant next_complaint_{};
};

RingLink::RingLink(boost::asio::io_context& io, LinkSettings settings, LinkHandlers handlers)
    : shared_(std::make_shared<Shared>(io, std::move(settings), std::move(handlers))) {
  INVARIANT(shared_->handlers.event && shared_->handlers.report, "a link has both handlers");
  shared_->wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  INVARIANT(bool(shared_->wake), "the process may open an eventfd");
  const AllSignalsBlocked blocked;
  std::thread([shared = shared_] { Worker(shared).run(); }).detach();
}

RingLink::~RingLink() {
  std::unique_lock lock(shared_->mutex);
  shared_->closed = true;
  shared_->wake_worker();
  shared_->finished_changed.wait_for(lock, kWaitForThread, [this] { return shared_->finished; });
}

Result<> RingLink::send(const ha::Message& message) {
  wire::Bytes bytes = wire::encode_message(message);
  const std::lock_guard lock(shared_->mutex);
  const char* refusal = nullptr;
  if (!shared_->status.connected) refusal = "not connected to corosync";
  if (shared_->outgoing.size() >= kMaxQueuedMessages || shared_->outgoing_bytes + bytes.size() > kMaxQueuedBytes) {
    refusal = "corosync takes no messages, and the queue is full";
  }
  if (refusal != nullptr) {
    ++shared_->status.refused;
    return Error{.what = refusal, .way_out = "see corosync's log"};
  }
  shared_->outgoing_bytes += bytes.size();
  shared_->outgoing.push_back(std::move(bytes));
  if (shared_->outgoing.size() == 1) shared_->wake_worker();
  return {};
}

LinkStatus RingLink::status() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->status;
}

}  // namespace relais::corosync
