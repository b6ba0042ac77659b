// XDP by a pinned bpf_link (nobody else can replace it), tc by filters of fixed priority and handle on clsact
// (replaced in place).
#include "netfilter/loader/attach.h"

#include "base/unique_fd.h"
#include "netfilter/loader/libbpf_log.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <span>

namespace relais::netfilter {
namespace {

// Early, but leaves room before it; the handle is ours alone, so that a foreign filter is never replaced by mistake.
constexpr std::uint32_t kFilterPriority = 3;
constexpr std::uint32_t kFilterHandle = 0x5e11;

int index_of(IfIndex interface) { return static_cast<int>(interface.value()); }

Result<> attach_filter(IfIndex interface, bpf_tc_attach_point point, int program) {
  LibbpfLog log;
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = index_of(interface), .attach_point = point);
  LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .flags = BPF_TC_F_REPLACE, .handle = kFilterHandle,
              .priority = kFilterPriority);
  const int result = bpf_tc_attach(&hook, &options);
  if (result == 0) return {};
  return log.error(
      point == BPF_TC_INGRESS ? "cannot attach to tc ingress" : "cannot attach to tc egress", result,
      "see what is there: tc qdisc show, tc filter show; an old `ingress` qdisc must make room for clsact");
}

// For check_attached(): only what is certainly off.
Error gone(std::string what) { return {.what = std::move(what) + " is gone", .way_out = {}, .code = ENOENT}; }

Result<> check_filter(IfIndex interface, bpf_tc_attach_point point) {
  LibbpfLog log;
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = index_of(interface), .attach_point = point);
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = kFilterHandle, .priority = kFilterPriority);
  const int result = bpf_tc_query(&hook, &options);
  if (result == 0) return {};
  const std::string what = point == BPF_TC_INGRESS ? "the tc ingress program" : "the tc egress program";
  if (result == -ENOENT || result == -EINVAL) return gone(what);  // no filter; no clsact to hold one
  return log.error("cannot look for " + what, result);
}

Result<> detach_filter(IfIndex interface, bpf_tc_attach_point point) {
  LibbpfLog log;
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = index_of(interface), .attach_point = point);
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = kFilterHandle, .priority = kFilterPriority);
  const int result = bpf_tc_detach(&hook, &options);
  if (result == 0 || result == -ENOENT || result == -EINVAL || result == -ENODEV) return {};
  return log.error("cannot detach from tc", result);
}

std::uint32_t flags_of(AttachMode mode) { return mode == AttachMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE; }

std::string refusal_text(LibbpfLog& log, int error_number) {
  if (error_number == EOPNOTSUPP) return "the driver has no support for it";
  if (error_number == EBUSY || error_number == EEXIST) return "another XDP program is attached to the interface";
  return log.error("refused", -error_number).what;
}

// A new pinned link, or why not.
std::optional<std::string> create_link(const Hooks& hooks, int program, AttachMode mode) {
  LibbpfLog log;
  LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags_of(mode));
  const UniqueFd link(bpf_link_create(program, index_of(hooks.interface), BPF_XDP, &options));
  if (!link) return refusal_text(log, errno);
  if (bpf_obj_pin(link.get(), hooks.xdp_link.c_str()) == 0) return std::nullopt;
  return system_error("cannot pin the link at " + hooks.xdp_link).what;
}

// The mode of the XDP program that is attached now.
std::optional<AttachMode> attached_mode(IfIndex interface) {
  LIBBPF_OPTS(bpf_xdp_query_opts, query);
  if (bpf_xdp_query(index_of(interface), 0, &query) != 0) return std::nullopt;
  if (query.attach_mode == XDP_ATTACHED_DRV) return AttachMode::native;
  if (query.attach_mode == XDP_ATTACHED_SKB) return AttachMode::generic;
  return std::nullopt;
}

// The predecessor's link, if it still is on this interface.
UniqueFd pinned_link(const Hooks& hooks) {
  UniqueFd link(bpf_obj_get(hooks.xdp_link.c_str()));
  if (!link) return {};
  bpf_link_info info{};
  __u32 length = sizeof(info);
  if (bpf_obj_get_info_by_fd(link.get(), &info, &length) != 0 || info.type != BPF_LINK_TYPE_XDP ||
      info.xdp.ifindex != hooks.interface.value()) {
    return {};
  }
  return link;
}

// Detaches at once: the last reference may otherwise be dropped by the kernel some time after the pin is gone.
void remove_link(const Hooks& hooks) {
  const UniqueFd link(bpf_obj_get(hooks.xdp_link.c_str()));
  if (!link) return;
  bpf_link_detach(link.get());
  ::unlink(hooks.xdp_link.c_str());
}

std::span<const AttachMode> modes_to_try(AttachChoice choice) {
  static constexpr std::array kModes = {AttachMode::native, AttachMode::generic, AttachMode::tc};
  const std::span<const AttachMode> all(kModes);
  switch (choice) {
    case AttachChoice::automatic: return all;
    case AttachChoice::native: return all.subspan(0, 1);
    case AttachChoice::generic: return all.subspan(1, 1);
    case AttachChoice::tc: return all.subspan(2, 1);
  }
  return all;
}

// tc decides while XDP programs come and go, so that the stack never sees an undecided frame.
Result<Attached> attach_afresh(const Hooks& hooks, const Programs& programs, AttachChoice choice) {
  if (auto covered = attach_filter(hooks.interface, BPF_TC_INGRESS, programs.tc_ingress); !covered)
    return covered.error();
  remove_link(hooks);
  Attached attached;
  for (const AttachMode mode : modes_to_try(choice)) {
    attached.mode = mode;
    if (mode == AttachMode::tc) return attached;
    const auto refusal = create_link(hooks, programs.xdp, mode);
    if (!refusal) {
      auto companion = attach_filter(hooks.interface, BPF_TC_INGRESS, programs.tc_host);
      if (!companion) return companion.error();
      return attached;
    }
    attached.refusals.push_back({mode, *refusal});
  }
  return Error{
      .what = "the interface refuses " + std::string(to_string(attached.mode)) + ": " + attached.refusals.back().reason,
      .way_out = "set xdp = \"auto\" to let the next best way be used"};
}

}  // namespace

std::string_view to_string(AttachMode mode) {
  switch (mode) {
    case AttachMode::native: return "xdp-native";
    case AttachMode::generic: return "xdp-generic";
    case AttachMode::tc: return "tc-only";
  }
  return "?";
}

Result<bool> ensure_clsact(IfIndex interface) {
  LibbpfLog log;
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = index_of(interface), .attach_point = BPF_TC_INGRESS);
  const int result = bpf_tc_hook_create(&hook);
  if (result == 0) return true;
  if (result == -EEXIST) return false;
  return log.error("cannot create the clsact qdisc", result, "run as root; the kernel needs CONFIG_NET_SCH_INGRESS");
}

Result<Attached> attach(const Hooks& hooks, const Programs& programs, AttachChoice choice) {
  if (auto egress = attach_filter(hooks.interface, BPF_TC_EGRESS, programs.tc_egress); !egress) return egress.error();
  const AttachMode best = modes_to_try(choice).front();
  const UniqueFd link = pinned_link(hooks);
  if (!link || attached_mode(hooks.interface) != best || bpf_link_update(link.get(), programs.xdp, nullptr) != 0) {
    return attach_afresh(hooks, programs, choice);
  }
  if (auto companion = attach_filter(hooks.interface, BPF_TC_INGRESS, programs.tc_host); !companion)
    return companion.error();
  return Attached{.mode = best, .refusals = {}};
}

Result<> check_attached(const Hooks& hooks, AttachMode mode) {
  if (auto egress = check_filter(hooks.interface, BPF_TC_EGRESS); !egress) return egress;
  if (auto ingress = check_filter(hooks.interface, BPF_TC_INGRESS); !ingress) return ingress;
  if (mode == AttachMode::tc || pinned_link(hooks)) return {};
  if (::access(hooks.xdp_link.c_str(), F_OK) == 0 && attached_mode(hooks.interface) == mode) {
    return Error{.what = "cannot look into " + hooks.xdp_link, .way_out = {}, .code = EIO};
  }
  return gone("the XDP program, or its link " + hooks.xdp_link + ",");
}

Result<> detach(const Hooks& hooks, Clsact clsact) {
  remove_link(hooks);
  if (auto ingress = detach_filter(hooks.interface, BPF_TC_INGRESS); !ingress) return ingress;
  if (auto egress = detach_filter(hooks.interface, BPF_TC_EGRESS); !egress) return egress;
  if (clsact == Clsact::keep) return {};
  LibbpfLog log;
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = index_of(hooks.interface),
              .attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
  const int result = bpf_tc_hook_destroy(&hook);
  if (result == 0 || result == -ENOENT || result == -EINVAL || result == -ENODEV) return {};
  return log.error("cannot remove the clsact qdisc", result);
}

}  // namespace relais::netfilter
