// Instants, in the units of the data plane, and the boot clock.
#include "base/time.h"

#include "base/clock.h"

#include <gtest/gtest.h>

namespace relais {
namespace {

using namespace std::chrono_literals;

TEST(TimeTest, milliseconds_are_cut_off_not_rounded) {
  EXPECT_EQ(to_ms(1999us), 1);
  EXPECT_EQ(to_ms(-1999us), -1);
  EXPECT_EQ(to_ms(0ns), 0);
  EXPECT_EQ(to_ms(24h), 86'400'000);
}

TEST(TimeTest, the_data_plane_gets_nanoseconds_since_boot_and_zero_for_never) {
  EXPECT_EQ(boot_ns(Instant{}), 0U);
  EXPECT_EQ(boot_ns(Instant(1s + 5ns)), 1'000'000'005U);
}

TEST(TimeTest, the_boot_clock_runs_forward_from_boot) {
  const Instant first = boot_now();
  const Instant second = boot_now();
  EXPECT_GT(first, Instant{});
  EXPECT_GE(second, first);
  EXPECT_LT(second - first, 1s);
}

}  // namespace
}  // namespace relais
