// A configuration as its file says it: every setting has the right type and form by itself, or is empty. Whether they
// fit together is the business of check.cpp.
#pragma once

#include "daemon/config/cluster.h"
#include "daemon/config/raw.h"
#include "daemon/config/reader.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace relais::config {

struct DraftNode {
  Position at;
  Setting<std::int64_t> id;
  Setting<std::string> name;
  Setting<IpAddress> address;
  Setting<IpAddress> address6;
  Setting<std::vector<Setting<IpAddress>>> links;
  Setting<std::string> interface;
  bool has_interface = false;  // right or wrong
  Setting<XdpMode> xdp;
  Setting<Gateway> gateway;
  Setting<std::int64_t> weight;
};

struct DraftWeight {
  Located<std::string> node;
  Setting<std::int64_t> weight;
};

struct DraftVip {
  Position at;
  Setting<std::string> name;
  Setting<IpAddress> address;
  Setting<MacAddress> mac;
  std::vector<DraftWeight> weights;
};

struct Draft {
  Setting<std::string> name;
  Setting<std::string> key_file;
  Setting<std::string> state_directory;
  Setting<std::string> control_socket;
  Setting<ListenAddress> metrics_listen;
  Setting<TimingPreset> preset;
  Setting<std::int64_t> grace_s;
  Setting<std::int64_t> drain_limit_s;
  Setting<std::int64_t> gateway_interval_ms;
  Setting<TwoNode> two_node;
  bool has_arbiter = false;  // right or wrong
  Setting<std::string> arbiter;
  Setting<std::int64_t> arbiter_port;
  Setting<ArbiterTls> arbiter_tls;
  Setting<std::string> arbiter_certificates;
  Setting<std::int64_t> arbiter_heartbeat_ms;
  Setting<std::string> default_interface;
  bool has_default_interface = false;  // right or wrong
  Setting<std::int64_t> default_weight;
  Setting<XdpMode> default_xdp;
  Setting<Gateway> default_gateway;
  std::optional<std::vector<DraftNode>> nodes;  // none: not a list of tables, and reported
  std::optional<std::vector<DraftVip>> vips;    // likewise
};

// Appends to `errors` whatever is missing, unknown or malformed.
Draft read_draft(const raw::Table& document, Errors& errors);

}  // namespace relais::config
