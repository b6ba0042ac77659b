// The heartbeat links as knet sees them: see link_watch.h.
#include "ha/corosync/link_watch.h"

#include "ha/corosync/corosync_map.h"
#include "ha/corosync/thread_signals.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace relais::corosync {
namespace {

// One connection for many looks: making it costs Corosync more than a look.
class Looker {
 public:
  std::vector<PeerLink> dead_of(const std::vector<PeerLink>& links) {
    if (!map_) map_.emplace(CMAP_MAP_STATS);
    if (map_->code() != CS_OK) {
      map_.reset();
      return links;
    }
    std::vector<PeerLink> dead;
    for (const PeerLink& link : links) {
      const std::optional<bool> connected = map_->flag("stats.knet.node" + std::to_string(link.peer.value()) + ".link" +
                                                       std::to_string(link.link) + ".connected");
      if (connected != true) dead.push_back(link);
    }
    if (dead.size() == links.size()) map_.reset();  // the connection may be to a Corosync that is gone
    return dead;
  }

 private:
  std::optional<CorosyncMap> map_;
};

}  // namespace

// What the two threads share.
struct LinkWatch::Shared : std::enable_shared_from_this<Shared> {
  Shared(boost::asio::io_context& context, std::vector<PeerLink> known, std::function<void(std::vector<PeerLink>)> tell)
      : io(context), links(std::move(known)), dead(std::move(tell)) {}

  void run() {
    Looker looker;
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return closed || asked; });
      if (closed) return;
      lock.unlock();
      std::vector<PeerLink> found = looker.dead_of(links);
      lock.lock();
      asked = false;
      if (closed) return;
      boost::asio::post(io, [self = shared_from_this(), found = std::move(found)]() mutable {
        if (!self->is_closed()) self->dead(std::move(found));
      });
    }
  }

  bool is_closed() {
    const std::lock_guard lock(mutex);
    return closed;
  }

  boost::asio::io_context& io;  // not used after `closed`
  const std::vector<PeerLink> links;
  const std::function<void(std::vector<PeerLink>)> dead;
  std::mutex mutex;  // all below
  std::condition_variable changed;
  bool asked = false;
  bool closed = false;
};

LinkWatch::LinkWatch(boost::asio::io_context& io, std::vector<PeerLink> links,
                     std::function<void(std::vector<PeerLink>)> dead)
    : shared_(std::make_shared<Shared>(io, std::move(links), std::move(dead))) {
  const AllSignalsBlocked blocked;
  std::thread([shared = shared_] { shared->run(); }).detach();
}

LinkWatch::~LinkWatch() {
  const std::lock_guard lock(shared_->mutex);
  shared_->closed = true;
  shared_->changed.notify_all();
}

void LinkWatch::look() {
  const std::lock_guard lock(shared_->mutex);
  shared_->asked = true;
  shared_->changed.notify_all();
}

}  // namespace relais::corosync
