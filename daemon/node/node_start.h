// What Node::open() has when the data plane is there: as found, or fresh.
#pragma once

#include "daemon/control/api.h"
#include "daemon/node/node.h"

#include <optional>

namespace relais::node {

struct Node::Start {
  netfilter::DataPlane data_plane;
  std::optional<ha::Handoff> handoff;  // of the relaisd that this one replaces; absent: an ordinary start
  control::UpgradeStatus upgrade;
};

}  // namespace relais::node
