// Raw tree → draft: the one place that lists all settings of the file. Keep relais.toml(5) equal to it.
#include "daemon/config/draft.h"

#include "base/node_set.h"
#include "daemon/config/words.h"

namespace relais::config {

namespace {

constexpr Range kNodeIds{1, kMaxNodeId};
constexpr Range kWeights{0, kMaxWeight};
constexpr Range kGraceSeconds{1, 600};  // longer than a restart of the daemon takes, shorter than a client's patience
constexpr Range kDrainLimitSeconds{0, 7 * 86400};  // 0: never
// Below, a busy router's answers would be late; above, clients would wait longer than for a dead node.
constexpr Range kGatewayIntervalMs{100, 2000};
constexpr Range kPorts{1, 65535};
constexpr Range kArbiterHeartbeats_ms{100, 10000};  // below: shorter than a busy machine's pauses

void read_cluster(TableReader& root, Draft& draft, Errors& errors) {
  const auto section = root.section("cluster", Presence::required);
  TableReader reader(section.table, section.at, "[cluster]", errors);
  // Without the section, one error says so; a line for each of its settings would only hide it.
  const Presence presence = section.found ? Presence::required : Presence::optional;
  draft.name = reader.parsed("name", parse_name, presence);
  draft.key_file = reader.parsed("key_file", parse_path, presence);
  draft.state_directory = reader.parsed("state_directory", parse_path, Presence::optional);
  draft.control_socket = reader.parsed("control_socket", parse_socket_path, Presence::optional);
  draft.metrics_listen = reader.parsed("metrics_listen", parse_listen_address, Presence::optional);
  reader.refuse_unknown();
}

void read_timing(TableReader& root, Draft& draft, Errors& errors) {
  const auto section = root.section("timing", Presence::optional);
  TableReader reader(section.table, section.at, "[timing]", errors);
  draft.preset = reader.parsed("preset", parse_timing_preset, Presence::optional);
  draft.grace_s = reader.integer("grace_s", kGraceSeconds, Presence::optional);
  draft.drain_limit_s = reader.integer("drain_limit_s", kDrainLimitSeconds, Presence::optional);
  draft.gateway_interval_ms = reader.integer("gateway_interval_ms", kGatewayIntervalMs, Presence::optional);
  reader.refuse_unknown();
}

void read_quorum(TableReader& root, Draft& draft, Errors& errors) {
  const auto section = root.section("quorum", Presence::optional);
  TableReader reader(section.table, section.at, "[quorum]", errors);
  draft.two_node = reader.parsed("two_node", parse_two_node, Presence::optional);
  draft.has_arbiter = reader.has("arbiter");
  draft.arbiter = reader.parsed("arbiter", parse_host, Presence::optional);
  draft.arbiter_port = reader.integer("arbiter_port", kPorts, Presence::optional);
  draft.arbiter_tls = reader.parsed("arbiter_tls", parse_arbiter_tls, Presence::optional);
  draft.arbiter_certificates = reader.parsed("arbiter_certificates", parse_path, Presence::optional);
  draft.arbiter_heartbeat_ms = reader.integer("arbiter_heartbeat_ms", kArbiterHeartbeats_ms, Presence::optional);
  reader.refuse_unknown();
}

void read_defaults(TableReader& root, Draft& draft, Errors& errors) {
  const auto section = root.section("defaults", Presence::optional);
  TableReader reader(section.table, section.at, "[defaults]", errors);
  draft.default_interface = reader.parsed("interface", parse_interface, Presence::optional);
  draft.has_default_interface = reader.has("interface");
  draft.default_weight = reader.integer("weight", kWeights, Presence::optional);
  draft.default_xdp = reader.parsed("xdp", parse_xdp_mode, Presence::optional);
  draft.default_gateway = reader.parsed("gateway", parse_gateway, Presence::optional);
  reader.refuse_unknown();
}

Result<IpAddress> parse_own_address_v4(std::string_view text) {
  Result<IpAddress> address = parse_own_address(text);
  if (address.has_error() || address->family() == IpFamily::v4) return address;
  return Error{.what = address->to_string() + " is an IPv6 address", .way_out = "write it as address6"};
}

Result<IpAddress> parse_own_address_v6(std::string_view text) {
  Result<IpAddress> address = parse_own_address(text);
  if (address.has_error() || address->family() == IpFamily::v6) return address;
  return Error{.what = address->to_string() + " is an IPv4 address", .way_out = "write it as address"};
}

DraftNode read_node(const raw::Value& value, Errors& errors) {
  TableReader reader(std::get<raw::Table>(value.data), value.at, "[[node]]", errors);
  DraftNode node;
  node.at = value.at;
  node.id = reader.integer("id", kNodeIds, Presence::required);
  node.name = reader.parsed("name", parse_node_name, Presence::required);
  node.address = reader.parsed("address", parse_own_address_v4, Presence::required);
  node.address6 = reader.parsed("address6", parse_own_address_v6, Presence::optional);
  node.links = reader.parsed_list("links", parse_own_address, Presence::required);
  node.interface = reader.parsed("interface", parse_interface, Presence::optional);
  node.has_interface = reader.has("interface");
  node.xdp = reader.parsed("xdp", parse_xdp_mode, Presence::optional);
  node.gateway = reader.parsed("gateway", parse_gateway, Presence::optional);
  node.weight = reader.integer("weight", kWeights, Presence::optional);
  reader.refuse_unknown();
  return node;
}

DraftVip read_vip(const raw::Value& value, Errors& errors) {
  TableReader reader(std::get<raw::Table>(value.data), value.at, "[[vip]]", errors);
  DraftVip vip;
  vip.at = value.at;
  vip.name = reader.parsed("name", parse_name, Presence::required);
  vip.address = reader.parsed("address", parse_own_address, Presence::required);
  vip.mac = reader.parsed("mac", parse_cluster_mac, Presence::required);
  reader.parsed("kind", parse_vip_kind, Presence::optional);
  const auto weights = reader.section("weights", Presence::optional);
  for (auto& [node, weight] : TableReader(weights.table, weights.at, "[vip.weights]", errors).integers(kWeights)) {
    vip.weights.push_back({node, weight});
  }
  reader.refuse_unknown();
  return vip;
}

template <class T>
std::optional<std::vector<T>> read_list(TableReader& root, std::string_view key, T (*read)(const raw::Value&, Errors&),
                                        Errors& errors) {
  const auto tables = root.tables(key);
  if (!tables) return std::nullopt;
  std::vector<T> list;
  for (const raw::Value* table : *tables) list.push_back(read(*table, errors));
  return list;
}

}  // namespace

Draft read_draft(const raw::Table& document, Errors& errors) {
  Draft draft;
  TableReader root(document, Position{1, 1}, "", errors);
  read_cluster(root, draft, errors);
  read_timing(root, draft, errors);
  read_quorum(root, draft, errors);
  read_defaults(root, draft, errors);
  draft.nodes = read_list<DraftNode>(root, "node", read_node, errors);
  draft.vips = read_list<DraftVip>(root, "vip", read_vip, errors);
  root.refuse_unknown();
  return draft;
}

}  // namespace relais::config
