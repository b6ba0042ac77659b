// The front interface, from its link to the addresses on it.
#include "daemon/node/front.h"

#include "daemon/node/front_watch.h"

#include "netfilter/loader/bpf_file_system.h"
#include "netfilter/net/link.h"
#include "netfilter/net/multicast.h"
#include "netfilter/net/neighbours.h"
#include "netfilter/net/vip_address.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

namespace relais::node {

namespace {

netfilter::AttachChoice choice_of(config::XdpMode mode) {
  switch (mode) {
    case config::XdpMode::automatic: return netfilter::AttachChoice::automatic;
    case config::XdpMode::native: return netfilter::AttachChoice::native;
    case config::XdpMode::generic: return netfilter::AttachChoice::generic;
    case config::XdpMode::tc: return netfilter::AttachChoice::tc;
  }
  return netfilter::AttachChoice::automatic;
}

Result<netfilter::Link> find_front(const config::Node& self) {
  Result<netfilter::Link> link = netfilter::find_link(self.interface);
  if (link.has_value() && link->state != netfilter::LinkState::down) return link;
  if (link.has_error()) return std::move(link).error().with_context("front interface of " + self.name);
  return Error{.what = "front interface " + self.interface + " is down",
               .way_out = "ip link set " + self.interface + " up"};
}

netfilter::DataPlaneSettings settings_for(const config::Cluster& config, const config::Node& self,
                                          const netfilter::Link& link, const SipKey& key) {
  netfilter::DataPlaneSettings settings{.interface = link.index,
                                        .own_mac = link.mac,
                                        .key = key,
                                        .vips = {},
                                        .choice = choice_of(self.xdp),
                                        .hold = {.age = config::timing_of(config).hold},
                                        .pin_directory = pin_directory_of(link.name)};
  for (const config::Vip& vip : config.vips) settings.vips.push_back({.address = vip.address, .cluster_mac = vip.mac});
  return settings;
}

Result<void> prepare_bpf_file_system(const std::string& pins) {
  Result<> usable = netfilter::check_bpf_file_system(pins);
  if (usable.has_value()) return usable;
  const Result<> mounted = netfilter::mount_bpf_file_system();
  return mounted.has_value() ? netfilter::check_bpf_file_system(pins) : usable;
}

Result<void> remove_strangers(const config::Cluster& config, const netfilter::Link& link, const std::string& pins) {
  for (const IpAddress& address : netfilter::pinned_vips(pins)) {
    const bool wanted =
        std::ranges::any_of(config.vips, [&](const config::Vip& vip) { return vip.address == address; });
    if (wanted) continue;
    const Result<> removed = netfilter::remove_vip_address(link.index, address);
    if (removed.has_error()) return removed.error();
  }
  return {};
}

Result<void> add_addresses(const config::Cluster& config, const netfilter::Link& link) {
  for (const config::Vip& vip : config.vips) {
    const Result<> filter = netfilter::add_multicast_mac(link.name, vip.mac);
    if (filter.has_error()) return filter.error();
    const auto address = netfilter::add_vip_address(link.index, vip.address);
    if (address.has_error()) return address.error();
  }
  return {};
}

Result<void> remove_addresses(const config::Cluster& config, const netfilter::Link& link) {
  for (const config::Vip& vip : config.vips) {
    const Result<> address = netfilter::remove_vip_address(link.index, vip.address);
    if (address.has_error()) return address.error();
  }
  return {};
}

}  // namespace

std::string pin_directory_of(const std::string& interface) {
  std::string name = interface;
  std::ranges::replace(name, '.', '_');  // the BPF file system refuses dots; VLAN interfaces have one
  return std::string(netfilter::kBpfFileSystem) + "/relais/" + name;
}

Result<UniqueFd> lock_front(const config::Node& self) {
  const std::string path = "/run/relais-front-" + self.interface + ".lock";
  UniqueFd lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return system_error("cannot open " + path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  return Error{.what = "a relaisd runs already on interface " + self.interface + " (" + path + " is locked)",
               .way_out = "stop the other relaisd first: two on one interface would take each other's packets"};
}

Result<netfilter::DataPlane> resume_front(const config::Cluster& config, const config::Node& self, const SipKey& key) {
  const Result<netfilter::Link> link = find_front(self);
  if (link.has_error()) return link.error();
  return netfilter::DataPlane::resume(settings_for(config, self, *link, key));
}

Result<netfilter::DataPlane> open_front(const config::Cluster& config, const config::Node& self, const SipKey& key) {
  const Result<netfilter::Link> link = find_front(self);
  if (link.has_error()) return link.error();
  const netfilter::DataPlaneSettings settings = settings_for(config, self, *link, key);
  const Result<void> file_system = prepare_bpf_file_system(settings.pin_directory);
  if (file_system.has_error()) return file_system.error();
  const Result<void> strangers = remove_strangers(config, *link, settings.pin_directory);
  if (strangers.has_error()) return strangers.error();
  Result<netfilter::DataPlane> data_plane = netfilter::DataPlane::open(settings);
  if (data_plane.has_error()) return data_plane;
  const Result<void> addresses = add_addresses(config, *link);
  if (addresses.has_error()) return addresses.error();
  return data_plane;
}

Result<netfilter::QueueRule> hold_rule(const config::Node& self) {
  constexpr std::uint32_t kFirstQueue = 29000;
  constexpr std::uint32_t kQueues = 1000;
  const Result<netfilter::Link> link = netfilter::find_link(self.interface);
  if (link.has_error()) return link.error();
  return netfilter::QueueRule{.interface = link->name,
                              .queue = static_cast<std::uint16_t>(kFirstQueue + link->index.value() % kQueues)};
}

FrontCheck mend_front(const config::Cluster& config, const config::Node& self, netfilter::AttachMode mode) {
  FrontCheck check{.neighbours = netfilter::keep_neighbours(self.links)};
  const Result<netfilter::Link> link = find_front(self);
  if (link.has_error()) return check;  // FrontWatch has said so, at once
  Result<std::vector<IpAddress>> gateways = find_gateways(self);
  if (gateways.has_value()) check.gateways = std::move(*gateways);
  const Result<> guarded = netfilter::check_data_plane(pin_directory_of(link->name), link->index, mode);
  if (guarded.has_error() && guarded.error().code != ENOENT) {
    check.trouble = guarded.error();
    return check;
  }
  if (guarded.has_error()) {
    check.unguarded = guarded.error();
    const Result<void> removed = remove_addresses(config, *link);
    if (removed.has_error()) check.trouble = removed.error();
    return check;
  }
  for (const config::Vip& vip : config.vips) {
    const auto address = netfilter::add_vip_address(link->index, vip.address);
    if (address.has_error()) check.trouble = address.error();
    if (address.has_value() && *address == netfilter::AddressChange::added) check.put_back.push_back(vip.address);
  }
  return check;
}

Result<void> remove_front(const config::Cluster& config, const config::Node& self) {
  const Result<netfilter::Link> link = netfilter::find_link(self.interface);
  if (link.has_error()) return link.error();
  const Result<void> addresses = remove_addresses(config, *link);
  if (addresses.has_error()) return addresses.error();
  for (const config::Vip& vip : config.vips) {
    const Result<> filter = netfilter::remove_multicast_mac(link->name, vip.mac);
    if (filter.has_error()) return filter.error();
  }
  const Result<> detached = netfilter::remove_data_plane(pin_directory_of(link->name), link->index);
  if (detached.has_error()) return detached;
  const Result<netfilter::QueueRule> rule = hold_rule(self);
  return rule.has_error() ? Result<void>(rule.error()) : netfilter::remove_queue_rule(*rule);
}

}  // namespace relais::node
