// The rules that settings must keep together, and the step from draft to checked value.
#pragma once

#include "daemon/config/cluster.h"
#include "daemon/config/draft.h"

namespace relais::config {

// Appends to `errors` every rule that the draft breaks. Parts that are empty (already reported) are left out of the
// comparison, so that one mistake gives one error.
//   nodes: 2 to 16; ids, names and addresses unique; one or two links, as many and of the same families on all nodes;
//   VIPs: 1 to 16; names and addresses unique, no node's address; weights for known nodes, not all zero;
//   two_node other than "none" only with two nodes; every node has a front interface.
void check_rules(const Draft& draft, Errors& errors);

// Requires that neither reading nor checking the draft has found an error.
Cluster build_cluster(const Draft& draft);

}  // namespace relais::config
