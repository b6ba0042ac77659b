// The state table of docs/architecture.md, row by row: packet in, bucket state, verdict, packet out. Each row runs
// through the XDP program and through the tc program, which must agree. No socket exists here; socket_test.cpp has
// those rows.
#include "tests/bpf/fixture.h"

#include "base/clock.h"
#include "base/prng.h"

namespace relais::test {
namespace {

constexpr int kXdpDrop = 1;
constexpr int kXdpPass = 2;
constexpr int kTcUnspecified = -1;
constexpr int kTcShot = 2;

bool is_drop(relais_verdict verdict) { return verdict >= RELAIS_DROP_FOREIGN && verdict < RELAIS_EGRESS_REWRITTEN; }

bool is_untouched(relais_verdict verdict) { return verdict == RELAIS_PASS_OTHER || verdict == RELAIS_PASS_NEIGHBOUR; }

struct Row {
  std::string description;
  BucketState state = BucketState::foreign;
  Bytes packet;  // IP
  relais_verdict verdict = RELAIS_NO_VERDICT;
  IpAddress client;
};

Endpoints in(const IpAddress& client) {
  return {.from = client, .to = client.family() == IpFamily::v4 ? kVip4 : kVip6};
}

Endpoints out(const IpAddress& client) { return {.from = in(client).to, .to = client}; }

Bytes segment(const IpAddress& client, std::uint8_t flags) {
  return build(in(client),
               Tcp{.from = 40000, .to = 80, .sequence = 1, .acknowledgement = 2, .flags = flags, .payload = {}});
}

Bytes ping(const IpAddress& client) {
  const std::uint8_t type = client.family() == IpFamily::v4 ? 8 : 128;
  return build(in(client), Icmp{.type = type, .code = 0, .rest = big_endian32(1)});
}

// "Packet too big", from a router whose own address is in another bucket, about a segment that the VIP sent to
// `client`.
Bytes too_big(const IpAddress& client) {
  const bool is_v4 = client.family() == IpFamily::v4;
  const Bytes sent = build(
      out(client), Tcp{.from = 80, .to = 40000, .sequence = 5, .acknowledgement = 2, .flags = kAck, .payload = {}});
  return build_icmp_error({.from = is_v4 ? kRouter4 : kRouter6, .to = in(client).to}, is_v4 ? 3 : 2, sent,
                          is_v4 ? 28 : 48);
}

// As it goes to the hold: the source MAC is the marker.
Bytes marked(Bytes frame) {
  constexpr std::array<std::uint8_t, 6> marker = RELAIS_HOLD_MARKER;
  std::ranges::copy(marker, frame.begin() + 6);
  return frame;
}

class VerdictTest : public BpfTest {
 protected:
  void expect(const Row& row) {
    SCOPED_TRACE(row.description + ", client " + row.client.to_string() + ", state " +
                 std::string(to_string(row.state)));
    set_state(row.client, row.state);
    expect_frame(row.verdict, to_cluster(row.packet));
  }

  void expect_frame(relais_verdict verdict, const Bytes& frame) {
    programs().forget_openers(boot_now());
    const Outcome by_xdp = run(xdp(), frame);
    EXPECT_EQ(verdict_name(by_xdp.verdict), verdict_name(verdict));
    EXPECT_EQ(by_xdp.returned, is_drop(verdict) ? kXdpDrop : kXdpPass);
    Bytes expected = frame;
    if (!is_drop(verdict) && !is_untouched(verdict)) std::ranges::copy(kOwnMac.bytes(), expected.begin());
    if (verdict == RELAIS_PASS_HOLD) expected = marked(expected);
    EXPECT_EQ(by_xdp.packet, expected)
        << "the destination MAC is rewritten on what we answer, the source on what waits";
    programs().forget_openers(boot_now());  // so that it does not wait already
    const Outcome by_tc = run(tc_ingress(), frame);
    EXPECT_EQ(verdict_name(by_tc.verdict), verdict_name(verdict)) << "tc";
    EXPECT_EQ(by_tc.returned, is_drop(verdict) ? kTcShot : kTcUnspecified);
    EXPECT_EQ(by_tc.packet, verdict == RELAIS_PASS_HOLD ? marked(frame) : frame)
        << "tc changes the packet type, and the packet only if it is to be held";
  }
};

TEST_F(VerdictTest, every_cell_of_the_state_table) {
  struct Cells {
    BucketState state;
    relais_verdict opener, segment, other;
  };
  constexpr Cells kTable[] = {
      {BucketState::foreign, RELAIS_DROP_FOREIGN, RELAIS_DROP_FOREIGN, RELAIS_DROP_FOREIGN},
      {BucketState::leftover, RELAIS_DROP_LEFTOVER, RELAIS_DROP_UNKNOWN, RELAIS_DROP_LEFTOVER},
      {BucketState::shadow, RELAIS_PASS_HOLD, RELAIS_DROP_UNKNOWN, RELAIS_DROP_SHADOW},
      {BucketState::adopt, RELAIS_PASS_ADOPT, RELAIS_DROP_UNKNOWN, RELAIS_PASS_ADOPT},
      {BucketState::serve, RELAIS_PASS_SERVE, RELAIS_PASS_SERVE, RELAIS_PASS_SERVE},
  };
  for (const IpAddress& client : {kClient4, kClient6}) {
    for (const Cells& cells : kTable) {
      expect({"SYN", cells.state, segment(client, kSyn), cells.opener, client});
      expect({"SYN with ECN bits", cells.state, segment(client, kSyn | 0xc0), cells.opener, client});
      expect({"ACK", cells.state, segment(client, kAck), cells.segment, client});
      expect({"SYN-ACK is no opener", cells.state, segment(client, kSyn | kAck), cells.segment, client});
      expect({"RST", cells.state, segment(client, kRst), cells.segment, client});
      expect({"FIN", cells.state, segment(client, kFin | kAck), cells.segment, client});
      expect({"UDP", cells.state, build_udp(in(client), 40000, 53), cells.other, client});
      expect({"ping", cells.state, ping(client), cells.other, client});
    }
  }
}

TEST_F(VerdictTest, an_icmp_error_follows_the_flow_that_it_quotes) {
  for (const IpAddress& client : {kClient4, kClient6}) {
    expect({"owner", BucketState::serve, too_big(client), RELAIS_PASS_SERVE, client});
    expect({"new owner", BucketState::adopt, too_big(client), RELAIS_PASS_ADOPT, client});
    expect({"leftover without the connection", BucketState::leftover, too_big(client), RELAIS_DROP_UNKNOWN, client});
    expect({"foreign", BucketState::foreign, too_big(client), RELAIS_DROP_FOREIGN, client});
  }
}

TEST_F(VerdictTest, every_type_of_icmp_error_is_hashed_by_its_inner_header) {
  const Bytes sent4 = build_udp(out(kClient4), 53, 40000);
  const Bytes sent6 = build_udp(out(kClient6), 53, 40000);
  for (const std::uint8_t type : Bytes{3, 11, 12}) {
    expect({"ICMP", BucketState::serve, build_icmp_error({.from = kRouter4, .to = kVip4}, type, sent4, 28),
            RELAIS_PASS_SERVE, kClient4});
  }
  for (const std::uint8_t type : Bytes{1, 2, 3, 4}) {
    expect({"ICMPv6", BucketState::serve, build_icmp_error({.from = kRouter6, .to = kVip6}, type, sent6, 48),
            RELAIS_PASS_SERVE, kClient6});
  }
  expect({"redirect is no error", BucketState::serve, build_icmp_error({.from = kRouter4, .to = kVip4}, 5, sent4, 28),
          RELAIS_DROP_FOREIGN, kClient4});
}

TEST_F(VerdictTest, an_icmp_error_about_a_packet_that_was_not_the_vips_is_malformed) {
  const Bytes not_ours4 = build_udp({.from = kRouter4, .to = kClient4}, 53, 40000);
  const Bytes not_ours6 = build_udp({.from = kRouter6, .to = kClient6}, 53, 40000);
  expect({"IPv4", BucketState::serve, build_icmp_error({.from = kRouter4, .to = kVip4}, 3, not_ours4, 28),
          RELAIS_DROP_MALFORMED, kClient4});
  expect({"IPv6", BucketState::serve, build_icmp_error({.from = kRouter6, .to = kVip6}, 2, not_ours6, 48),
          RELAIS_DROP_MALFORMED, kClient6});
}

TEST_F(VerdictTest, neighbour_discovery_for_a_vip_always_passes) {
  for (const std::uint8_t type : Bytes{133, 134, 135, 136, 137}) {
    const Bytes message = build(in(kClient6), Icmp{.type = type, .code = 0, .rest = Bytes(20)});
    expect({"NDP " + std::to_string(type), BucketState::foreign, message, RELAIS_PASS_NEIGHBOUR, kClient6});
  }
  set_lease(Lease::never);
  expect({"NDP without a lease", BucketState::foreign,
          build(in(kClient6), Icmp{.type = 135, .code = 0, .rest = Bytes(20)}), RELAIS_PASS_NEIGHBOUR, kClient6});
}

TEST_F(VerdictTest, what_is_not_for_a_vip_passes_untouched_whatever_its_mac) {
  const IpAddress other4 = IpAddress::parse("198.51.100.99").value();
  const IpAddress other6 = IpAddress::parse("2001:db8:1::99").value();
  for (const MacAddress& mac : {kClusterMac, kOwnMac}) {
    const auto frame = [&](const Bytes& packet) { return build(Ethernet{.to = mac, .payload = packet}); };
    expect_frame(RELAIS_PASS_OTHER, frame(build_udp({.from = kClient4, .to = other4}, 1, 2)));
    expect_frame(RELAIS_PASS_OTHER, frame(build_udp({.from = kClient6, .to = other6}, 1, 2)));
  }
}

TEST_F(VerdictTest, a_packet_for_a_vip_is_judged_even_if_it_comes_to_the_own_mac) {
  set_state(kClient4, BucketState::foreign);
  expect_frame(RELAIS_DROP_FOREIGN, build(Ethernet{.to = kOwnMac, .payload = segment(kClient4, kSyn)}));
  expect_frame(RELAIS_DROP_FOREIGN, build(Ethernet{.to = kOwnMac, .payload = segment(kClient6, kSyn)}));
}

TEST_F(VerdictTest, arp_and_vlan_frames_pass_untouched) {
  const Arp question{.operation = 1, .sender_mac = kOwnMac, .sender = kClient4, .target_mac = {}, .target = kVip4};
  expect_frame(RELAIS_PASS_OTHER, build(Ethernet{.to = kClusterMac, .type = 0x0806, .payload = build(question)}));
  const Bytes tagged = big_endian16(7) + big_endian16(0x0800) + segment(kClient4, kSyn);
  expect_frame(RELAIS_PASS_OTHER, build(Ethernet{.to = kClusterMac, .type = 0x8100, .payload = tagged}));
  expect_frame(RELAIS_PASS_OTHER, build(Ethernet{.to = kClusterMac, .type = 0x88cc, .payload = Bytes(46)}));
}

TEST_F(VerdictTest, without_a_valid_lease_openers_wait_nothing_else_passes_and_others_packets_are_as_ever) {
  for (const Lease lease : {Lease::over, Lease::never}) {
    set_lease(lease);
    for (const IpAddress& client : {kClient4, kClient6}) {
      expect({"owner", BucketState::serve, segment(client, kSyn), RELAIS_PASS_HOLD, client});
      expect({"owner", BucketState::serve, segment(client, kAck), RELAIS_DROP_LEASE, client});
      expect({"owner", BucketState::serve, ping(client), RELAIS_DROP_LEASE, client});
      expect({"new owner", BucketState::adopt, segment(client, kSyn), RELAIS_PASS_HOLD, client});
      expect({"an error", BucketState::serve, too_big(client), RELAIS_DROP_LEASE, client});
      expect({"foreign", BucketState::foreign, segment(client, kSyn), RELAIS_DROP_FOREIGN, client});
    }
  }
}

TEST_F(VerdictTest, ipv4_options_are_skipped) {
  Bytes with_options = segment(kClient4, kSyn);
  const Bytes tcp(with_options.begin() + 20, with_options.end());
  const Bytes packet = build(
      Ip{.from = kClient4, .to = kVip4, .protocol = kTcp, .fragment = 0, .options = Bytes(40, 1), .payload = tcp});
  expect({"40 bytes of options", BucketState::adopt, packet, RELAIS_PASS_ADOPT, kClient4});
  expect({"40 bytes of options", BucketState::leftover, packet, RELAIS_DROP_LEFTOVER, kClient4});
}

TEST_F(VerdictTest, up_to_four_ipv6_extension_headers_are_skipped) {
  const Bytes plain = segment(kClient6, kSyn);
  const Bytes tcp(plain.begin() + 40, plain.end());
  const auto packet = [&](const Bytes& headers, std::uint8_t first) {
    return build(
        Ip{.from = kClient6, .to = kVip6, .protocol = first, .fragment = 0, .options = {}, .payload = headers + tcp});
  };
  expect({"hop by hop", BucketState::leftover, packet(extension(kTcp, 1), 0), RELAIS_DROP_LEFTOVER, kClient6});
  expect({"four", BucketState::leftover,
          packet(extension(60, 1) + extension(43, 3) + extension(60, 1) + extension(kTcp, 2), 0), RELAIS_DROP_LEFTOVER,
          kClient6});
  const Bytes five = extension(60, 1) + extension(43, 1) + extension(60, 1) + extension(60, 1) + extension(kTcp, 1);
  expect({"five", BucketState::serve, packet(five, 0), RELAIS_DROP_MALFORMED, kClient6});
  expect(
      {"destination options", BucketState::leftover, packet(extension(kTcp, 1), 60), RELAIS_DROP_LEFTOVER, kClient6});
  Bytes too_long = extension(kTcp, 1);
  too_long[1] = 200;
  expect({"length beyond the end", BucketState::leftover, packet(too_long, 0), RELAIS_DROP_MALFORMED, kClient6});
}

TEST_F(VerdictTest, all_fragments_follow_the_hash_of_the_address) {
  const Bytes data(64, 0x55);
  const auto fragment4 = [&](std::uint8_t protocol, std::uint16_t bits) {
    return build(
        Ip{.from = kClient4, .to = kVip4, .protocol = protocol, .fragment = bits, .options = {}, .payload = data});
  };
  const auto fragment6 = [&](std::uint8_t protocol, std::uint16_t offset, std::uint8_t more) {
    return build(Ip{.from = kClient6,
                    .to = kVip6,
                    .protocol = 44,
                    .fragment = 0,
                    .options = {},
                    .payload = fragment_header(protocol, offset, more) + data});
  };
  const std::vector<std::pair<IpAddress, Bytes>> udp = {{kClient4, fragment4(kUdp, 0x2000)},
                                                        {kClient4, fragment4(kUdp, 10)},
                                                        {kClient6, fragment6(kUdp, 0, 1)},
                                                        {kClient6, fragment6(kUdp, 10, 0)}};
  for (const auto& [client, packet] : udp) {
    expect({"UDP", BucketState::serve, packet, RELAIS_PASS_SERVE, client});
    expect({"UDP", BucketState::foreign, packet, RELAIS_DROP_FOREIGN, client});
    expect({"UDP", BucketState::leftover, packet, RELAIS_DROP_LEFTOVER, client});
  }
  for (const auto& [client, packet] :
       {std::pair(kClient4, fragment4(kTcp, 10)), std::pair(kClient6, fragment6(kTcp, 10, 0))}) {
    expect({"later TCP", BucketState::leftover, packet, RELAIS_PASS_FRAGMENT, client});
    expect({"later TCP", BucketState::adopt, packet, RELAIS_PASS_FRAGMENT, client});
    expect({"later TCP", BucketState::foreign, packet, RELAIS_DROP_FOREIGN, client});
  }
  expect(
      {"later ICMP that looks like an error", BucketState::serve, fragment4(kIcmp, 10), RELAIS_PASS_SERVE, kClient4});
}

TEST_F(VerdictTest, a_bucket_state_that_nobody_knows_answers_nothing) {
  expect({"state 77", static_cast<BucketState>(77), segment(kClient4, kSyn), RELAIS_DROP_FOREIGN, kClient4});
}

TEST_F(VerdictTest, packets_are_counted_in_their_bucket) {
  expect({"passed", BucketState::serve, segment(kClient4, kSyn), RELAIS_PASS_SERVE, kClient4});
  expect({"dropped", BucketState::foreign, segment(kClient4, kSyn), RELAIS_DROP_FOREIGN, kClient4});
  expect({"dropped", BucketState::foreign, segment(kClient4, kAck), RELAIS_DROP_FOREIGN, kClient4});
  EXPECT_EQ(programs().bucket_packets(kClient4).passed, 2U) << "once by each program";
  EXPECT_EQ(programs().bucket_packets(kClient4).dropped, 4U);
  EXPECT_EQ(programs().bucket_packets(kClient6).dropped, 0U);
}

TEST_F(VerdictTest, a_packet_cut_off_at_any_length_never_passes_as_something_else) {
  for (const IpAddress& client : {kClient4, kClient6}) {
    const bool is_v4 = client.family() == IpFamily::v4;
    for (const Bytes& packet : {segment(client, kAck), too_big(client), ping(client)}) {
      const Bytes frame = to_cluster(packet);
      set_state(client, BucketState::leftover);
      for (std::size_t length = 14; length < frame.size(); ++length) {
        const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
        for (const bpf_program* program : {xdp(), tc_ingress()}) {
          const auto result = try_run(program, cut);
          if (!result) continue;  // newer kernels refuse to test a tc program with less than an IP header
          const bool has_ip_header = length >= (is_v4 ? 34U : 54U);
          EXPECT_EQ(has_ip_header, result->verdict != RELAIS_PASS_OTHER) << length;
          if (has_ip_header) {
            EXPECT_TRUE(is_drop(result->verdict)) << verdict_name(result->verdict) << " at " << length;
          }
        }
      }
    }
  }
}

TEST_F(VerdictTest, garbage_for_a_vip_always_meets_a_verdict) {
  Prng prng(11);
  set_state(kClient4, BucketState::leftover);
  for (int round = 0; round < 2000; ++round) {
    Bytes frame = to_cluster(segment(round % 2 == 0 ? kClient4 : kClient6, kAck));
    const std::size_t header_end = round % 2 == 0 ? 34 : 54;
    for (std::size_t i = 14; i < frame.size(); ++i) {
      const bool keep = i >= header_end - (round % 2 == 0 ? 4U : 16U) && i < header_end;  // the destination address
      if (!keep && prng.chance(500)) frame[i] = static_cast<std::uint8_t>(prng.next());
    }
    const auto by_xdp = try_run(xdp(), frame);
    const auto by_tc = try_run(tc_ingress(), frame);
    ASSERT_TRUE(by_xdp);
    EXPECT_NE(by_xdp->verdict, RELAIS_NO_VERDICT);
    EXPECT_NE(by_xdp->verdict, RELAIS_PASS_OTHER);
    if (by_tc) {
      EXPECT_EQ(by_tc->verdict, by_xdp->verdict);
    }
  }
}

}  // namespace
}  // namespace relais::test
