// Opens in this order: fence the predecessor, load, fill (new maps before any program uses them), attach, swap pin
// directories.
#include "netfilter/loader/data_plane.h"

#include "base/clock.h"
#include "base/invariant.h"
#include "netfilter/abi/counters.h"
#include "netfilter/abi/lease.h"
#include "netfilter/abi/node.h"
#include "netfilter/loader/bpf_file_system.h"
#include "netfilter/loader/libbpf_log.h"
#include "netfilter/plan/stores.h"

#include "data_plane.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>

namespace relais::netfilter {
namespace {

static_assert(sizeof(relais_lease) == sizeof(std::uint64_t));

struct SkeletonDeleter {
  void operator()(data_plane* skeleton) const { data_plane__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<data_plane, SkeletonDeleter>;

constexpr std::array<std::string_view, RELAIS_VERDICTS> kVerdictNames = {"none",
#define RELAIS_VERDICT_NAME(upper, lower) #lower,
                                                                         RELAIS_VERDICT_LIST(RELAIS_VERDICT_NAME)
#undef RELAIS_VERDICT_NAME
};

// Whether the predecessor's maps are used on, or new ones take their place.
enum class Maps { kept, made };

Hooks hooks_of(const std::string& pin_directory, IfIndex interface) {
  return {.interface = interface, .xdp_link = pin_directory + "/xdp"};
}

void fence_predecessor(const std::string& pin_directory) {
  MapSet::open_pinned(maps_directory(pin_directory)).fence();
  MapSet::open_pinned(new_maps_directory(pin_directory)).fence();
}

Result<Skeleton> open_skeleton(const DataPlaneSettings& settings) {
  LibbpfLog log;
  Skeleton skeleton(data_plane__open());
  if (!skeleton) return log.error("cannot open the BPF object", -errno);
  skeleton->rodata->node.key0 = settings.key.k0;
  skeleton->rodata->node.key1 = settings.key.k1;
  std::ranges::copy(settings.own_mac.bytes(), skeleton->rodata->node.own_mac);
  INVARIANT(settings.hold.per_second > 0, "a rate by which one can divide");
  const std::uint64_t interval_ns = 1'000'000'000ULL / settings.hold.per_second;
  skeleton->rodata->node.hold_ns = static_cast<std::uint64_t>(settings.hold.age.count());
  skeleton->rodata->node.hold_interval_ns = interval_ns;
  skeleton->rodata->node.hold_burst_ns = interval_ns * settings.hold.burst;
  return skeleton;
}

// Into the kernel, with the predecessor's maps if they fit.
Result<> load(const Skeleton& skeleton, const MapSet& before, Maps maps) {
  if (maps == Maps::kept) {
    if (auto reused = before.reuse_in(skeleton->obj); !reused) return reused;
  }
  LibbpfLog log;
  const int result = data_plane__load(skeleton.get());
  if (result == 0) return {};
  return log.error("cannot load the BPF programs", result,
                   result == -EPERM ? "run as root (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON)"
                                    : "needs Linux 6.1 or newer with BTF (/sys/kernel/btf/vmlinux)");
}

Programs programs_of(const Skeleton& skeleton) {
  return {.xdp = bpf_program__fd(skeleton->progs.relais_xdp),
          .tc_host = bpf_program__fd(skeleton->progs.relais_tc_host),
          .tc_ingress = bpf_program__fd(skeleton->progs.relais_tc_ingress),
          .tc_egress = bpf_program__fd(skeleton->progs.relais_tc_egress)};
}

// A set of another layout (or none) makes room for the new one, which no program uses before it is filled.
Result<> pin_new(const MapSet& maps, const std::string& pin_directory) {
  const std::string directory = new_maps_directory(pin_directory);
  if (auto removed = remove_pins(directory); !removed) return removed;
  if (auto made = make_directories(directory); !made) return made;
  return maps.pin(directory);
}

Result<> swap_in_new(const std::string& pin_directory) {
  const std::string directory = maps_directory(pin_directory);
  if (auto removed = remove_pins(directory); !removed) return removed;
  if (std::rename(new_maps_directory(pin_directory).c_str(), directory.c_str()) == 0) return {};
  return system_error("cannot put the new maps into place at " + directory);
}

std::vector<IpAddress> addresses_of(const std::vector<VipSettings>& vips) {
  std::vector<IpAddress> addresses;
  for (const VipSettings& vip : vips) addresses.push_back(vip.address);
  return addresses;
}

// A set that was being filled when its daemon died counts as well.
bool clsact_is_ours(const std::string& pin_directory, IfIndex interface) {
  for (const std::string& directory : {maps_directory(pin_directory), new_maps_directory(pin_directory)}) {
    const auto attachment = MapSet::open_pinned(directory).attachment();
    if (attachment && attachment->interface == interface.value() && attachment->clsact_is_ours != 0) return true;
  }
  return false;
}

Result<relais_attachment> describe(const DataPlaneSettings& settings) {
  const bool was_ours = clsact_is_ours(settings.pin_directory, settings.interface);
  auto created = ensure_clsact(settings.interface);
  if (!created) return std::move(created).error();
  relais_attachment attachment{};
  attachment.layout_version = RELAIS_LAYOUT_VERSION;
  attachment.interface = settings.interface.value();
  attachment.clsact_is_ours = *created || was_ours ? 1 : 0;
  return attachment;
}

// New maps are pinned only when they are filled, and kept ones are filled under no lease: no program meets half a
// table.
Result<> fill(MapSet& maps, const DataPlaneSettings& settings, const MapSet& before, Maps origin) {
  const auto attachment = describe(settings);
  if (!attachment) return attachment.error();
  const auto states = plan_restart(before.tables(), addresses_of(settings.vips));
  if (auto filled = maps.fill(settings.vips, states, *attachment); !filled) return filled;
  return origin == Maps::made ? pin_new(maps, settings.pin_directory) : Result<>{};
}

UniqueFd duplicate(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

Result<std::uint64_t> sum_over_cpus(int fd, std::uint32_t index, std::vector<std::uint64_t>& per_cpu) {
  const int result = bpf_map_lookup_elem(fd, &index, per_cpu.data());
  if (result != 0) return system_error("cannot read the verdict counters", -result);
  std::uint64_t sum = 0;
  for (const std::uint64_t value : per_cpu) sum += value;
  return sum;
}

// All buckets of the first `vips` VIPs in one system call.
Result<std::vector<relais_bucket_packets>> read_bucket_packets(int fd, std::size_t vips, std::size_t cpus) {
  const std::size_t slots = vips * kBuckets;
  if (slots == 0) return std::vector<relais_bucket_packets>{};
  std::vector<relais_bucket_packets> values(slots * cpus);
  std::vector<std::uint32_t> keys(slots);
  auto count = static_cast<std::uint32_t>(slots);
  std::uint32_t next = 0;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  const int result = bpf_map_lookup_batch(fd, nullptr, &next, keys.data(), values.data(), &count, &options);
  if (result != 0 && (result != -ENOENT || count != slots))
    return system_error("cannot read the bucket counters", -result);
  return values;
}

}  // namespace

DataPlane::DataPlane(const DataPlaneSettings& settings, MappedArray<std::uint32_t> buckets,
                     MappedArray<std::uint64_t> lease, MappedArray<std::uint64_t> openers_since,
                     MappedArray<std::uint64_t> claimed_at)
    : pin_directory_(settings.pin_directory),
      interface_(settings.interface),
      vips_(settings.vips.size()),
      buckets_(std::move(buckets)),
      lease_(std::move(lease)),
      openers_since_(std::move(openers_since)),
      claimed_at_(std::move(claimed_at)) {}

Result<DataPlane> DataPlane::over(const DataPlaneSettings& settings, const MapSet& maps) {
  auto buckets = MappedArray<std::uint32_t>::open(maps.fd("buckets"), RELAIS_BUCKET_SLOTS);
  if (!buckets) return std::move(buckets).error();
  auto lease = MappedArray<std::uint64_t>::open(maps.fd("lease"), 1);
  if (!lease) return std::move(lease).error();
  auto openers_since = MappedArray<std::uint64_t>::open(maps.fd("openers_since"), 1);
  if (!openers_since) return std::move(openers_since).error();
  auto claimed_at = MappedArray<std::uint64_t>::open(maps.fd("claimed_at"), 1);
  if (!claimed_at) return std::move(claimed_at).error();
  DataPlane plane(settings, std::move(*buckets), std::move(*lease), std::move(*openers_since), std::move(*claimed_at));
  plane.openers_ = duplicate(maps.fd("openers"));
  plane.hold_rate_ = duplicate(maps.fd("hold_rate"));
  plane.verdicts_ = duplicate(maps.fd("verdicts"));
  plane.bucket_packets_ = duplicate(maps.fd("bucket_packets"));
  return plane;
}

Result<DataPlane> DataPlane::open(const DataPlaneSettings& settings) {
  INVARIANT(settings.vips.size() <= kMaxVips, "the configuration allows no more VIPs than the maps");
  const std::string& pins = settings.pin_directory;
  fence_predecessor(pins);
  if (auto checked = check_bpf_file_system(pins); !checked) return checked.error();
  if (auto made = make_directories(pins); !made) return made.error();

  const MapSet before = MapSet::open_pinned(maps_directory(pins));
  auto skeleton = open_skeleton(settings);
  if (!skeleton) return std::move(skeleton).error();
  const Maps origin = before.fits((*skeleton)->obj) ? Maps::kept : Maps::made;
  if (auto loaded = load(*skeleton, before, origin); !loaded) return loaded.error();
  auto maps = MapSet::of_object((*skeleton)->obj);
  if (!maps) return std::move(maps).error();
  if (auto filled = fill(*maps, settings, before, origin); !filled) return filled.error();

  auto plane = over(settings, *maps);
  if (!plane) return plane;
  plane->forget_openers(boot_now());
  if (auto held = plane->set_hold(HoldSwitch::on); !held) return held.error();
  auto attached = attach(hooks_of(pins, settings.interface), programs_of(*skeleton), settings.choice);
  if (!attached) return std::move(attached).error();
  plane->mode_ = attached->mode;
  plane->refusals_ = std::move(attached->refusals);
  if (origin == Maps::kept) return plane;
  if (auto swapped = swap_in_new(pins); !swapped) return swapped.error();
  return plane;
}

Result<DataPlane> DataPlane::resume(const DataPlaneSettings& settings) {
  const std::string& pins = settings.pin_directory;
  const MapSet before = MapSet::open_pinned(maps_directory(pins));
  auto skeleton = open_skeleton(settings);
  if (!skeleton) return std::move(skeleton).error();
  if (!before.fits((*skeleton)->obj)) {
    return Error{.what = "the data plane that is attached has another layout",
                 .way_out = "none is needed: it is replaced"};
  }
  if (!before.has_exactly(settings.vips)) {
    return Error{.what = "the data plane that is attached has other VIPs", .way_out = "none is needed: it is replaced"};
  }
  if (auto loaded = load(*skeleton, before, Maps::kept); !loaded) return loaded.error();
  auto plane = over(settings, before);
  if (!plane) return plane;
  if (auto held = plane->set_hold(HoldSwitch::on); !held) return held.error();  // its predecessor may have had none
  auto attached = attach(hooks_of(pins, settings.interface), programs_of(*skeleton), settings.choice);
  if (!attached) return std::move(attached).error();
  plane->mode_ = attached->mode;
  plane->refusals_ = std::move(attached->refusals);
  return plane;
}

void DataPlane::set_states(VipId vip, const BucketStates& states) {
  INVARIANT(vip.value() < vips_, "a VIP of the settings");
  const BucketStates before = this->states(vip);
  if (is_claim(before, states)) claimed_at_.store(0, boot_ns(boot_now()));  // first: no client goes on unseen
  for (const Store& store : plan_stores(before, states)) {
    buckets_.store(vip.value() * kBuckets + store.bucket.value(), static_cast<std::uint32_t>(store.state));
  }
}

BucketStates DataPlane::states(VipId vip) const {
  INVARIANT(vip.value() < vips_, "a VIP of the settings");
  BucketStates states{};
  for (std::size_t i = 0; i < kBuckets; ++i) states[i] = state(vip, BucketId(static_cast<std::uint8_t>(i)));
  return states;
}

BucketState DataPlane::state(VipId vip, BucketId bucket) const {
  return static_cast<BucketState>(buckets_.load(vip.value() * kBuckets + bucket.value()));
}

void DataPlane::set_lease(Instant until) { lease_.store(0, boot_ns(until)); }

Result<> DataPlane::set_hold(HoldSwitch position) {
  // "The token bucket is full again at": long ago, or never.
  const std::uint64_t full_at = position == HoldSwitch::on ? 0 : std::numeric_limits<std::uint64_t>::max();
  for (std::uint32_t vip = 0; vip < kMaxVips; ++vip) {
    const int result = bpf_map_update_elem(hold_rate_.get(), &vip, &full_at, BPF_ANY);
    if (result != 0) return system_error("cannot switch the hold", -result);
  }
  return {};
}

void DataPlane::forget_openers(Instant now) { openers_since_.store(0, boot_ns(now)); }

Instant DataPlane::openers_forgotten() const {
  return Instant(Duration(static_cast<std::int64_t>(openers_since_.load(0))));
}

OpenerTable DataPlane::openers() const { return OpenerTable(duplicate(openers_.get())); }

Instant DataPlane::lease() const { return Instant(Duration(static_cast<std::int64_t>(lease_.load(0)))); }

Result<Counters> DataPlane::counters() const {
  const int cpus = libbpf_num_possible_cpus();
  if (cpus < 1) return system_error("cannot count the processors", -cpus);
  Counters counters;
  std::vector<std::uint64_t> per_cpu(static_cast<std::size_t>(cpus));
  for (std::uint32_t i = RELAIS_NO_VERDICT + 1; i < RELAIS_VERDICTS; ++i) {
    const auto sum = sum_over_cpus(verdicts_.get(), i, per_cpu);
    if (!sum) return sum.error();
    counters.verdicts.emplace_back(kVerdictNames[i], *sum);
  }
  const auto packets = read_bucket_packets(bucket_packets_.get(), vips_, per_cpu.size());
  if (!packets) return packets.error();
  counters.buckets.resize(vips_);
  for (std::size_t i = 0; i < packets->size(); ++i) {
    const std::size_t slot = i / per_cpu.size();
    BucketPackets& bucket = counters.buckets[slot / kBuckets][slot % kBuckets];
    bucket.passed += (*packets)[i].passed;
    bucket.dropped += (*packets)[i].dropped;
  }
  return counters;
}

std::string DataPlane::why() const {
  std::string text;
  for (const Refusal& refusal : refusals_) {
    text += (text.empty() ? "" : "; ") + std::string(to_string(refusal.mode)) + ": " + refusal.reason;
  }
  return text;
}

Result<> DataPlane::detach() {
  revoke_lease();
  return remove_data_plane(pin_directory_, interface_);
}

std::vector<IpAddress> pinned_vips(const std::string& pin_directory) {
  std::vector<IpAddress> addresses;
  for (const VipTable& table : MapSet::open_pinned(maps_directory(pin_directory)).tables())
    addresses.push_back(table.address);
  return addresses;
}

Result<> check_data_plane(const std::string& pin_directory, IfIndex interface, AttachMode mode) {
  return check_attached(hooks_of(pin_directory, interface), mode);
}

Result<> remove_data_plane(const std::string& pin_directory, IfIndex interface) {
  const bool ours = clsact_is_ours(pin_directory, interface);
  fence_predecessor(pin_directory);
  if (auto detached = detach(hooks_of(pin_directory, interface), ours ? Clsact::remove : Clsact::keep); !detached) {
    return detached;
  }
  return remove_pins(pin_directory);
}

}  // namespace relais::netfilter
