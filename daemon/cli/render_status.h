// `relais status` for people. Pure.
#pragma once

#include "daemon/cli/style.h"
#include "daemon/control/api.h"

#include <string>

namespace relais::cli {

// Everything, in sections; ends with a newline.
std::string render_status(const control::Status& status, const Style& style);

// The 256 buckets of one VIP, 8 rows of 32 two-character cells: the owner's symbol, then '>' while the bucket moves,
// '*' while an earlier owner has connections in it, or a blank. Indented, with the number of each row's first bucket.
std::string render_map(const control::VipStatus& vip, const Style& style);

// "n2"; "node 2" if the status does not know it; "nobody" for 0.
std::string node_name(const control::Status& status, std::uint32_t node);
// A few words: "member", "drained", "retiring", "upgrading", "front lost: no carrier", "no gateway" (nobody sees one),
// "no member", "gone".
std::string node_state(const control::NodeStatus& node);

}  // namespace relais::cli
