// A small epoll loop.
#include "lab/probe/event_loop.h"

#include "base/invariant.h"

#include <array>

namespace relais::probe {

Result<EventLoop> EventLoop::open() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return system_error("cannot make an epoll instance");
  return EventLoop(std::move(epoll));
}

void EventLoop::watch(int fd, std::uint32_t events, EventHandler& handler) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &handler;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0) return;
  INVARIANT(errno == ENOENT, "only an unwatched descriptor cannot be changed");
  INVARIANT(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0, "a socket can be watched");
}

void EventLoop::forget(int fd) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

void EventLoop::run_once(int wait_ms) {
  std::array<epoll_event, 256> events{};
  const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    static_cast<EventHandler*>(event.data.ptr)->on_ready(event.events);
  }
}

}  // namespace relais::probe
