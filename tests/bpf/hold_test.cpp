// The SYN hold on real interfaces: a client connects, one node answers, the other holds.
#include "netfilter/hold/syn_hold.h"

#include "base/clock.h"
#include "netfilter/hold/queue_rule.h"
#include "tests/bpf/fixture.h"
#include "tests/bpf/network.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <thread>

namespace relais::test {
namespace {

using namespace std::chrono_literals;
using netfilter::AttachChoice;
using netfilter::OpenerFate;
using netfilter::Proof;
using netfilter::SynHold;

constexpr std::uint16_t kQueue = 29007;
constexpr IpFamily kFamilies[] = {IpFamily::v4, IpFamily::v6};
constexpr auto kSettle = 100ms;

// Node b holds what comes; node a may serve.
class HoldTest : public testing::TestWithParam<AttachChoice> {
 protected:
  void SetUp() override {
    segment_.open(segment_.a, GetParam());
    segment_.open(segment_.b, GetParam());
    ASSERT_TRUE(segment_.a.plane && segment_.b.plane);
    Segment::set_all(segment_.a, BucketState::foreign);
    Segment::set_all(segment_.b, BucketState::shadow);
    all_.resize(2);
    for (auto& buckets : all_) buckets.set();
  }

  void add_rule() {
    const Within within(segment_.b.space);
    const auto added = netfilter::add_queue_rule({.interface = "eth0", .queue = kQueue});
    ASSERT_TRUE(added) << added.error().to_string();
    EXPECT_EQ(*added, netfilter::RuleChange::added);
  }

  void open_hold(Duration age = 600ms) {
    const Within within(segment_.b.space);
    auto& plane = *segment_.b.plane;
    auto hold = SynHold::open(
        {.queue = {.number = kQueue}, .key = kKey, .vips = {kVip4, kVip6}, .age = age, .settle = kSettle},
        {.find = [&plane](OpenerId id) { return plane.openers().find(id); },
         .note_accepted =
             [&plane](const Opener& opener) {
               return plane.openers().note({&opener, 1}, OpenerFate::accepted, boot_now());
             },
         .may_answer =
             [&plane](const Opener& opener) {
               return plane.state(opener.vip, opener.bucket) == BucketState::serve && plane.lease() > boot_now();
             }});
    ASSERT_TRUE(hold) << hold.error().to_string();
    hold_.emplace(std::move(*hold));
    hold_->receive(boot_now());
  }

  // Runs the hold for a while, as an event loop would.
  void run(Duration duration) {
    const Instant end = boot_now() + duration;
    while (boot_now() < end) {
      hold_->tick(boot_now());
      std::this_thread::sleep_for(2ms);
    }
  }

  Connection connect(IpFamily family, std::size_t number = 1) {
    return {segment_.client, Segment::client_address(family, number), family == IpFamily::v4 ? kVip4 : kVip6};
  }

  Segment segment_;
  std::vector<std::bitset<kBuckets>> all_;
  std::optional<SynHold> hold_;
};

INSTANTIATE_TEST_SUITE_P(Mode, HoldTest, testing::Values(AttachChoice::native, AttachChoice::generic, AttachChoice::tc),
                         [](const auto& choice) {
                           return choice.param == AttachChoice::native    ? "native"
                                  : choice.param == AttachChoice::generic ? "generic"
                                                                          : "tc";
                         });

TEST_P(HoldTest, what_waits_is_answered_when_it_is_let_in_and_not_before) {
  add_rule();
  open_hold();
  for (const IpFamily family : kFamilies) {
    Segment::set_all(segment_.b, BucketState::shadow);
    Connection connection = connect(family);
    run(150ms);
    EXPECT_EQ(connection.answered_by(50ms), std::nullopt);
    EXPECT_EQ(hold_->size(), 1U);
    Segment::set_all(segment_.b, BucketState::serve);
    hold_->release(all_, Proof::observed, boot_now());
    EXPECT_EQ(connection.answered_by(500ms), 'b') << "long before TCP's retry";
    EXPECT_TRUE(connection.echoes());
  }
  EXPECT_EQ(hold_->counters().released, 2U);
}

TEST_P(HoldTest, what_the_owner_has_answered_is_not_let_in) {
  add_rule();
  open_hold();
  Segment::set_all(segment_.a, BucketState::serve);
  for (const IpFamily family : kFamilies) {
    Connection connection = connect(family);
    EXPECT_EQ(connection.answered_by(500ms), 'a');
  }
  run(20ms);
  EXPECT_EQ(hold_->size(), 2U);
  Segment::set_all(segment_.b, BucketState::serve);
  hold_->release(all_, Proof::observed, boot_now());
  run(kSettle + 50ms);
  EXPECT_EQ(hold_->counters().answered, 2U) << "the clients have gone on";
  EXPECT_EQ(hold_->counters().released, 0U);
}

TEST_P(HoldTest, what_the_owner_has_answered_is_not_let_in_if_its_client_goes_on_only_after_the_claim) {
  add_rule();
  open_hold();
  segment_.client.shell("iptables -A OUTPUT -p tcp --tcp-flags SYN,ACK ACK -j DROP");
  Segment::set_all(segment_.a, BucketState::serve);
  Connection connection = connect(IpFamily::v4);
  for (int i = 0; i < 200 && hold_->size() == 0; ++i) run(2ms);
  ASSERT_EQ(hold_->size(), 1U);
  Segment::set_all(segment_.a, BucketState::foreign);
  Segment::set_all(segment_.b, BucketState::serve);
  hold_->release(all_, Proof::observed, boot_now());
  segment_.client.shell("iptables -F OUTPUT");
  EXPECT_FALSE(connection.echoes()) << "the node that answered is gone";
  run(kSettle + 50ms);
  EXPECT_EQ(hold_->counters().answered, 1U);
  EXPECT_EQ(hold_->counters().released, 0U);
}

TEST_P(HoldTest, what_is_young_waits_until_its_client_would_have_gone_on) {
  add_rule();
  open_hold();
  Connection connection = connect(IpFamily::v4);
  run(10ms);
  Segment::set_all(segment_.b, BucketState::serve);
  hold_->release(all_, Proof::observed, boot_now());
  EXPECT_EQ(hold_->counters().released, 0U);
  run(kSettle + 50ms);
  EXPECT_EQ(connection.answered_by(100ms), 'b');
}

TEST_P(HoldTest, what_its_owner_does_not_need_is_dropped_when_its_time_is_up) {
  add_rule();
  open_hold(200ms);
  Connection connection = connect(IpFamily::v4);
  run(300ms);
  EXPECT_EQ(hold_->counters().expired, 1U);
  Segment::set_all(segment_.b, BucketState::serve);
  hold_->release(all_, Proof::listed, boot_now());
  EXPECT_EQ(connection.answered_by(200ms), std::nullopt);
  EXPECT_EQ(connection.answered_by(2000ms), 'b') << "sent again";
}

TEST_P(HoldTest, a_holder_that_stood_still_lets_in_nothing_that_waited_meanwhile) {
  add_rule();
  open_hold(200ms);
  Connection connection = connect(IpFamily::v4);
  std::this_thread::sleep_for(300ms);
  Segment::set_all(segment_.b, BucketState::serve);
  hold_->release(all_, Proof::listed, boot_now());
  EXPECT_EQ(hold_->counters().expired, 1U);
  EXPECT_EQ(connection.answered_by(100ms), std::nullopt);
}

TEST_P(HoldTest, when_the_holder_dies_nothing_gets_through) {
  add_rule();
  open_hold();
  Connection held = connect(IpFamily::v4, 1);
  run(50ms);
  Segment::set_all(segment_.b, BucketState::serve);
  hold_.reset();
  EXPECT_EQ(held.answered_by(300ms), std::nullopt) << "the kernel drops what waited";
  Segment::set_all(segment_.b, BucketState::shadow);
  Connection later = connect(IpFamily::v6, 2);
  EXPECT_EQ(later.answered_by(1500ms), std::nullopt) << "without a holder, and sent again";
}

TEST_P(HoldTest, a_child_that_outlives_the_holder_does_not_keep_its_queue) {
  open_hold();
  const pid_t child = ::fork();
  if (child == 0) ::execlp("sleep", "sleep", "10", nullptr);
  hold_.reset();
  std::this_thread::sleep_for(50ms);  // until the child is `sleep`
  open_hold();
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST_P(HoldTest, without_the_rule_the_stacks_answer_does_not_leave) {
  for (const IpFamily family : kFamilies) {
    Connection connection = connect(family);
    EXPECT_EQ(connection.answered_by(1500ms), std::nullopt);
  }
}

TEST_P(HoldTest, while_it_is_switched_off_nothing_enters) {
  add_rule();
  open_hold();
  ASSERT_TRUE(segment_.b.plane->set_hold(netfilter::HoldSwitch::off));
  Connection connection = connect(IpFamily::v4);
  run(50ms);
  EXPECT_EQ(hold_->size(), 0U);
}

TEST(QueueRule, is_added_once_and_removed_whole) {
  const NetworkNamespace space;
  const Within within(space);
  const netfilter::QueueRule rule{.interface = "eth0", .queue = kQueue};
  EXPECT_EQ(netfilter::add_queue_rule(rule).value(), netfilter::RuleChange::added);
  EXPECT_EQ(netfilter::add_queue_rule(rule).value(), netfilter::RuleChange::none);
  space.shell("iptables -t raw -F");
  EXPECT_EQ(netfilter::add_queue_rule(rule).value(), netfilter::RuleChange::added) << "one family was flushed";
  space.shell("iptables -t raw -S PREROUTING | grep -c NFQUEUE | grep -qx 1");
  space.shell("! iptables -t raw -S | grep -q bypass");
  EXPECT_TRUE(netfilter::remove_queue_rule(rule));
  EXPECT_TRUE(netfilter::remove_queue_rule(rule)) << "not there: fine";
  space.shell("! { iptables -t raw -S; ip6tables -t raw -S; } | grep -q NFQUEUE");
}

}  // namespace
}  // namespace relais::test
