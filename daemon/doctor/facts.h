// What doctor looks at, as plain values. An empty optional was not looked at, or could not be: it gives no finding by
// itself, and whoever collects says why in `unseen`.
#pragma once

#include "base/address.h"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace relais::doctor {

struct Release {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t patch = 0;
  auto operator<=>(const Release&) const = default;
};

struct KernelFacts {
  std::optional<Release> release;
  std::optional<bool> has_btf;        // /sys/kernel/btf/vmlinux
  std::optional<bool> bpffs_mounted;  // on /sys/fs/bpf
  std::optional<bool> bpf_jit;
  std::optional<bool> lockdown_confidentiality;
  std::optional<std::uint64_t> capabilities;  // effective: of relaisd if it runs, else of this process
  std::optional<std::string> clock_source;
  std::optional<std::int64_t> realtime_runtime_us;        // kernel.sched_rt_runtime_us; -1: no limit
  std::optional<std::int64_t> group_realtime_runtime_us;  // of this process's cgroup (v1, RT_GROUP_SCHED)
  std::map<std::string, bool> options;                    // CONFIG_… -> built in or a module; empty: not known
};

struct CorosyncFacts {
  std::optional<bool> installed;
  std::optional<Release> release;
  std::optional<bool> own_service_enabled;           // the distribution's corosync.service
  std::optional<std::uint64_t> shared_memory_bytes;  // size of /dev/shm; 0: not mounted
};

// What a corosync.conf says; absent: not set there.
struct RingFacts {
  struct Link {
    std::uint32_t number = 0;
    std::optional<std::uint32_t> ping_interval_ms;
    std::optional<std::uint32_t> ping_timeout_ms;
  };
  std::string path;
  std::optional<std::uint32_t> token_ms;
  std::optional<std::uint32_t> token_coefficient_ms;
  std::optional<std::string> link_mode;
  std::optional<std::string> cipher;
  std::vector<Link> links;
};

struct InterfaceAddress {
  IpAddress address;
  std::uint32_t prefix_length = 0;
  bool duplicate = false;  // IPv6: duplicate address detection failed
  bool tentative = false;
};

struct InterfaceFacts {
  bool up = false;
  bool carrier = false;
  bool loopback = false;
  bool is_vlan = false;
  std::uint32_t mtu = 0;
  std::string master;  // bridge or bond that it is a port of
  std::optional<bool> large_receive_offload;
  std::set<MacAddress> multicast;  // what its filter lets through
  std::vector<InterfaceAddress> addresses;
};

// The sysctls that matter where a VIP sits. Keys: "ipv4.conf.eth0.rp_filter", "ipv4.tcp_syncookies" and so on.
using Sysctls = std::map<std::string, std::int64_t>;

struct KeyFileFacts {
  bool exists = false;
  bool readable_by_others = false;  // group or others
  bool owned_by_root = false;
};

// What this node shows to the arbiter; with TLS only.
struct CertificateFacts {
  std::string directory;               // its NSS database
  std::string cluster;                 // whose name it must bear
  std::optional<std::string> verdict;  // certutil's: "certificate is valid", or why not
  std::optional<std::string> subject;  // "CN=mail"
};

// This node's part of the configuration.
struct ConfigFacts {
  struct Vip {
    std::string name;
    IpAddress address;
    MacAddress mac;
  };
  std::string path;
  std::optional<std::string> errors;  // not valid: why, a line each
  std::optional<std::string> node;    // its name here; none: this machine is not in it
  std::string host_name;
  std::string interface;
  std::optional<IpAddress> address;
  std::optional<IpAddress> address6;
  std::vector<IpAddress> links;
  std::vector<Vip> vips;
  std::string key_file;
  std::optional<KeyFileFacts> key;
  std::optional<CertificateFacts> certificate;
};

struct Facts {
  KernelFacts kernel;
  CorosyncFacts corosync;
  std::optional<RingFacts> ring;
  std::map<std::string, InterfaceFacts> interfaces;
  Sysctls sysctls;
  ConfigFacts config;
  std::optional<bool> same_network_namespace;  // as relaisd; empty if it does not run
  std::optional<std::int32_t> relaisd_pid;
  bool may_ask_relaisd = true;      // false: its control socket refuses this user
  std::vector<std::string> unseen;  // "capabilities of relaisd: /proc/71/status: Permission denied"
};

}  // namespace relais::doctor
