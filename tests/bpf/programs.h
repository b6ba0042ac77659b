// The BPF programs, loaded but attached to nothing, with one VIP per family.
#pragma once

#include "base/address.h"
#include "base/bucket_state.h"
#include "base/result.h"
#include "netfilter/abi/counters.h"
#include "netfilter/abi/node.h"
#include "netfilter/abi/opener.h"
#include "netfilter/loader/opener_table.h"

#include "data_plane.skel.h"

#include <array>
#include <memory>

namespace relais::test {

inline const IpAddress kVip4 = IpAddress::parse("198.51.100.100").value();
inline const IpAddress kVip6 = IpAddress::parse("2001:db8:1::100").value();
inline const IpAddress kClient4 = IpAddress::parse("203.0.113.7").value();
inline const IpAddress kClient6 = IpAddress::parse("2001:db8:ffff::7").value();
inline const IpAddress kRouter4 = IpAddress::parse("198.51.100.1").value();
inline const IpAddress kRouter6 = IpAddress::parse("2001:db8:1::1").value();
inline const MacAddress kClusterMac = MacAddress::parse("03:00:5e:11:11:11").value();
inline const MacAddress kOwnMac = MacAddress::parse("02:00:00:00:00:11").value();
inline constexpr SipKey kKey{.k0 = 0x0706050403020100, .k1 = 0x0f0e0d0c0b0a0908};

inline constexpr std::size_t kVipNumber4 = 0;
inline constexpr std::size_t kVipNumber6 = 1;

inline constexpr Duration kHoldAge = std::chrono::seconds(1);
inline constexpr std::uint32_t kHoldBurst = 20;

enum class Lease { valid, over, never };

class LoadedPrograms {
 public:
  // With a valid lease and every bucket foreign.
  static Result<LoadedPrograms> load();

  // The state of the bucket of `client` in the VIP of its family; every other bucket is foreign.
  void set_state(const IpAddress& client, BucketState state);
  void set_lease(Lease lease);
  netfilter::OpenerTable openers() const;
  void forget_openers(Instant now);
  void set_claimed(Instant at);
  std::array<std::uint64_t, RELAIS_VERDICTS> verdicts() const;
  relais_bucket_packets bucket_packets(const IpAddress& client) const;

  const bpf_program* xdp() const { return skeleton_->progs.relais_xdp; }
  const bpf_program* tc_host() const { return skeleton_->progs.relais_tc_host; }
  const bpf_program* tc_ingress() const { return skeleton_->progs.relais_tc_ingress; }
  const bpf_program* tc_egress() const { return skeleton_->progs.relais_tc_egress; }

 private:
  struct Deleter {
    void operator()(data_plane* skeleton) const { data_plane__destroy(skeleton); }
  };
  explicit LoadedPrograms(data_plane* skeleton) : skeleton_(skeleton) {}
  std::unique_ptr<data_plane, Deleter> skeleton_;
};

}  // namespace relais::test
