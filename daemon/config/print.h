// The canonical form of a configuration: what `relais config print` and GET /v1/config show, and what nodes compare.
#pragma once

#include "daemon/config/cluster.h"

#include <cstdint>
#include <string>

namespace relais::config {

// TOML with every setting spelled out, no defaults left; parse(print(c)) == c. Equal values print equally.
std::string print(const Cluster& cluster);

// Fingerprint of the canonical form: two files that mean the same have the same one, whatever their order and comments.
// Not a secret and not a defence against forgery.
std::uint64_t hash_of(const Cluster& cluster);

// Fingerprint of what nodes must agree on to be one cluster (ha::Settings::common_hash): VIPs in their order with their
// MACs, timing preset, rule for two nodes, the arbiter's address and heartbeat.
std::uint64_t common_hash_of(const Cluster& cluster);

// The fingerprint as 16 hexadecimal digits, for people and the control API.
std::string hash_text(std::uint64_t hash);

}  // namespace relais::config
