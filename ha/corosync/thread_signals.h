// Threads of this room leave signals to the io_context's thread.
#pragma once

#include <pthread.h>

#include <csignal>

namespace relais::corosync {

// While it lives, a new thread is born with all signals blocked: it inherits the mask of its parent.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace relais::corosync
