// Loads the programs and fills their maps directly, without the loader.
#include "tests/bpf/programs.h"

#include "base/clock.h"
#include "netfilter/abi/vip.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>

#include <algorithm>
#include <vector>

namespace relais::test {
namespace {

std::size_t processors() { return static_cast<std::size_t>(libbpf_num_possible_cpus()); }

relais_vip describe(std::size_t number) {
  relais_vip vip{};
  vip.number_plus_one = static_cast<std::uint32_t>(number) + 1;
  std::ranges::copy(kClusterMac.bytes(), vip.cluster_mac);
  return vip;
}

std::uint32_t slot_of(const IpAddress& client) {
  const std::size_t vip = client.family() == IpFamily::v4 ? kVipNumber4 : kVipNumber6;
  return static_cast<std::uint32_t>(vip * RELAIS_BUCKETS + bucket_of(kKey, client).value());
}

}  // namespace

Result<LoadedPrograms> LoadedPrograms::load() {
  LoadedPrograms programs(data_plane__open());
  if (!programs.skeleton_) return system_error("cannot open the BPF object");
  data_plane& skeleton = *programs.skeleton_;
  skeleton.rodata->node.key0 = kKey.k0;
  skeleton.rodata->node.key1 = kKey.k1;
  std::ranges::copy(kOwnMac.bytes(), skeleton.rodata->node.own_mac);
  const std::uint64_t interval_ns = 10'000'000;
  skeleton.rodata->node.hold_ns = static_cast<std::uint64_t>(kHoldAge.count());
  skeleton.rodata->node.hold_interval_ns = interval_ns;
  skeleton.rodata->node.hold_burst_ns = kHoldBurst * interval_ns;
  if (const int result = data_plane__load(&skeleton); result != 0)
    return system_error("cannot load the BPF programs", -result);
  const relais_vip vip4 = describe(kVipNumber4);
  const relais_vip vip6 = describe(kVipNumber6);
  if (bpf_map_update_elem(bpf_map__fd(skeleton.maps.vips4), kVip4.bytes().data(), &vip4, BPF_ANY) != 0 ||
      bpf_map_update_elem(bpf_map__fd(skeleton.maps.vips6), kVip6.bytes().data(), &vip6, BPF_ANY) != 0) {
    return system_error("cannot fill the maps");
  }
  programs.set_lease(Lease::valid);
  return programs;
}

void LoadedPrograms::set_state(const IpAddress& client, BucketState state) {
  for (std::uint32_t slot = 0; slot < RELAIS_BUCKET_SLOTS; ++slot) {
    const auto value = static_cast<std::uint32_t>(slot == slot_of(client) ? state : BucketState::foreign);
    bpf_map_update_elem(bpf_map__fd(skeleton_->maps.buckets), &slot, &value, BPF_ANY);
  }
}

void LoadedPrograms::set_lease(Lease lease) {
  const std::uint64_t now = boot_ns(boot_now());
  const std::uint64_t hour = 3'600'000'000'000;
  const std::uint64_t end = lease == Lease::valid ? now + hour : lease == Lease::over ? now - 1 : 0;
  const std::uint32_t index = 0;
  bpf_map_update_elem(bpf_map__fd(skeleton_->maps.lease), &index, &end, BPF_ANY);
}

netfilter::OpenerTable LoadedPrograms::openers() const {
  return netfilter::OpenerTable(UniqueFd(::fcntl(bpf_map__fd(skeleton_->maps.openers), F_DUPFD_CLOEXEC, 3)));
}

void LoadedPrograms::forget_openers(Instant now) {
  const std::uint32_t index = 0;
  const std::uint64_t since = boot_ns(now);
  bpf_map_update_elem(bpf_map__fd(skeleton_->maps.openers_since), &index, &since, BPF_ANY);
}

void LoadedPrograms::set_claimed(Instant at) {
  const std::uint32_t index = 0;
  const std::uint64_t claimed_at = boot_ns(at);
  bpf_map_update_elem(bpf_map__fd(skeleton_->maps.claimed_at), &index, &claimed_at, BPF_ANY);
}

std::array<std::uint64_t, RELAIS_VERDICTS> LoadedPrograms::verdicts() const {
  std::array<std::uint64_t, RELAIS_VERDICTS> sums{};
  std::vector<std::uint64_t> per_cpu(processors());
  for (std::uint32_t i = 0; i < RELAIS_VERDICTS; ++i) {
    if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.verdicts), &i, per_cpu.data()) != 0) continue;
    for (const std::uint64_t value : per_cpu) sums[i] += value;
  }
  return sums;
}

relais_bucket_packets LoadedPrograms::bucket_packets(const IpAddress& client) const {
  const std::uint32_t slot = slot_of(client);
  std::vector<relais_bucket_packets> per_cpu(processors());
  bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.bucket_packets), &slot, per_cpu.data());
  relais_bucket_packets sum{};
  for (const relais_bucket_packets& packets : per_cpu) {
    sum.passed += packets.passed;
    sum.dropped += packets.dropped;
  }
  return sum;
}

}  // namespace relais::test
