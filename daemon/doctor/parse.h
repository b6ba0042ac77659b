// The kernel's and Corosync's text files -> facts. Pure; malformed lines are left out.
#pragma once

#include "daemon/doctor/facts.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace relais::doctor {

// The first "N.N" or "N.N.N" in the text: "6.1.0-18-amd64", "Corosync Cluster Engine, version '3.1.7'".
std::optional<Release> parse_release(std::string_view text);

// The value of "CapEff:" in /proc/PID/status.
std::optional<std::uint64_t> parse_capabilities(std::string_view proc_status);

// /proc/net/dev_mcast: link-layer multicast addresses by interface.
std::map<std::string, std::set<MacAddress>> parse_multicast(std::string_view dev_mcast);

// /proc/net/if_inet6: addresses with their flags, by interface.
std::map<std::string, std::vector<InterfaceAddress>> parse_inet6(std::string_view if_inet6);

// A kernel's .config: every CONFIG_ name that is set to y or m.
std::map<std::string, bool> parse_kernel_options(std::string_view config);

// A corosync.conf. `path` is kept for findings.
RingFacts parse_corosync_conf(const std::string& path, std::string_view text);

// "[none] integrity confidentiality" -> is the bracketed word "confidentiality"?
bool is_confidential(std::string_view lockdown);

// The file system type that /proc/self/mounts shows last for a mount point; empty if it is none.
std::string mounted_type(std::string_view mounts, std::string_view mount_point);

// What certutil -V says, without its own name before it: "certificate is valid".
std::string parse_verdict(std::string_view certutil);

// The subject of a certificate that certutil -L shows: "CN=mail".
std::optional<std::string> parse_subject(std::string_view certutil);

// The path of the "cpu" controller's cgroup (v1) in /proc/self/cgroup; nothing under v2.
std::optional<std::string> parse_cpu_group(std::string_view proc_cgroup);

}  // namespace relais::doctor
