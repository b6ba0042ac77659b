// Looks at this machine. Reads only; changes nothing.
#pragma once

#include "daemon/config/cluster.h"
#include "daemon/config/error.h"
#include "daemon/doctor/facts.h"

#include <cstdint>
#include <optional>
#include <string>

namespace relais::doctor {

struct Inquiry {
  ConfigFacts config;                       // facts_of() the configuration
  std::optional<std::int32_t> relaisd_pid;  // the process behind the control socket
  bool may_ask_relaisd = true;
};

// What a configuration says of this machine. `node` is the name that relaisd says it has; without it the host's name
// counts.
ConfigFacts facts_of(const config::Checked<config::Cluster>& cluster, const std::string& path,
                     const std::optional<std::string>& node);

// Everything. Takes at most a few seconds; what cannot be looked at is in `unseen`.
Facts collect_facts(const Inquiry& inquiry);

// The process that listens on a Unix socket; nothing if none does or it is out of sight (another PID namespace).
std::optional<std::int32_t> find_listener(const std::string& socket_path);

}  // namespace relais::doctor
