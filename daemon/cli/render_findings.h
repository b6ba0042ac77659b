// Findings of doctor and errors of a configuration, for people. Pure.
#pragma once

#include "daemon/cli/style.h"
#include "daemon/doctor/finding.h"

#include <string>
#include <vector>

namespace relais::cli {

// Each finding with reason and fix, what could not be looked at, and a closing line that counts.
std::string render_findings(const doctor::Findings& findings, const std::vector<std::string>& unseen,
                            const Style& style);

}  // namespace relais::cli
