// A small epoll loop: one thread, handlers by pointer. A handler may remove itself while it handles its event; handlers
// that end others must do so outside of handlers (the probe does it between two rounds).
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

#include <sys/epoll.h>

#include <cstdint>

namespace relais::probe {

class EventHandler {
 public:
  EventHandler() = default;
  EventHandler(const EventHandler&) = delete;
  EventHandler& operator=(const EventHandler&) = delete;
  virtual ~EventHandler() = default;
  virtual void on_ready(std::uint32_t events) = 0;  // EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP
};

class EventLoop {
 public:
  static Result<EventLoop> open();

  void watch(int fd, std::uint32_t events, EventHandler& handler);  // adds or changes
  void forget(int fd);                                              // before the fd is closed
  // Handles what is ready; waits at most wait_ms for the first.
  void run_once(int wait_ms);

 private:
  explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  UniqueFd epoll_;
};

}  // namespace relais::probe
