// Kernel, scheduling, clock; Corosync's installation and its ring's configuration.
#include "daemon/doctor/collect_parts.h"
#include "daemon/doctor/parse.h"
#include "daemon/doctor/system.h"

#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <charconv>

namespace relais::doctor {
namespace {

using namespace std::chrono_literals;

constexpr auto kProgramLimit = 3s;  // `corosync -v` and zcat take milliseconds; a hanging disk must not hang doctor

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::optional<std::string> look(Facts& facts, const std::string& what, const std::string& path) {
  auto text = read_file(path);
  if (text) return trimmed(std::move(*text));
  facts.unseen.push_back(what + ": " + text.error().what);
  return std::nullopt;
}

std::optional<std::int64_t> look_number(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), value);
  static_cast<void>(end);
  return failed == std::errc{} ? std::optional(value) : std::nullopt;
}

void collect_options(Facts& facts, const std::string& release) {
  const std::string boot = "/boot/config-" + release;
  if (const auto text = read_file(boot)) {
    facts.kernel.options = parse_kernel_options(*text);
    return;
  }
  if (exists("/proc/config.gz")) {
    if (const auto text = run_program({"zcat", "/proc/config.gz"}, kProgramLimit)) {
      facts.kernel.options = parse_kernel_options(*text);
    }
  }
  if (facts.kernel.options.empty()) {
    facts.unseen.push_back("kernel options: neither " + boot + " nor /proc/config.gz can be read");
  }
}

void collect_capabilities(Facts& facts) {
  if (!facts.relaisd_pid && ::geteuid() != 0) {
    facts.unseen.emplace_back("capabilities: relaisd does not run here, and doctor is not root");
    return;
  }
  const std::string process = facts.relaisd_pid ? std::to_string(*facts.relaisd_pid) : "self";
  if (const auto text = look(facts, "capabilities", "/proc/" + process + "/status")) {
    facts.kernel.capabilities = parse_capabilities(*text);
  }
}

void collect_realtime(Facts& facts) {
  facts.kernel.realtime_runtime_us = look_number("/proc/sys/kernel/sched_rt_runtime_us");
  const auto group = parse_cpu_group(read_or_empty("/proc/self/cgroup"));
  if (!group) return;  // version 2 has no realtime budget per group
  for (const char* mount : {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"}) {
    const std::string base = mount + (*group == "/" ? std::string{} : *group);
    if (const auto runtime = look_number(base + "/cpu.rt_runtime_us")) facts.kernel.group_realtime_runtime_us = runtime;
  }
}

bool is_corosync_beside(const std::string& process, const std::string& network) {
  const auto name = read_file("/proc/" + process + "/comm");
  return name && trimmed(*name) == "corosync" && read_link("/proc/" + process + "/ns/net") == network;
}

// The configuration that a process was started with: the word after -c.
std::string configuration_of(const std::string& process) {
  const std::string command = read_or_empty("/proc/" + process + "/cmdline");
  const std::string option{"\0-c\0", 4};
  const std::size_t at = command.find(option);
  if (at == std::string::npos) return "/etc/corosync/corosync.conf";
  return command.substr(at + option.size(), command.find('\0', at + option.size()) - at - option.size());
}

// Of the corosync that runs in relaisd's network namespace (without relaisd: in ours), read as it sees its file system.
void collect_ring(Facts& facts) {
  const std::string beside = facts.relaisd_pid ? std::to_string(*facts.relaisd_pid) : "self";
  const std::string network = read_link("/proc/" + beside + "/ns/net");
  if (network.empty()) {
    facts.unseen.emplace_back("ring: the network namespace of relaisd cannot be read (run doctor as root)");
    return;
  }
  for (const std::string& process : list_directory("/proc")) {
    if (process.find_first_not_of("0123456789") != std::string::npos || !is_corosync_beside(process, network)) continue;
    const std::string path = configuration_of(process);
    std::string seen_from_here = "/proc/";
    seen_from_here.append(process).append("/root").append(path);
    if (const auto text = look(facts, "ring", seen_from_here)) {
      facts.ring = parse_corosync_conf(path, *text);
    }
    return;
  }
  facts.unseen.emplace_back("ring: no corosync runs here (or it is out of sight)");
}

}  // namespace

void collect_kernel(Facts& facts) {
  utsname names{};
  if (::uname(&names) == 0) {
    facts.kernel.release = parse_release(names.release);
    collect_options(facts, names.release);
  }
  facts.kernel.has_btf = exists("/sys/kernel/btf/vmlinux");
  if (const auto mounts = look(facts, "mounts", "/proc/self/mounts")) {
    facts.kernel.bpffs_mounted = mounted_type(*mounts, "/sys/fs/bpf") == "bpf";
    if (mounted_type(*mounts, "/dev/shm").empty()) facts.corosync.shared_memory_bytes = 0;
  }
  if (const auto jit = look_number("/proc/sys/net/core/bpf_jit_enable")) facts.kernel.bpf_jit = *jit != 0;
  if (const auto lockdown = read_file("/sys/kernel/security/lockdown")) {
    facts.kernel.lockdown_confidentiality = is_confidential(*lockdown);
  }
  facts.kernel.clock_source =
      look(facts, "clock source", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
  collect_capabilities(facts);
  collect_realtime(facts);
}

void collect_corosync(Facts& facts) {
  const auto version = run_program({"corosync", "-v"}, kProgramLimit);
  facts.corosync.installed = version.has_value();
  if (version) facts.corosync.release = parse_release(*version);
  facts.corosync.own_service_enabled =
      exists("/run/systemd/system") && exists("/etc/systemd/system/multi-user.target.wants/corosync.service");
  struct statvfs room {};
  if (!facts.corosync.shared_memory_bytes && ::statvfs("/dev/shm", &room) == 0) {
    facts.corosync.shared_memory_bytes = std::uint64_t{room.f_blocks} * room.f_frsize;
  }
  collect_ring(facts);
}

}  // namespace relais::doctor
