// "A local socket has it": rows of the state table that depend on the sockets of this kernel. Real connections,
// stopped in the state that matters; the segment that comes next is then run through the programs.
#include "tests/bpf/fixture.h"
#include "tests/bpf/raw_client.h"
#include "tests/bpf/shell.h"

namespace relais::test {
namespace {

Endpoints in(const IpAddress& client) {
  return {.from = client, .to = client.family() == IpFamily::v4 ? kVip4 : kVip6};
}

// Every state in which sockets decide.
constexpr BucketState kShared[] = {BucketState::leftover, BucketState::shadow, BucketState::adopt};

class SocketTest : public BpfTest, public testing::WithParamInterface<const IpAddress*> {
 protected:
  void SetUp() override {
    BpfTest::SetUp();
    network_.emplace();
    listener_.emplace(in(client()).to);
  }

  const IpAddress& client() const { return *GetParam(); }
  RawClient raw_client() { return {*network_, in(client()), next_port_++, listener_->port()}; }

  void expect_in_shared_states(const Bytes& packet, relais_verdict verdict, const char* what) {
    for (const BucketState state : kShared) expect(state, packet, verdict, what);
  }

  void expect(BucketState state, const Bytes& packet, relais_verdict verdict, const char* what) {
    set_state(client(), state);
    for (const bpf_program* program : {xdp(), tc_ingress()}) {
      EXPECT_EQ(verdict_name(run(program, to_cluster(packet)).verdict), verdict_name(verdict))
          << what << ", " << to_string(state);
    }
  }

  std::optional<ClientNetwork> network_;
  std::optional<Listener> listener_;

 private:
  static inline std::uint16_t next_port_ = 41000;
};

INSTANTIATE_TEST_SUITE_P(Family, SocketTest, testing::Values(&kClient4, &kClient6),
                         [](const auto& family) { return family.param->family() == IpFamily::v4 ? "v4" : "v6"; });

TEST_P(SocketTest, a_connection_keeps_all_its_segments_while_its_bucket_is_shared) {
  RawClient client = raw_client();
  ASSERT_TRUE(client.open_half());
  client.complete();
  const UniqueFd server = listener_->accept();
  ASSERT_TRUE(server);
  for (const std::uint8_t flags :
       {kAck, static_cast<std::uint8_t>(kFin | kAck), static_cast<std::uint8_t>(kRst | kAck)}) {
    expect_in_shared_states(client.segment(flags), RELAIS_PASS_SOCKET, "established");
  }
  expect(BucketState::foreign, client.segment(kAck), RELAIS_DROP_FOREIGN, "a foreign bucket looks nothing up");
  expect(BucketState::leftover, client.segment(kSyn), RELAIS_DROP_LEFTOVER, "a SYN belongs to the new owner");
  expect(BucketState::adopt, client.segment(kSyn), RELAIS_PASS_ADOPT, "a SYN of the same client and port just passes");
  set_lease(Lease::over);
  expect_in_shared_states(client.segment(kAck), RELAIS_DROP_LEASE, "established, but the lease is over");
}

TEST_P(SocketTest, a_listener_alone_has_nothing) {
  const RawClient stranger = raw_client();
  expect_in_shared_states(stranger.segment(kAck), RELAIS_DROP_UNKNOWN, "only a listener");
}

TEST_P(SocketTest, a_request_socket_takes_the_answer_to_its_own_syn_ack_and_no_other) {
  RawClient client = raw_client();
  ASSERT_TRUE(client.open_half());
  expect_in_shared_states(client.segment(kAck), RELAIS_PASS_REQUEST, "answers our SYN-ACK");
  expect_in_shared_states(client.segment(kAck, 1), RELAIS_DROP_REQUEST, "answers another node's SYN-ACK");
  expect_in_shared_states(client.segment(kAck, 0x80000000U), RELAIS_DROP_REQUEST, "answers another node's SYN-ACK");
  expect_in_shared_states(client.segment(kRst), RELAIS_DROP_REQUEST, "a RST without ACK answers nothing");
}

TEST_P(SocketTest, a_closed_connection_keeps_its_late_segments) {
  RawClient client = raw_client();
  ASSERT_TRUE(client.open_half());
  client.complete();
  {
    const UniqueFd server = listener_->accept();
    ASSERT_TRUE(server);
  }
  ASSERT_TRUE(client.close_after_peer());
  expect_in_shared_states(client.segment(kFin | kAck), RELAIS_PASS_TIME_WAIT, "TIME_WAIT");
  expect(BucketState::adopt, client.segment(kSyn), RELAIS_PASS_ADOPT, "a SYN that reuses the port just passes");
}

TEST_P(SocketTest, a_syn_cookie_is_known_by_the_node_that_made_it) {
  shell("sysctl -qw net.ipv4.tcp_syncookies=2");
  RawClient client = raw_client();
  ASSERT_TRUE(client.open_half());
  expect_in_shared_states(client.segment(kAck), RELAIS_PASS_COOKIE, "valid cookie");
  // Close neighbours of a cookie are valid too: its lowest bits are the index of the maximum segment size.
  expect_in_shared_states(client.segment(kAck, 1000), RELAIS_DROP_UNKNOWN, "no cookie of ours");
  expect_in_shared_states(client.segment(kRst | kAck), RELAIS_DROP_UNKNOWN, "a RST never carries one");
  shell("sysctl -qw net.ipv4.tcp_syncookies=1");
}

TEST_P(SocketTest, an_icmp_error_reaches_the_connection_that_it_quotes) {
  RawClient client = raw_client();
  ASSERT_TRUE(client.open_half());
  const bool is_v4 = this->client().family() == IpFamily::v4;
  const Endpoints path = {.from = is_v4 ? kRouter4 : kRouter6, .to = in(this->client()).to};
  const auto too_big = [&](const Bytes& sent) { return build_icmp_error(path, is_v4 ? 3 : 2, sent, is_v4 ? 28 : 48); };
  expect(BucketState::leftover, too_big(client.from_server(kSyn | kAck)), RELAIS_PASS_REQUEST, "about our SYN-ACK");
  expect(BucketState::leftover, too_big(client.from_server(kAck)), RELAIS_DROP_REQUEST, "about another's");
  client.complete();
  const UniqueFd server = listener_->accept();
  ASSERT_TRUE(server);
  expect(BucketState::leftover, too_big(client.from_server(kAck)), RELAIS_PASS_SOCKET, "about our connection");
  expect(BucketState::shadow, too_big(client.from_server(kAck)), RELAIS_PASS_SOCKET, "about our connection");
  const RawClient stranger = raw_client();
  expect(BucketState::leftover, too_big(stranger.from_server(kAck)), RELAIS_DROP_UNKNOWN, "about another node's");
}

TEST_P(SocketTest, a_dual_stack_listener_is_no_different) {
  listener_.emplace(IpAddress::parse("::").value());
  RawClient client = raw_client();
  ASSERT_TRUE(client.open_half());
  expect_in_shared_states(client.segment(kAck), RELAIS_PASS_REQUEST, "answers our SYN-ACK");
  expect_in_shared_states(client.segment(kAck, 1), RELAIS_DROP_REQUEST, "answers another node's SYN-ACK");
  client.complete();
  const UniqueFd server = listener_->accept();
  ASSERT_TRUE(server);
  expect_in_shared_states(client.segment(kAck), RELAIS_PASS_SOCKET, "established");
}

}  // namespace
}  // namespace relais::test
