// The data plane on real interfaces: real TCP (a ping would hide what TCP refuses), in every attach mode, both
// families.
#include "tests/bpf/network.h"

#include "base/clock.h"
#include "netfilter/abi/attachment.h"
#include "netfilter/loader/bpf_file_system.h"
#include "netfilter/net/link.h"
#include "netfilter/net/vip_address.h"
#include "tests/bpf/fixture.h"

#include <bpf/bpf.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <thread>

namespace relais::test {
namespace {

using namespace std::chrono_literals;
using netfilter::AttachChoice;
using netfilter::AttachMode;
using netfilter::DataPlane;

constexpr IpFamily kFamilies[] = {IpFamily::v4, IpFamily::v6};
constexpr auto kNoAnswer = 250ms;  // long for a veth, shorter than TCP's retry

IpAddress vip_of(IpFamily family) { return family == IpFamily::v4 ? kVip4 : kVip6; }

Connection connect(const Segment& segment, const IpAddress& from) {
  return {segment.client, from, vip_of(from.family())};
}

std::uint64_t verdicts(const netfilter::Counters& counters, relais_verdict verdict) {
  for (const auto& [name, count] : counters.verdicts) {
    if (name == verdict_name(verdict)) return count;
  }
  ADD_FAILURE() << "no such verdict";
  return 0;
}

netfilter::Counters counters_of(const DataPlane& plane) {
  auto counters = plane.counters();
  EXPECT_TRUE(counters);
  return counters ? std::move(*counters) : netfilter::Counters{};
}

std::uint64_t verdicts(const DataPlane& plane, relais_verdict verdict) { return verdicts(counters_of(plane), verdict); }

std::uint64_t passed_to(const netfilter::Counters& counters, std::size_t vip) {
  std::uint64_t passed = 0;
  for (const auto& bucket : counters.buckets.at(vip)) passed += bucket.passed;
  return passed;
}

class DataPlaneTest : public testing::Test {
 protected:
  void open_both(AttachChoice choice) {
    segment_.open(segment_.a, choice);
    segment_.open(segment_.b, choice);
    ASSERT_TRUE(segment_.a.plane && segment_.b.plane);
  }
  Segment segment_;
};

class AttachedTest : public DataPlaneTest, public testing::WithParamInterface<AttachChoice> {
 protected:
  void SetUp() override { open_both(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Mode, AttachedTest,
                         testing::Values(AttachChoice::native, AttachChoice::generic, AttachChoice::tc),
                         [](const auto& choice) {
                           return choice.param == AttachChoice::native    ? "native"
                                  : choice.param == AttachChoice::generic ? "generic"
                                                                          : "tc";
                         });

TEST_P(AttachedTest, every_client_is_answered_by_the_node_that_serves_its_bucket) {
  BucketStates even{};
  BucketStates odd{};
  for (std::size_t i = 0; i < kBuckets; ++i) (i % 2 == 0 ? even : odd)[i] = BucketState::serve;
  for (const VipId vip : {VipId(0), VipId(1)}) {
    segment_.a.plane->set_states(vip, even);
    segment_.b.plane->set_states(vip, odd);
  }
  segment_.a.plane->set_lease(boot_now() + 1h);
  segment_.b.plane->set_lease(boot_now() + 1h);
  for (const IpFamily family : kFamilies) {
    for (std::size_t i = 0; i < 20; ++i) {
      const IpAddress from = Segment::client_address(family, i);
      const char expected = bucket_of(kKey, from).value() % 2 == 0 ? 'a' : 'b';
      Connection connection = connect(segment_, from);
      EXPECT_EQ(connection.answered_by(3s), expected) << from.to_string();
      EXPECT_TRUE(connection.echoes());
    }
  }
}

TEST_P(AttachedTest, megabytes_arrive_unchanged_also_in_jumbo_frames) {
  Segment::set_all(segment_.a, BucketState::serve);
  for (const char* mtu : {"1500", "9000"}) {
    segment_.set_mtu(mtu);
    for (const IpFamily family : kFamilies) {
      Connection connection = connect(segment_, Segment::client_address(family, 4));
      ASSERT_EQ(connection.answered_by(3s), 'a');
      EXPECT_TRUE(connection.echoes_all(4'000'000)) << "MTU " << mtu;
    }
  }
}

TEST_P(AttachedTest, counters_say_in_which_bucket_packets_passed) {
  Segment::set_all(segment_.a, BucketState::serve);
  const IpAddress from = Segment::client_address(IpFamily::v6, 6);
  ASSERT_EQ(connect(segment_, from).answered_by(3s), 'a');
  netfilter::Counters counters = counters_of(*segment_.a.plane);
  ASSERT_EQ(counters.buckets.size(), 2U);
  // The connection's last segments may still be on their way, and the two maps are not read at one instant.
  const auto agree = [&] { return passed_to(counters, kVipNumber6) == verdicts(counters, RELAIS_PASS_SERVE); };
  for (int attempt = 0; attempt < 40 && !agree(); ++attempt) {
    std::this_thread::sleep_for(50ms);
    counters = counters_of(*segment_.a.plane);
  }
  EXPECT_TRUE(agree()) << passed_to(counters, kVipNumber6) << " != " << verdicts(counters, RELAIS_PASS_SERVE);
  const auto& bucket = counters.buckets[kVipNumber6][bucket_of(kKey, from).value()];
  EXPECT_GE(bucket.passed, 2U);
  EXPECT_EQ(bucket.passed, passed_to(counters, kVipNumber6)) << "one client, one bucket";
}

TEST_P(AttachedTest, a_connection_stays_with_its_node_while_its_bucket_moves_there_and_back) {
  Segment::set_all(segment_.a, BucketState::serve);
  Segment::set_all(segment_.b, BucketState::foreign);
  for (const IpFamily family : kFamilies) {
    const IpAddress from = Segment::client_address(family, 1);
    Connection old = connect(segment_, from);
    ASSERT_EQ(old.answered_by(3s), 'a');
    Segment::set_all(segment_.a, BucketState::leftover);
    Segment::set_all(segment_.b, BucketState::adopt);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(old.echoes()) << "the new owner must not reset it";
    Connection fresh = connect(segment_, from);
    EXPECT_EQ(fresh.answered_by(3s), 'b');
    Segment::set_all(segment_.b, BucketState::leftover);
    Segment::set_all(segment_.a, BucketState::adopt);
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(old.echoes() && fresh.echoes());
    EXPECT_EQ(connect(segment_, from).answered_by(3s), 'a');
    Segment::set_all(segment_.a, BucketState::serve);
    Segment::set_all(segment_.b, BucketState::foreign);
  }
}

TEST_P(AttachedTest, a_node_whose_lease_ended_neither_accepts_nor_sends) {
  Segment::set_all(segment_.a, BucketState::serve);
  for (const IpFamily family : kFamilies) {
    const IpAddress from = Segment::client_address(family, 2);
    Connection old = connect(segment_, from);
    ASSERT_EQ(old.answered_by(3s), 'a');
    segment_.a.plane->set_lease(boot_now() + 100ms);
    std::this_thread::sleep_for(120ms);
    const auto refused = verdicts(*segment_.a.plane, RELAIS_DROP_LEASE);
    EXPECT_FALSE(old.echoes(kNoAnswer));
    EXPECT_EQ(connect(segment_, from).answered_by(kNoAnswer), std::nullopt);
    EXPECT_GT(verdicts(*segment_.a.plane, RELAIS_DROP_LEASE), refused);
    segment_.a.plane->set_lease(boot_now() + 1h);
    EXPECT_EQ(connect(segment_, from).answered_by(3s), 'a');
  }
}

TEST_P(AttachedTest, neighbours_learn_the_cluster_mac_even_from_a_nodes_own_questions) {
  Segment::set_all(segment_.a, BucketState::serve);
  for (const IpFamily family : kFamilies) {
    const std::string vip = vip_of(family).to_string();
    Connection connection = connect(segment_, Segment::client_address(family, 3));
    ASSERT_EQ(connection.answered_by(3s), 'a');
    segment_.client.shell("ip neigh show to " + vip + " dev eth0 | grep -q 03:00:5e:11:11:11");
    segment_.a.space.shell("ip neigh flush all");
    EXPECT_TRUE(connection.echoes(3s)) << "the answer needs a question from the VIP first";
    segment_.client.shell("ip neigh show to " + vip + " dev eth0 | grep -q 03:00:5e:11:11:11");
  }
  EXPECT_GT(verdicts(*segment_.a.plane, RELAIS_EGRESS_REWRITTEN), 0U);
}

TEST_P(AttachedTest, not_one_packet_leaks_while_programs_are_replaced_under_traffic) {
  Segment::set_all(segment_.b, BucketState::serve);
  std::atomic<bool> stop = false;
  std::size_t connected = 0;
  std::thread traffic([&] {
    for (std::size_t i = 0; !stop; ++i) {
      const IpFamily family = i % 2 == 0 ? IpFamily::v4 : IpFamily::v6;
      if (connect(segment_, Segment::client_address(family, i % 40)).answered_by(3s) == 'b') ++connected;
    }
  });
  for (int i = 0; i < 10; ++i) segment_.open(segment_.a, GetParam());
  stop = true;
  traffic.join();
  EXPECT_GT(connected, 20U);
  EXPECT_EQ(segment_.a.space.tcp_segments_received(), 0U) << "a node that owns nothing must see nothing, at no moment";
}

TEST_P(AttachedTest, a_syn_that_reached_both_owners_breaks_nothing) {
  Segment::set_all(segment_.a, BucketState::serve);
  segment_.client.shell(
      "nft 'table inet lost { chain in { type filter hook input priority 0; tcp flags & (syn|ack) == (syn|ack) drop; "
      "}; }'");
  std::vector<Connection> connections;
  for (const IpFamily family : kFamilies) {
    for (std::size_t i = 0; i < 10; ++i) connections.push_back(connect(segment_, Segment::client_address(family, i)));
  }
  std::this_thread::sleep_for(200ms);  // all SYN-ACKs of `a` are lost
  Segment::set_all(segment_.a, BucketState::leftover);
  Segment::set_all(segment_.b, BucketState::adopt);
  segment_.client.shell("nft delete table inet lost");
  for (Connection& connection : connections) {
    EXPECT_EQ(connection.answered_by(5s), 'b') << "both nodes have a request socket; only one answer may count";
    EXPECT_TRUE(connection.echoes());
  }
  EXPECT_GT(verdicts(*segment_.a.plane, RELAIS_EGRESS_DROP_ANSWER) + verdicts(*segment_.a.plane, RELAIS_DROP_REQUEST),
            0U);
}

TEST_P(AttachedTest, programs_and_pins_outlive_the_process_and_the_next_one_fences_them) {
  segment_.a.plane.reset();
  const pid_t child = ::fork();
  if (child == 0) {  // a daemon that serves, and is killed
    segment_.open(segment_.a, GetParam());
    Segment::set_all(segment_.a, BucketState::serve);
    ::_exit(segment_.a.plane ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  Connection connection = connect(segment_, Segment::client_address(IpFamily::v4, 5));
  EXPECT_EQ(connection.answered_by(3s), 'a') << "served by the pinned programs alone";

  segment_.open(segment_.a, GetParam());
  EXPECT_EQ(segment_.a.plane->lease(), Instant{});
  for (const BucketState state : segment_.a.plane->states(VipId(0))) EXPECT_EQ(state, BucketState::leftover);
  EXPECT_EQ(connect(segment_, Segment::client_address(IpFamily::v4, 6)).answered_by(kNoAnswer), std::nullopt);
  EXPECT_GT(verdicts(*segment_.a.plane, RELAIS_PASS_SERVE), 0U) << "counters survive";
  segment_.a.plane->set_lease(boot_now() + 1h);
  EXPECT_TRUE(connection.echoes(3s)) << "and so do connections";
}

TEST_P(AttachedTest, what_somebody_takes_off_is_noticed) {
  const Within within(segment_.a.space);
  const AttachMode mode = segment_.a.plane->mode();
  const auto check = [&] { return netfilter::check_data_plane(segment_.a.pins, segment_.a.interface, mode); };
  ASSERT_TRUE(check()) << check().error().to_string();
  if (mode != AttachMode::tc) {
    ASSERT_EQ(::unlink((segment_.a.pins + "/xdp").c_str()), 0);
    ASSERT_FALSE(check());
    EXPECT_NE(check().error().what.find("XDP program"), std::string::npos) << check().error().what;
    EXPECT_EQ(check().error().code, ENOENT);
    segment_.open(segment_.a, GetParam());
    ASSERT_TRUE(check()) << "a new start puts it back: " << check().error().to_string();
  }
  segment_.a.space.shell("tc qdisc del dev eth0 clsact");
  ASSERT_FALSE(check());
  EXPECT_NE(check().error().what.find("egress program is gone"), std::string::npos) << check().error().what;
  EXPECT_EQ(check().error().code, ENOENT);
  segment_.open(segment_.a, GetParam());
  EXPECT_TRUE(check());
}

TEST_P(AttachedTest, detach_removes_all) {
  for (const IpAddress& vip : {kVip4, kVip6}) {
    const Within within(segment_.a.space);
    ASSERT_TRUE(netfilter::remove_vip_address(segment_.a.interface, vip));
  }
  {
    const Within within(segment_.a.space);
    const auto detached = segment_.a.plane->detach();
    ASSERT_TRUE(detached) << detached.error().to_string();
  }
  segment_.a.space.shell("! ip -details link show eth0 | grep -q xdp");
  segment_.a.space.shell("! tc qdisc show dev eth0 | grep -q clsact");
  EXPECT_FALSE(std::filesystem::exists(segment_.a.pins));
  const Within within(segment_.a.space);
  EXPECT_TRUE(netfilter::remove_data_plane(segment_.a.pins, segment_.a.interface)) << "twice is fine";
}

TEST_F(DataPlaneTest, the_mode_can_be_changed_at_any_restart_without_a_leak) {
  segment_.open(segment_.b, AttachChoice::automatic);
  Segment::set_all(segment_.b, BucketState::serve);
  std::atomic<bool> stop = false;
  std::thread traffic([&] {
    for (std::size_t i = 0; !stop; ++i)
      connect(segment_, Segment::client_address(IpFamily::v4, i % 40)).answered_by(3s);
  });
  const std::pair<AttachChoice, AttachMode> steps[] = {
      {AttachChoice::automatic, AttachMode::native}, {AttachChoice::tc, AttachMode::tc},
      {AttachChoice::generic, AttachMode::generic},  {AttachChoice::native, AttachMode::native},
      {AttachChoice::generic, AttachMode::generic},  {AttachChoice::automatic, AttachMode::native}};
  for (const auto& [choice, mode] : steps) {
    segment_.open(segment_.a, choice);
    EXPECT_EQ(segment_.a.plane->mode(), mode);
    EXPECT_EQ(segment_.a.plane->why(), "");
  }
  stop = true;
  traffic.join();
  EXPECT_EQ(segment_.a.space.tcp_segments_received(), 0U);
}

TEST_F(DataPlaneTest, where_another_xdp_program_is_attached_tc_decides_and_says_why) {
  const Within within(segment_.a.space);
  std::unique_ptr<data_plane, void (*)(data_plane*)> stranger(data_plane__open_and_load(), data_plane__destroy);
  LIBBPF_OPTS(bpf_xdp_attach_opts, options);
  ASSERT_EQ(bpf_xdp_attach(static_cast<int>(segment_.a.interface.value()), bpf_program__fd(stranger->progs.relais_xdp),
                           0, &options),
            0);
  segment_.open(segment_.a, AttachChoice::automatic);
  EXPECT_EQ(segment_.a.plane->mode(), AttachMode::tc);
  ASSERT_EQ(segment_.a.plane->refusals().size(), 2U);
  EXPECT_EQ(segment_.a.plane->refusals()[0].mode, AttachMode::native);
  EXPECT_NE(segment_.a.plane->why().find("another XDP program"), std::string::npos) << segment_.a.plane->why();
  const auto forced = DataPlane::open(segment_.settings(segment_.a, AttachChoice::native));
  EXPECT_FALSE(forced) << "what was asked for by name is not replaced by something else";
}

TEST_F(DataPlaneTest, an_interface_without_native_xdp_gets_generic_xdp_and_says_why) {
  segment_.a.space.shell("ip link add rlsnf-plain type bridge && ip link set rlsnf-plain up");
  const Within within(segment_.a.space);
  auto settings = segment_.settings(segment_.a, AttachChoice::automatic);
  settings.interface = netfilter::find_link("rlsnf-plain")->index;
  const auto plane = DataPlane::open(settings);
  ASSERT_TRUE(plane) << plane.error().to_string();
  EXPECT_EQ(plane->mode(), AttachMode::generic);
  EXPECT_EQ(plane->why(), "xdp-native: the driver has no support for it");
}

TEST_F(DataPlaneTest, a_missing_interface_is_an_error) {
  auto settings = segment_.settings(segment_.a, AttachChoice::automatic);
  settings.interface = IfIndex(4711);
  EXPECT_FALSE(DataPlane::open(settings));
}

TEST_F(DataPlaneTest, maps_of_another_layout_are_replaced_by_new_ones) {
  segment_.open(segment_.a, AttachChoice::automatic);
  Segment::set_all(segment_.a, BucketState::serve);
  ASSERT_EQ(connect(segment_, Segment::client_address(IpFamily::v4, 1)).answered_by(3s), 'a');
  const UniqueFd map(bpf_obj_get((segment_.a.pins + "/maps/attachment").c_str()));
  relais_attachment attachment{};
  const std::uint32_t index = 0;
  ASSERT_EQ(bpf_map_lookup_elem(map.get(), &index, &attachment), 0);
  attachment.layout_version = RELAIS_LAYOUT_VERSION + 1;
  ASSERT_EQ(bpf_map_update_elem(map.get(), &index, &attachment, BPF_ANY), 0);

  segment_.open(segment_.a, AttachChoice::automatic);
  EXPECT_EQ(verdicts(*segment_.a.plane, RELAIS_PASS_SERVE), 0U) << "new counters";
  for (const BucketState state : segment_.a.plane->states(VipId(0))) EXPECT_EQ(state, BucketState::leftover);
  EXPECT_FALSE(std::filesystem::exists(segment_.a.pins + "/maps-new"));
  Segment::set_all(segment_.a, BucketState::serve);
  EXPECT_EQ(connect(segment_, Segment::client_address(IpFamily::v4, 1)).answered_by(3s), 'a');
}

TEST_F(DataPlaneTest, vips_may_change_their_order_and_number_at_a_restart) {
  segment_.open(segment_.a, AttachChoice::automatic);
  BucketStates first{};
  first[1] = BucketState::serve;
  segment_.a.plane->set_states(VipId(0), first);
  auto settings = segment_.settings(segment_.a, AttachChoice::automatic);
  const IpAddress third = IpAddress::parse("198.51.100.101").value();
  settings.vips = {{third, kClusterMac}, {kVip4, kClusterMac}};
  const Within within(segment_.a.space);
  auto plane = DataPlane::open(settings);
  ASSERT_TRUE(plane) << plane.error().to_string();
  EXPECT_EQ(plane->states(VipId(0)), BucketStates{});
  EXPECT_EQ(plane->states(VipId(1))[1], BucketState::leftover);
  EXPECT_EQ(netfilter::pinned_vips(segment_.a.pins).size(), 2U);
}

TEST_F(DataPlaneTest, without_a_bpf_file_system_the_error_says_how_to_get_one) {
  auto settings = segment_.settings(segment_.a, AttachChoice::automatic);
  settings.pin_directory = "/tmp/rlsnf-no-such/relais";
  const auto plane = DataPlane::open(settings);
  ASSERT_FALSE(plane);
  EXPECT_NE(plane.error().way_out.find("mount -t bpf"), std::string::npos) << plane.error().to_string();
}

}  // namespace
}  // namespace relais::test
