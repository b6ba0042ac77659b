// The background thread and its queue.
#include "daemon/node/worker.h"

#include "daemon/node/process.h"

namespace relais::node {

Worker::Worker(boost::asio::io_context& io) : io_(io), thread_([this] { work(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Worker::enqueue(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void Worker::work() {
  // As the io_context's thread, which would otherwise wait for this one whenever it was preempted while it held the
  // queue or the heap. Not permitted: the node has said so already.
  static_cast<void>(become_realtime());
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    if (ending_) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace relais::node
