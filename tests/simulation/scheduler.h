// Simulated true time: what happens when. Happenings of one time come in the order in which they were put in.
#pragma once

#include "base/time.h"

#include <cstdint>
#include <functional>
#include <queue>
#include <utility>
#include <vector>

namespace relais::simulation {

class Scheduler {
 public:
  using Happening = std::function<void()>;

  Duration now() const { return now_; }
  bool empty() const { return queue_.empty(); }

  void at(Duration time, Happening happening) {
    queue_.push(Item{.time = std::max(time, now_), .order = ++order_, .happening = std::move(happening)});
  }
  void after(Duration delay, Happening happening) { at(now_ + delay, std::move(happening)); }

  // Lets the next thing happen. Requires !empty().
  void run_one() {
    // priority_queue has no way to move its top out; the order does not read `happening`.
    Item item = std::move(const_cast<Item&>(queue_.top()));
    queue_.pop();
    now_ = item.time;
    item.happening();
  }

 private:
  struct Item {
    Duration time{};
    std::uint64_t order = 0;
    Happening happening;
  };
  struct Later {
    bool operator()(const Item& a, const Item& b) const {
      return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
  };
  std::priority_queue<Item, std::vector<Item>, Later> queue_;
  Duration now_{};
  std::uint64_t order_ = 0;
};

// A node's boot clock: an offset and a rate of its own.
struct NodeClock {
  std::int64_t rate_ppm = 0;
  Duration offset{};

  Instant local(Duration true_time) const { return Instant(offset + true_time + true_time * rate_ppm / 1000000); }
  // The first moment at which the clock shows `at` or more.
  Duration true_time(Instant at) const {
    const Duration local_time = at.time_since_epoch() - offset;
    Duration guess = local_time - local_time * rate_ppm / (1000000 + rate_ppm);
    while (local(guess) < at) ++guess;
    return guess;
  }
};

}  // namespace relais::simulation
