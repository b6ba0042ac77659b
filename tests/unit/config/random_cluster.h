// Random valid configurations, for properties that must hold for all of them.
#pragma once

#include "base/prng.h"
#include "daemon/config/cluster.h"

namespace relais::config {

Cluster random_cluster(Prng& prng);

}  // namespace relais::config
