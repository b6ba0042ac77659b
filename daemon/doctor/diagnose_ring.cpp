// Corosync's installation and what its configuration says.
#include "daemon/doctor/diagnose.h"

namespace relais::doctor {
namespace {

// knet looks at its timers every 200 ms and derives shorter ones from the token by default: below this timeout a short
// token makes links flap every nine seconds, by themselves. More pings than looks there cannot be.
constexpr std::uint32_t kShortestPingInterval_ms = 200;
constexpr std::uint32_t kShortestPingTimeout_ms = 600;
constexpr std::uint32_t kTrustedToken_ms = 1000;  // from here on knet's defaults (token / 4, token / 2) are long enough

constexpr Release kOldestCorosync{3, 1, 0};
constexpr std::uint64_t kShortestSharedMemory = 32ULL * 1024 * 1024;  // corosync's black box and IPC buffers, and room

std::string text_of(Release release) {
  return std::to_string(release.major) + "." + std::to_string(release.minor) + "." + std::to_string(release.patch);
}

void diagnose_link(const RingFacts& ring, const RingFacts::Link& link, Findings& findings) {
  const bool defaults_will_do = ring.token_ms.value_or(0) >= kTrustedToken_ms;
  const auto too_short = [&](const std::optional<std::uint32_t>& value, std::uint32_t least) {
    return value ? *value < least : !defaults_will_do;
  };
  if (!too_short(link.ping_interval_ms, kShortestPingInterval_ms) &&
      !too_short(link.ping_timeout_ms, kShortestPingTimeout_ms)) {
    return;
  }
  const auto text = [](const std::optional<std::uint32_t>& value) { return value ? std::to_string(*value) : "unset"; };
  findings.push_back({Severity::error,
                      "link " + std::to_string(link.number) + ": knet_ping_interval is " + text(link.ping_interval_ms) +
                          ", knet_ping_timeout is " + text(link.ping_timeout_ms),
                      "knet takes a healthy link for dead, and the cluster falls apart every few seconds",
                      "set knet_ping_interval: 200 and knet_ping_timeout: 2000 for the link in " + ring.path +
                          ": relaisd writes it so when it starts"});
}

}  // namespace

void diagnose_corosync(const CorosyncFacts& corosync, Findings& findings) {
  if (corosync.installed == false) {
    findings.push_back({Severity::error, "corosync is not installed", "relaisd gets membership and quorum from it",
                        "apt-get install corosync && systemctl disable --now corosync"});
  } else if (corosync.release && *corosync.release < kOldestCorosync) {
    findings.push_back({Severity::error, "corosync " + text_of(*corosync.release) + " is older than 3.1",
                        "it lacks options that relaisd sets", "install corosync 3.1 or newer"});
  }
  if (corosync.own_service_enabled == true) {
    findings.push_back({Severity::error, "corosync.service starts a corosync of its own at boot",
                        "relaisd's corosync then finds the lock taken and ends", "systemctl disable --now corosync"});
  }
  if (corosync.shared_memory_bytes && *corosync.shared_memory_bytes < kShortestSharedMemory) {
    findings.push_back({Severity::error,
                        "/dev/shm has only " + std::to_string(*corosync.shared_memory_bytes >> 20) + " MiB",
                        "corosync keeps its buffers there and dies without room",
                        "mount -o remount,size=64m /dev/shm (or mount -t tmpfs tmpfs /dev/shm)"});
  }
}

void diagnose_ring(const RingFacts& ring, Findings& findings) {
  for (const RingFacts::Link& link : ring.links) diagnose_link(ring, link, findings);
  if (ring.links.empty() && ring.token_ms.value_or(0) < kTrustedToken_ms) diagnose_link(ring, {}, findings);
  if (ring.token_coefficient_ms != 0U) {
    findings.push_back({Severity::warning, "token_coefficient is not 0 in " + ring.path,
                        "each node beyond the second makes the death of a node known 1.4 s later",
                        "set token_coefficient: 0, then corosync-cfgtool -R"});
  }
  if (ring.links.size() > 1 && ring.link_mode != "active") {
    findings.push_back({Severity::warning, "link_mode is not active in " + ring.path,
                        "the loss of one heartbeat link stops the cluster for a second or two",
                        "set link_mode: active, then restart relaisd node by node"});
  }
  if (!ring.cipher || *ring.cipher == "none") {
    findings.push_back(
        {Severity::warning, "the ring is not encrypted (" + ring.path + ")",
         "anyone on the heartbeat network can take part",
         "set crypto_cipher: aes256 and crypto_hash: sha256 on all nodes, then restart relaisd everywhere"});
  }
}

}  // namespace relais::doctor
