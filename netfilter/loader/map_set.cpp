// Works on maps by name through the bpf() system call; only those of single words and the states are mapped into
// memory.
#include "netfilter/loader/map_set.h"

#include "netfilter/abi/bucket_state.h"
#include "netfilter/abi/lease.h"
#include "netfilter/abi/vip.h"
#include "netfilter/loader/libbpf_log.h"
#include "netfilter/loader/mapped_array.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace relais::netfilter {
namespace {

constexpr std::array kMapNames = {"vips4",   "vips6",         "buckets",    "lease",     "verdicts",  "bucket_packets",
                                  "openers", "openers_since", "claimed_at", "hold_rate", "attachment"};

static_assert(static_cast<int>(BucketState::foreign) == RELAIS_FOREIGN &&
                  static_cast<int>(BucketState::leftover) == RELAIS_LEFTOVER &&
                  static_cast<int>(BucketState::shadow) == RELAIS_SHADOW &&
                  static_cast<int>(BucketState::adopt) == RELAIS_ADOPT &&
                  static_cast<int>(BucketState::serve) == RELAIS_SERVE,
              "base/bucket_state.h and netfilter/abi/bucket_state.h have the same numbers");
static_assert(kBuckets == RELAIS_BUCKETS && kMaxVips == RELAIS_MAX_VIPS,
              "base/ids.h and netfilter/abi have the same sizes");

std::optional<bpf_map_info> map_info(int fd) {
  bpf_map_info info{};
  __u32 length = sizeof(info);
  if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length) != 0) return std::nullopt;
  return info;
}

// An mmap-able array of the known size, and nothing else, may be written through memory.
bool is_mapped_array(int fd, std::uint32_t value_size, std::uint32_t entries) {
  const auto info = map_info(fd);
  return info && info->type == BPF_MAP_TYPE_ARRAY && info->value_size == value_size && info->max_entries == entries &&
         (info->map_flags & BPF_F_MMAPABLE) != 0;
}

relais_address4 key4(const IpAddress& address) {
  relais_address4 key{};
  std::memcpy(&key, address.bytes().data(), sizeof(key));
  return key;
}

relais_address6 key6(const IpAddress& address) {
  relais_address6 key{};
  std::memcpy(&key, address.bytes().data(), sizeof(key));
  return key;
}

IpAddress address_of(const relais_address4& key) {
  std::array<std::uint8_t, 4> bytes{};
  std::memcpy(bytes.data(), &key, sizeof(key));
  return IpAddress::v4(bytes);
}

IpAddress address_of(const relais_address6& key) {
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &key, sizeof(key));
  return IpAddress::v6(bytes);
}

struct NumberedVip {
  IpAddress address;
  std::uint32_t number = 0;
};

template <class Key>
void list_vips(int fd, std::vector<NumberedVip>& vips) {
  Key key{};
  const Key* previous = nullptr;
  for (std::size_t i = 0; i < kMaxVips && bpf_map_get_next_key(fd, previous, &key) == 0; ++i) {
    relais_vip vip{};
    if (bpf_map_lookup_elem(fd, &key, &vip) == 0 && vip.number_plus_one >= 1 && vip.number_plus_one <= kMaxVips) {
      vips.push_back({address_of(key), vip.number_plus_one - 1});
    }
    previous = &key;
  }
}

Result<> put_vip(const MapSet& maps, const VipSettings& settings, std::size_t number) {
  relais_vip vip{};
  vip.number_plus_one = static_cast<std::uint32_t>(number) + 1;
  std::ranges::copy(settings.cluster_mac.bytes(), vip.cluster_mac);
  const bool is_v4 = settings.address.family() == IpFamily::v4;
  const auto ipv4 = is_v4 ? key4(settings.address) : relais_address4{};
  const auto ipv6 = is_v4 ? relais_address6{} : key6(settings.address);
  const int result = is_v4 ? bpf_map_update_elem(maps.fd("vips4"), &ipv4, &vip, BPF_ANY)
                           : bpf_map_update_elem(maps.fd("vips6"), &ipv6, &vip, BPF_ANY);
  if (result != 0) return system_error("cannot tell the data plane of VIP " + settings.address.to_string(), -result);
  return {};
}

void delete_vip(const MapSet& maps, const IpAddress& address) {
  if (address.family() == IpFamily::v4) {
    const auto key = key4(address);
    bpf_map_delete_elem(maps.fd("vips4"), &key);
  } else {
    const auto key = key6(address);
    bpf_map_delete_elem(maps.fd("vips6"), &key);
  }
}

std::vector<NumberedVip> numbered_vips(const MapSet& maps) {
  std::vector<NumberedVip> vips;
  list_vips<relais_address4>(maps.fd("vips4"), vips);
  list_vips<relais_address6>(maps.fd("vips6"), vips);
  return vips;
}

Result<> put_states(int fd, std::span<const BucketStates> states) {
  auto buckets = MappedArray<std::uint32_t>::open(fd, RELAIS_BUCKET_SLOTS);
  if (!buckets) return std::move(buckets).error();
  for (std::size_t slot = 0; slot < buckets->size(); ++slot) {
    const std::size_t vip = slot / kBuckets;
    const auto state = vip < states.size() ? states[vip][slot % kBuckets] : BucketState::foreign;
    buckets->store(slot, static_cast<std::uint32_t>(state));
  }
  return {};
}

}  // namespace

std::string maps_directory(const std::string& pin_directory) { return pin_directory + "/maps"; }

std::string new_maps_directory(const std::string& pin_directory) { return pin_directory + "/maps-new"; }

MapSet MapSet::open_pinned(const std::string& directory) {
  MapSet set;
  for (const char* name : kMapNames) {
    UniqueFd fd(bpf_obj_get((directory + "/" + name).c_str()));
    if (fd) set.maps_.emplace(name, std::move(fd));
  }
  return set;
}

Result<MapSet> MapSet::of_object(const bpf_object* object) {
  MapSet set;
  for (const char* name : kMapNames) {
    const int fd = bpf_object__find_map_fd_by_name(object, name);
    UniqueFd own(fd < 0 ? -1 : ::fcntl(fd, F_DUPFD_CLOEXEC, 3));
    if (!own) return system_error(std::string("no map ") + name + " in the BPF object");
    set.maps_.emplace(name, std::move(own));
  }
  return set;
}

int MapSet::fd(const std::string& name) const {
  const auto found = maps_.find(name);
  return found == maps_.end() ? -1 : found->second.get();
}

bool MapSet::fits(const bpf_object* object) const {
  const auto description = attachment();
  if (!description || description->layout_version != RELAIS_LAYOUT_VERSION) return false;
  return std::ranges::all_of(kMapNames, [&](const char* name) {
    const bpf_map* map = bpf_object__find_map_by_name(object, name);
    const auto info = map_info(fd(name));
    return map != nullptr && info && info->type == bpf_map__type(map) && info->key_size == bpf_map__key_size(map) &&
           info->value_size == bpf_map__value_size(map) && info->max_entries == bpf_map__max_entries(map) &&
           info->map_flags == bpf_map__map_flags(map);
  });
}

bool MapSet::has_exactly(std::span<const VipSettings> vips) const {
  const std::vector<NumberedVip> known = numbered_vips(*this);
  return known.size() == vips.size() && std::ranges::all_of(known, [&](const NumberedVip& vip) {
           return vip.number < vips.size() && vips[vip.number].address == vip.address;
         });
}

Result<> MapSet::reuse_in(bpf_object* object) const {
  for (const char* name : kMapNames) {
    const int result = bpf_map__reuse_fd(bpf_object__find_map_by_name(object, name), fd(name));
    if (result != 0) return system_error(std::string("cannot use the pinned map ") + name, -result);
  }
  return {};
}

void MapSet::fence() {
  if (is_mapped_array(fd("lease"), sizeof(relais_lease), 1)) {
    auto lease = MappedArray<relais_lease>::open(fd("lease"), 1);
    if (lease) lease->store(0, 0);
  }
  if (!is_mapped_array(fd("buckets"), sizeof(std::uint32_t), RELAIS_BUCKET_SLOTS)) return;
  auto buckets = MappedArray<std::uint32_t>::open(fd("buckets"), RELAIS_BUCKET_SLOTS);
  if (!buckets) return;
  for (std::size_t slot = 0; slot < buckets->size(); ++slot) {
    if (buckets->load(slot) != RELAIS_FOREIGN) buckets->store(slot, RELAIS_LEFTOVER);
  }
}

std::vector<VipTable> MapSet::tables() const {
  std::vector<VipTable> tables;
  if (!is_mapped_array(fd("buckets"), sizeof(std::uint32_t), RELAIS_BUCKET_SLOTS)) return tables;
  auto buckets = MappedArray<std::uint32_t>::open(fd("buckets"), RELAIS_BUCKET_SLOTS);
  if (!buckets) return tables;
  for (const NumberedVip& vip : numbered_vips(*this)) {
    VipTable table{.address = vip.address};
    for (std::size_t i = 0; i < kBuckets; ++i) {
      const std::uint32_t state = buckets->load(vip.number * kBuckets + i);
      table.states[i] = state <= RELAIS_SERVE ? static_cast<BucketState>(state) : BucketState::foreign;
    }
    tables.push_back(table);
  }
  return tables;
}

Result<> MapSet::fill(std::span<const VipSettings> vips, std::span<const BucketStates> states,
                      const relais_attachment& attachment) {
  if (const auto stored = put_states(fd("buckets"), states); !stored) return stored.error();
  for (std::size_t i = 0; i < vips.size(); ++i) {
    if (const auto put = put_vip(*this, vips[i], i); !put) return put.error();
  }
  for (const NumberedVip& vip : numbered_vips(*this)) {
    if (std::ranges::find(vips, vip.address, &VipSettings::address) == vips.end()) delete_vip(*this, vip.address);
  }
  const std::uint32_t index = 0;
  const int result = bpf_map_update_elem(fd("attachment"), &index, &attachment, BPF_ANY);
  if (result != 0) return system_error("cannot describe the pinned maps", -result);
  return {};
}

Result<relais_attachment> MapSet::attachment() const {
  const auto info = map_info(fd("attachment"));
  if (!info || info->value_size != sizeof(relais_attachment)) return Error{.what = "no attachment map", .way_out = {}};
  relais_attachment value{};
  const std::uint32_t index = 0;
  const int result = bpf_map_lookup_elem(fd("attachment"), &index, &value);
  if (result != 0) return system_error("cannot read the attachment map", -result);
  return value;
}

Result<> MapSet::pin(const std::string& directory) const {
  for (const auto& [name, fd] : maps_) {
    std::string path = directory;
    path.append("/").append(name);
    const int result = bpf_obj_pin(fd.get(), path.c_str());
    if (result != 0) return system_error("cannot pin " + path, -result);
  }
  return {};
}

}  // namespace relais::netfilter
