// The loaded programs with two VIPs, one per family.
#include "tests/bpf/fixture.h"

#include "base/clock.h"
#include "netfilter/abi/vip.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace relais::test {
namespace {

relais_vip describe(std::size_t number) {
  relais_vip vip{};
  vip.number_plus_one = static_cast<std::uint32_t>(number) + 1;
  std::ranges::copy(kClusterMac.bytes(), vip.cluster_mac);
  return vip;
}

std::size_t slot_of(const IpAddress& client) {
  const std::size_t vip = client.family() == IpFamily::v4 ? kVipNumber4 : kVipNumber6;
  return vip * RELAIS_BUCKETS + bucket_of(kKey, client).value();
}

}  // namespace

void BpfTest::SetUp() {
  skeleton_.reset(data_plane__open());
  ASSERT_TRUE(skeleton_) << "cannot open the BPF object";
  skeleton_->rodata->node.key0 = kKey.k0;
  skeleton_->rodata->node.key1 = kKey.k1;
  std::ranges::copy(kOwnMac.bytes(), skeleton_->rodata->node.own_mac);
  ASSERT_EQ(data_plane__load(skeleton_.get()), 0) << "cannot load the BPF programs";
  const relais_vip vip4 = describe(kVipNumber4);
  const relais_vip vip6 = describe(kVipNumber6);
  ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.vips4), kVip4.bytes().data(), &vip4, BPF_ANY), 0);
  ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.vips6), kVip6.bytes().data(), &vip6, BPF_ANY), 0);
  set_lease(Lease::valid);
}

void BpfTest::set_state(const IpAddress& client, BucketState state) {
  for (std::uint32_t slot = 0; slot < RELAIS_BUCKET_SLOTS; ++slot) {
    const auto value = static_cast<std::uint32_t>(slot == slot_of(client) ? state : BucketState::foreign);
    ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.buckets), &slot, &value, BPF_ANY), 0);
  }
}

void BpfTest::set_lease(Lease lease) {
  const std::uint64_t now = boot_ns(boot_now());
  const std::uint64_t hour = 3'600'000'000'000;
  const std::uint64_t end = lease == Lease::valid ? now + hour : lease == Lease::over ? now - 1 : 0;
  const std::uint32_t index = 0;
  ASSERT_EQ(bpf_map_update_elem(bpf_map__fd(skeleton_->maps.lease), &index, &end, BPF_ANY), 0);
}

std::array<std::uint64_t, RELAIS_VERDICTS> BpfTest::read_verdicts() const {
  std::array<std::uint64_t, RELAIS_VERDICTS> sums{};
  std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  for (std::uint32_t i = 0; i < RELAIS_VERDICTS; ++i) {
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.verdicts), &i, per_cpu.data()) != 0) continue;
    for (const std::uint64_t value : per_cpu) sums[i] += value;
  }
  return sums;
}

std::optional<Outcome> BpfTest::try_run(const bpf_program* program, const Bytes& packet) {
  const auto before = read_verdicts();
  Bytes out(packet.size() + 256);
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet.data(), .data_out = out.data(),
              .data_size_in = static_cast<__u32>(packet.size()), .data_size_out = static_cast<__u32>(out.size()),
              .repeat = 1);
  const int result = bpf_prog_test_run_opts(bpf_program__fd(program), &options);
  if (result == -EINVAL) return std::nullopt;
  EXPECT_EQ(result, 0) << std::strerror(-result);
  out.resize(options.data_size_out);
  Outcome outcome{.returned = static_cast<int>(options.retval), .packet = out, .verdict = RELAIS_NO_VERDICT};
  const auto after = read_verdicts();
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i] == before[i]) continue;
    EXPECT_EQ(outcome.verdict, RELAIS_NO_VERDICT) << "more than one verdict on one packet";
    outcome.verdict = static_cast<relais_verdict>(i);
  }
  return outcome;
}

Outcome BpfTest::run(const bpf_program* program, const Bytes& packet) {
  const auto result = try_run(program, packet);
  EXPECT_TRUE(result) << "the kernel refuses to test with this packet";
  return result.value_or(Outcome{});
}

relais_bucket_packets BpfTest::bucket_packets(const IpAddress& client) {
  const auto slot = static_cast<std::uint32_t>(slot_of(client));
  std::vector<relais_bucket_packets> per_cpu(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  EXPECT_EQ(bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.bucket_packets), &slot, per_cpu.data()), 0);
  relais_bucket_packets sum{};
  for (const relais_bucket_packets& packets : per_cpu) {
    sum.passed += packets.passed;
    sum.dropped += packets.dropped;
  }
  return sum;
}

std::string verdict_name(relais_verdict verdict) {
  switch (verdict) {
#define RELAIS_VERDICT_CASE(upper, lower) \
  case RELAIS_##upper: return #lower;
    RELAIS_VERDICT_LIST(RELAIS_VERDICT_CASE)
#undef RELAIS_VERDICT_CASE
    case RELAIS_NO_VERDICT:
    case RELAIS_VERDICTS: break;
  }
  return "none";
}

Bytes to_cluster(const Bytes& packet) { return build(Ethernet{.to = kClusterMac, .payload = packet}); }

}  // namespace relais::test
