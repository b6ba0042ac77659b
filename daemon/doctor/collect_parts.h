// The parts of collect_facts(). Each fills its facts and notes in `unseen` what it could not look at.
#pragma once

#include "daemon/doctor/facts.h"

#include <optional>
#include <string>

namespace relais::doctor {

void collect_kernel(Facts& facts);
void collect_corosync(Facts& facts);
void collect_interfaces(Facts& facts);
void collect_sysctls(Facts& facts);
void collect_key(Facts& facts);
void collect_certificate(Facts& facts);

}  // namespace relais::doctor
