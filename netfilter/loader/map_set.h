// The pinned set of maps: opened, checked against the expected layout, fenced, read, filled, swapped.
//
// Layout of a pin directory: `maps/` the set in use, `maps-new/` one that is being filled (an upgrade with another
// layout), `xdp` the link.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "netfilter/abi/attachment.h"
#include "netfilter/plan/tables.h"

#include <map>
#include <span>
#include <string>
#include <vector>

struct bpf_object;

namespace relais::netfilter {

struct VipSettings {
  IpAddress address;
  MacAddress cluster_mac;
  bool operator==(const VipSettings&) const = default;
};

std::string maps_directory(const std::string& pin_directory);
std::string new_maps_directory(const std::string& pin_directory);

// Maps by name, as pinned in one directory. Absent ones are absent here.
class MapSet {
 public:
  static MapSet open_pinned(const std::string& directory);
  // The maps of a loaded object; descriptors are duplicated.
  static Result<MapSet> of_object(const bpf_object* object);

  bool empty() const { return maps_.empty(); }
  // Same layout version, and every map of `object` is here with the same type, sizes and flags.
  bool fits(const bpf_object* object) const;
  // The VIPs are these, with these numbers.
  bool has_exactly(std::span<const VipSettings> vips) const;
  // Makes `object`, which is not loaded yet, use these maps.
  Result<> reuse_in(bpf_object* object) const;

  // Ends the lease and turns every state but foreign into leftover, so that nothing is answered by old state. What
  // does not have the known shape is left alone: its lease ends by itself.
  void fence();
  // The VIPs and their tables.
  std::vector<VipTable> tables() const;

  // Makes tables, VIPs and attachment the given ones. VIPs that are not in `vips` disappear last.
  Result<> fill(std::span<const VipSettings> vips, std::span<const BucketStates> states,
                const relais_attachment& attachment);
  Result<relais_attachment> attachment() const;
  Result<> pin(const std::string& directory) const;

  // -1 if absent.
  int fd(const std::string& name) const;

 private:
  std::map<std::string, UniqueFd> maps_;
};

}  // namespace relais::netfilter
