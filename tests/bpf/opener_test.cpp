// Connection openers: which are held, which are left to another node, and which answers may leave.
#include "base/clock.h"
#include "netfilter/plan/openers.h"
#include "tests/bpf/fixture.h"

namespace relais::test {
namespace {

using namespace std::chrono_literals;
using netfilter::OpenerFate;

constexpr std::uint16_t kClientPort = 40000;
constexpr std::uint16_t kVipPort = 25;
constexpr std::uint32_t kFirst = 0x8000'0001;

Endpoints in(const IpAddress& client) {
  return {.from = client, .to = client.family() == IpFamily::v4 ? kVip4 : kVip6};
}

Bytes segment(const IpAddress& client, std::uint8_t flags, std::uint32_t sequence = kFirst) {
  return to_cluster(build(in(client), Tcp{.from = kClientPort,
                                          .to = kVipPort,
                                          .sequence = sequence,
                                          .acknowledgement = 9,
                                          .flags = flags,
                                          .payload = {}}));
}

// What a node's stack sends as the answer to the SYN of `segment`.
Bytes answer(const IpAddress& client, std::uint8_t flags = kSyn | kAck) {
  return build(Ethernet{.to = kClusterMac,
                        .payload = build({.from = in(client).to, .to = client}, Tcp{.from = kVipPort,
                                                                                    .to = kClientPort,
                                                                                    .sequence = 77,
                                                                                    .acknowledgement = kFirst + 1,
                                                                                    .flags = flags,
                                                                                    .payload = {}})});
}

class OpenerTest : public BpfTest, public testing::WithParamInterface<const char*> {
 protected:
  IpAddress client() const { return IpAddress::parse(GetParam()).value(); }

  netfilter::FlowHash flow() const {
    const auto vip = static_cast<std::uint8_t>(client().family() == IpFamily::v4 ? kVipNumber4 : kVipNumber6);
    return netfilter::flow_hash(
        kKey, {.client = client(), .vip = VipId(vip), .client_port = kClientPort, .vip_port = kVipPort});
  }
  OpenerId id() const { return netfilter::opener_id(flow(), kFirst); }
  OpenerFate fate() { return programs().openers().find(id()).fate; }
  void note(OpenerFate fate, Duration ago = {}) {
    const Opener opener{.id = id()};
    ASSERT_TRUE(programs().openers().note({&opener, 1}, fate, boot_now() - ago));
  }
  relais_verdict verdict(const Bytes& frame) { return run(xdp(), frame).verdict; }
};

TEST_P(OpenerTest, an_accepted_opener_is_noted_under_the_id_that_user_space_computes) {
  for (const BucketState state : {BucketState::serve, BucketState::adopt}) {
    note(OpenerFate::unknown);
    set_state(client(), state);
    run(xdp(), segment(client(), kSyn));
    EXPECT_EQ(fate(), OpenerFate::accepted) << to_string(state);
  }
  const auto records = programs().openers().list();
  ASSERT_TRUE(records && records->size() == 1);
  EXPECT_EQ(records->front().flow, flow());
  EXPECT_EQ(records->front().opener.bucket, bucket_of(kKey, client()));
}

TEST_P(OpenerTest, without_a_lease_none_is_accepted_but_all_may_wait) {
  set_lease(Lease::over);
  for (const BucketState state : {BucketState::serve, BucketState::adopt, BucketState::shadow}) {
    programs().forget_openers(boot_now());
    set_state(client(), state);
    EXPECT_EQ(verdict_name(verdict(segment(client(), kSyn))), "pass_hold");
    EXPECT_EQ(fate(), OpenerFate::held);
    EXPECT_EQ(verdict_name(verdict(segment(client(), kAck))),
              state == BucketState::serve ? "drop_lease" : "drop_unknown");
  }
}

TEST_P(OpenerTest, one_that_waits_is_not_held_twice_until_its_time_is_up) {
  set_state(client(), BucketState::shadow);
  EXPECT_EQ(verdict_name(verdict(segment(client(), kSyn))), "pass_hold");
  EXPECT_EQ(verdict_name(verdict(segment(client(), kSyn))), "drop_held");
  EXPECT_EQ(verdict_name(verdict(segment(client(), kSyn, kFirst + 1))), "pass_hold") << "another connection";
  note(OpenerFate::held, kHoldAge);
  EXPECT_EQ(verdict_name(verdict(segment(client(), kSyn))), "pass_hold");
}

TEST_P(OpenerTest, no_more_are_held_at_once_than_the_burst_and_each_vip_has_its_own) {
  const IpAddress other = client().family() == IpFamily::v4 ? kClient6 : kClient4;
  set_state(client(), BucketState::shadow);
  std::uint32_t held = 0;
  for (std::uint32_t i = 0; i < 2 * kHoldBurst; ++i)
    held += verdict(segment(client(), kSyn, i)) == RELAIS_PASS_HOLD ? 1U : 0U;
  EXPECT_GE(held, kHoldBurst);
  EXPECT_LT(held, kHoldBurst + kHoldBurst / 2) << "a few come in while the bucket fills";
  set_state(other, BucketState::shadow);
  EXPECT_EQ(verdict_name(verdict(segment(other, kSyn))), "pass_hold");
}

TEST_P(OpenerTest, a_client_that_goes_on_has_been_answered) {
  for (const std::uint8_t flags : {kAck, static_cast<std::uint8_t>(kAck | kFin), kRst}) {
    set_state(client(), BucketState::shadow);
    note(OpenerFate::held);
    run(xdp(), segment(client(), flags, kFirst + 5000));
    EXPECT_EQ(fate(), OpenerFate::held) << "a later segment of another connection says nothing";
    run(xdp(), segment(client(), flags, kFirst + 1));
    EXPECT_EQ(fate(), OpenerFate::went_on);
  }
}

TEST_P(OpenerTest, after_a_claim_a_client_may_still_go_on) {
  for (const BucketState state : {BucketState::serve, BucketState::adopt}) {
    SCOPED_TRACE(to_string(state));
    set_state(client(), state);
    note(OpenerFate::held);
    programs().set_claimed(boot_now() - 400ms);
    run(xdp(), segment(client(), kAck, kFirst + 1));
    EXPECT_EQ(fate(), OpenerFate::held) << "long after it nobody looks any more";
    programs().set_claimed(boot_now());
    run(xdp(), segment(client(), kAck, kFirst + 1));
    EXPECT_EQ(fate(), OpenerFate::went_on);
    note(OpenerFate::accepted);
    run(xdp(), segment(client(), kAck, kFirst + 1));
    EXPECT_EQ(fate(), OpenerFate::accepted) << "answered here";
  }
}

TEST_P(OpenerTest, what_the_previous_owner_goes_on_with_is_left_to_it) {
  for (const BucketState state : {BucketState::adopt, BucketState::shadow}) {
    set_state(client(), state);
    note(OpenerFate::elsewhere);
    EXPECT_EQ(verdict_name(verdict(segment(client(), kSyn))), "drop_elsewhere");
    EXPECT_NE(verdict_name(verdict(segment(client(), kSyn, kFirst + 1))), "drop_elsewhere") << "a new connection";
    note(OpenerFate::elsewhere, 11s);
    EXPECT_NE(verdict_name(verdict(segment(client(), kSyn))), "drop_elsewhere") << "not for ever";
  }
  set_state(client(), BucketState::serve);
  note(OpenerFate::elsewhere);
  EXPECT_EQ(verdict_name(verdict(segment(client(), kSyn))), "pass_serve") << "nobody has leftovers any more";
}

TEST_P(OpenerTest, what_is_forgotten_does_not_count) {
  set_state(client(), BucketState::adopt);
  note(OpenerFate::elsewhere, 1s);
  programs().forget_openers(boot_now());
  EXPECT_EQ(verdict_name(verdict(segment(client(), kSyn))), "pass_adopt");
}

TEST_P(OpenerTest, only_what_was_accepted_is_answered) {
  struct Row {
    BucketState state;
    OpenerFate fate;
    Duration ago;
    const char* verdict;
  };
  constexpr const char* kDropped = "egress_drop_answer";
  constexpr const char* kPassed = "none";
  const Row rows[] = {
      {BucketState::serve, OpenerFate::accepted, 0s, kPassed},
      {BucketState::serve, OpenerFate::accepted, 60s, kPassed},
      {BucketState::serve, OpenerFate::unknown, 0s, kDropped},
      {BucketState::serve, OpenerFate::held, 0s, kDropped},
      {BucketState::adopt, OpenerFate::accepted, 60s, kPassed},
      {BucketState::adopt, OpenerFate::elsewhere, 0s, kDropped},
      {BucketState::shadow, OpenerFate::held, 0s, kDropped},
      {BucketState::shadow, OpenerFate::kept, 1s, kPassed},
      {BucketState::leftover, OpenerFate::accepted, 0s, kPassed},
      {BucketState::leftover, OpenerFate::accepted, 1s, kDropped},
      {BucketState::leftover, OpenerFate::kept, 1s, kPassed},
      {BucketState::leftover, OpenerFate::kept, 11s, kDropped},
      {BucketState::foreign, OpenerFate::accepted, 0s, kDropped},
      {BucketState::foreign, OpenerFate::kept, 0s, kDropped},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(to_string(row.state)) + ", fate " + std::to_string(static_cast<int>(row.fate)));
    set_state(client(), row.state);
    note(row.fate, row.ago);
    EXPECT_EQ(verdict_name(run(tc_egress(), answer(client())).verdict), row.verdict);
    EXPECT_EQ(verdict_name(run(tc_egress(), answer(client(), kAck)).verdict), "none") << "no answer to an opener";
  }
}

TEST_P(OpenerTest, a_frame_that_comes_with_the_marker_is_dropped_wherever_it_goes) {
  set_state(client(), BucketState::serve);
  constexpr std::array<std::uint8_t, 6> marker = RELAIS_HOLD_MARKER;
  for (Bytes frame : {segment(client(), kSyn),
                      build(Ethernet{.to = kOwnMac, .payload = build_udp({.from = client(), .to = kRouter4}, 1, 2)})}) {
    std::ranges::copy(marker, frame.begin() + 6);
    EXPECT_EQ(verdict_name(verdict(frame)), "drop_marker");
    EXPECT_EQ(verdict_name(run(tc_ingress(), frame).verdict), "drop_marker");
  }
}

INSTANTIATE_TEST_SUITE_P(Openers, OpenerTest, testing::Values("203.0.113.7", "2001:db8:ffff::7"));

}  // namespace
}  // namespace relais::test
