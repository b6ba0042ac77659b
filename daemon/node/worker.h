// One background thread for jobs that may take long (files, dumps of the kernel's socket table), so that the
// io_context's thread, which keeps the lease alive, never waits. Jobs run in order; each hands its result back to the
// io_context.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

namespace relais::node {

class Worker {
 public:
  explicit Worker(boost::asio::io_context& io);
  // Drops jobs that have not begun and waits for the one that runs. No `done` is called any more.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Runs `job()` on the thread, then `done(result)` on the io_context. Both must own what they use.
  template <class Job, class Done>
  void run(Job job, Done done) {
    enqueue([this, job = std::move(job), done = std::move(done)]() mutable {
      auto result = std::make_shared<std::invoke_result_t<Job>>(job());
      boost::asio::post(io_, [result, done = std::move(done), alive = std::weak_ptr<void>(alive_)]() mutable {
        if (!alive.expired()) done(std::move(*result));
      });
    });
  }

 private:
  void enqueue(std::function<void()> job);
  void work();

  boost::asio::io_context& io_;
  std::shared_ptr<void> alive_ = std::make_shared<int>();
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace relais::node
