// Runs single packets through the loaded programs (BPF_PROG_TEST_RUN).
#pragma once

#include "tests/bpf/packets.h"
#include "tests/bpf/programs.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace relais::test {

// What one packet met.
struct Outcome {
  int returned = 0;
  Bytes packet;                                // as the program left it
  relais_verdict verdict = RELAIS_NO_VERDICT;  // the one counter that moved
};

class BpfTest : public testing::Test {
 protected:
  void SetUp() override;

  LoadedPrograms& programs() { return *programs_; }
  void set_state(const IpAddress& client, BucketState state) { programs_->set_state(client, state); }
  void set_lease(Lease lease) { programs_->set_lease(lease); }
  // nullopt: the kernel refuses to test with this input (too short).
  std::optional<Outcome> try_run(const bpf_program* program, const Bytes& packet);
  Outcome run(const bpf_program* program, const Bytes& packet);

  const bpf_program* xdp() const { return programs_->xdp(); }
  const bpf_program* tc_ingress() const { return programs_->tc_ingress(); }
  const bpf_program* tc_egress() const { return programs_->tc_egress(); }

 private:
  std::optional<LoadedPrograms> programs_;
};

std::string verdict_name(relais_verdict verdict);

// A frame to the cluster MAC with this IP packet.
Bytes to_cluster(const Bytes& packet);

}  // namespace relais::test
