// What the kernel must offer the data plane, and what Corosync needs of it.
#include "daemon/doctor/diagnose.h"

#include <array>
#include <string_view>

namespace relais::doctor {
namespace {

// BPF links for XDP and bpf_skc_to_tcp_request_sock are older; 5.13 is the first in which generic XDP sees that the
// destination MAC was rewritten (facts of skb->pkt_type), so TCP answers there.
constexpr Release kOldestKernel{5, 13, 0};
constexpr Release kTestedKernel{6, 1, 0};  // Debian 12

struct Capability {
  unsigned bit = 0;
  std::string_view name;
  std::string_view purpose;
};

// Numbers of linux/capability.h.
constexpr unsigned kSysAdmin = 21;
constexpr std::array kNeeded = {
    Capability{12, "CAP_NET_ADMIN", "to attach programs, set addresses and close connections"},
    Capability{13, "CAP_NET_RAW", "to send neighbour announcements"},
    Capability{23, "CAP_SYS_NICE", "for realtime scheduling of heartbeats"},
    Capability{38, "CAP_PERFMON", "to let programs read request sockets"},
    Capability{39, "CAP_BPF", "to load programs and maps"},
};

struct KernelOption {
  std::string_view name;
  Severity severity = Severity::error;
  std::string_view why;
};

constexpr std::array kOptions = {
    KernelOption{"CONFIG_BPF_SYSCALL", Severity::error, "the data plane is made of BPF programs"},
    KernelOption{"CONFIG_NET_CLS_BPF", Severity::error, "ARP and neighbour packets are rewritten by a tc program"},
    KernelOption{"CONFIG_NET_SCH_INGRESS", Severity::error, "tc programs hang on the clsact queueing discipline"},
    KernelOption{"CONFIG_INET_DIAG_DESTROY", Severity::warning,
                 "connections that outlast the drain limit cannot be closed"},
    KernelOption{"CONFIG_INET_TCP_DIAG", Severity::error, "leftover connections cannot be counted"},
    KernelOption{"CONFIG_NETFILTER_NETLINK_QUEUE", Severity::error, "connection openers cannot be held"},
    KernelOption{"CONFIG_NETFILTER_XT_TARGET_NFQUEUE", Severity::error, "connection openers cannot be held"},
    KernelOption{"CONFIG_NETFILTER_XT_MATCH_MAC", Severity::error, "connection openers cannot be held"},
};

std::string text_of(Release release) { return std::to_string(release.major) + "." + std::to_string(release.minor); }

void diagnose_release(const KernelFacts& kernel, Findings& findings) {
  if (!kernel.release) return;
  if (*kernel.release < kOldestKernel) {
    findings.push_back({Severity::error, "Linux " + text_of(*kernel.release) + " is older than 5.13",
                        "TCP drops what XDP lets through", "boot a newer kernel: apt-get install linux-image-amd64"});
  } else if (*kernel.release < kTestedKernel) {
    findings.push_back({Severity::warning, "Linux " + text_of(*kernel.release) + " is older than any that was tested",
                        "relais is tested with 6.1 and newer", "apt-get install linux-image-amd64"});
  }
}

void diagnose_bpf(const KernelFacts& kernel, Findings& findings) {
  if (kernel.has_btf == false) {
    findings.push_back({Severity::error, "the kernel has no type information (BTF)",
                        "the data plane cannot read request sockets, and is not loaded",
                        "boot a kernel with CONFIG_DEBUG_INFO_BTF=y; Debian's have it"});
  }
  if (kernel.bpffs_mounted == false) {
    findings.push_back(
        {Severity::warning, "no BPF file system on /sys/fs/bpf",
         "programs are pinned there to outlive relaisd, which mounts it if it may; seen from here it is missing",
         "mount -t bpf bpf /sys/fs/bpf"});
  }
  if (kernel.bpf_jit == false) {
    findings.push_back({Severity::warning, "BPF programs are interpreted", "every packet costs several times as much",
                        "sysctl -w net.core.bpf_jit_enable=1"});
  }
  if (kernel.lockdown_confidentiality == true) {
    findings.push_back({Severity::error, "kernel lockdown is in confidentiality mode",
                        "it forbids BPF programs to read kernel memory, which the sequence check does",
                        "boot with lockdown=integrity"});
  }
}

void diagnose_capabilities(const KernelFacts& kernel, Findings& findings) {
  if (!kernel.capabilities) return;
  const auto has = [&](unsigned bit) { return ((*kernel.capabilities >> bit) & 1) != 0; };
  for (const Capability& capability : kNeeded) {
    const bool covered =
        capability.bit >= 38 && has(kSysAdmin);  // CAP_SYS_ADMIN includes the two that were split off it
    if (has(capability.bit) || covered) continue;
    const std::string name(capability.name);
    findings.push_back({Severity::error, name + " is missing", "relaisd needs it " + std::string(capability.purpose),
                        "run relaisd as root; in a unit file: AmbientCapabilities=" + name +
                            "; in a container: --cap-add=" + name.substr(4)});
  }
}

void diagnose_options(const KernelFacts& kernel, Findings& findings) {
  for (const KernelOption& option : kOptions) {
    const std::string name(option.name);
    const auto known = kernel.options.find(name);
    if (kernel.options.empty() || (known != kernel.options.end() && known->second)) continue;
    findings.push_back({option.severity, "the kernel was built without " + name, std::string(option.why),
                        "boot a kernel that has it: apt-get install linux-image-amd64"});
  }
}

void diagnose_time(const KernelFacts& kernel, Findings& findings) {
  if (kernel.clock_source && (*kernel.clock_source == "hpet" || *kernel.clock_source == "acpi_pm" ||
                              *kernel.clock_source == "jiffies" || *kernel.clock_source == "refined-jiffies")) {
    findings.push_back(
        {Severity::warning, "the clock source is " + *kernel.clock_source,
         "each packet that is answered reads the clock, and this one is slow",
         "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource; see dmesg for why not"});
  }
  if (kernel.realtime_runtime_us == 0) {
    findings.push_back({Severity::error, "realtime scheduling is switched off",
                        "under load heartbeats come late and a healthy node is taken for dead",
                        "sysctl -w kernel.sched_rt_runtime_us=950000"});
  }
  if (kernel.group_realtime_runtime_us == 0) {
    findings.push_back({Severity::warning, "this control group may not use realtime scheduling",
                        "corosync and relaisd started from here lose it; corosync tries the root group by itself",
                        "echo 950000 > the group's cpu.rt_runtime_us, or start relaisd from the root group"});
  }
}

}  // namespace

void diagnose_kernel(const KernelFacts& kernel, Findings& findings) {
  diagnose_release(kernel, findings);
  diagnose_bpf(kernel, findings);
  diagnose_capabilities(kernel, findings);
  diagnose_options(kernel, findings);
  diagnose_time(kernel, findings);
}

}  // namespace relais::doctor
