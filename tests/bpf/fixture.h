// Loads the BPF programs without attaching them and runs single packets through them (BPF_PROG_TEST_RUN).
#pragma once

#include "base/address.h"
#include "base/bucket_state.h"
#include "netfilter/abi/counters.h"
#include "netfilter/abi/node.h"
#include "tests/bpf/packets.h"

#include "data_plane.skel.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

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

enum class Lease { valid, over, never };

// What one packet met.
struct Outcome {
  int returned = 0;
  Bytes packet;                                // as the program left it
  relais_verdict verdict = RELAIS_NO_VERDICT;  // the one counter that moved
};

class BpfTest : public testing::Test {
 protected:
  void SetUp() override;

  // The state of the bucket of `client` in the VIP of its family; every other bucket is foreign.
  void set_state(const IpAddress& client, BucketState state);
  void set_lease(Lease lease);
  // nullopt: the kernel refuses to test with this input (too short).
  std::optional<Outcome> try_run(const bpf_program* program, const Bytes& packet);
  Outcome run(const bpf_program* program, const Bytes& packet);
  relais_bucket_packets bucket_packets(const IpAddress& client);

  const bpf_program* xdp() const { return skeleton_->progs.relais_xdp; }
  const bpf_program* tc_ingress() const { return skeleton_->progs.relais_tc_ingress; }
  const bpf_program* tc_egress() const { return skeleton_->progs.relais_tc_egress; }

 private:
  struct Deleter {
    void operator()(data_plane* skeleton) const { data_plane__destroy(skeleton); }
  };
  std::array<std::uint64_t, RELAIS_VERDICTS> read_verdicts() const;
  std::unique_ptr<data_plane, Deleter> skeleton_;
};

std::string verdict_name(relais_verdict verdict);

// A frame to the cluster MAC with this IP packet.
Bytes to_cluster(const Bytes& packet);

}  // namespace relais::test
