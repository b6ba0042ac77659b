// Facts -> findings. Pure.
#pragma once

#include "daemon/control/api.h"
#include "daemon/doctor/facts.h"
#include "daemon/doctor/finding.h"

#include <optional>

namespace relais::doctor {

// `status` is what the running relaisd says of itself; none: it does not run or does not answer. Errors first, then
// warnings, then notes; within one severity from the machine to the cluster.
Findings diagnose(const Facts& facts, const std::optional<control::Status>& status);

// The parts, each for its own table of tests. They append.
void diagnose_kernel(const KernelFacts& kernel, Findings& findings);
void diagnose_corosync(const CorosyncFacts& corosync, Findings& findings);
void diagnose_ring(const RingFacts& ring, Findings& findings);
void diagnose_config(const ConfigFacts& config, Findings& findings);
void diagnose_interfaces(const Facts& facts, Findings& findings);
void diagnose_sysctls(const Facts& facts, Findings& findings);
void diagnose_relaisd(const Facts& facts, const std::optional<control::Status>& status, Findings& findings);

}  // namespace relais::doctor
