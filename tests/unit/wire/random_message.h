// Random values within the core's bounds, for property tests of the codec.
#pragma once

#include "base/prng.h"
#include "ha/core/message.h"

#include <cstddef>

namespace relais::wire {

inline constexpr std::size_t kMessageTypes = std::variant_size_v<ha::Body>;

// Everything set to something, sizes up to the bounds.
ha::Cluster random_cluster(Prng& random);

// A message of the alternative `index` of ha::Body.
ha::Message random_message(Prng& random, std::size_t index);

}  // namespace relais::wire
