// The checked configuration of a cluster: plain values, everything resolved (no defaults left to apply), equal on every
// node. Made by parse.h; whoever holds a Cluster may rely on the rules of check.h.
#pragma once

#include "base/address.h"
#include "base/ids.h"
#include "base/time.h"
#include "ha/core/timing.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relais::config {

enum class TimingPreset : std::uint8_t { fast, normal, relaxed };

// Who stays quorate when two nodes lose each other; docs/decisions/0004-two-nodes.md compares.
enum class TwoNode : std::uint8_t {
  none,     // neither: an operator decides
  lowest,   // the node with the lowest id (Corosync's auto_tie_breaker)
  arbiter,  // the one that an arbiter gives its vote to (corosync-qnetd); also for the halves of 4, 6, … nodes
  both,     // both (Corosync's two_node): two owners while they are apart
};

enum class ArbiterTls : std::uint8_t { required, off };

// A corosync-qnetd outside of the cluster.
struct Arbiter {
  std::string host;  // name or address
  std::uint16_t port = 0;
  ArbiterTls tls = ArbiterTls::required;
  std::string certificates;             // directory of an NSS database
  std::chrono::milliseconds heartbeat;  // it takes a node for gone after one and a half to three of them
  bool operator==(const Arbiter&) const = default;
};

enum class XdpMode : std::uint8_t {
  automatic,  // native, else generic, else tc
  native,
  generic,
  tc,
};

enum class GatewayMode : std::uint8_t {
  automatic,  // the next hops of the front interface's default route
  off,        // the carrier alone says how the front is
  listed,
};

// Whom a node asks to find out whether its front works. One that answers is enough.
struct Gateway {
  GatewayMode mode = GatewayMode::automatic;
  std::vector<IpAddress> addresses;  // 1 to kMaxGateways if listed, else none
  bool operator==(const Gateway&) const = default;
};

inline constexpr std::size_t kMaxGateways = 4;

struct ListenAddress {
  IpAddress address;
  std::uint16_t port = 0;
  bool operator==(const ListenAddress&) const = default;
};

struct Timing {
  TimingPreset preset = TimingPreset::normal;
  std::chrono::seconds grace{10};
  std::chrono::seconds drain_limit{3600};  // zero: never
  std::chrono::milliseconds gateway_interval{250};
  bool operator==(const Timing&) const = default;
};

struct Node {
  NodeId id;
  std::string name;
  IpAddress address;                  // IPv4, its own, on the front interface
  std::optional<IpAddress> address6;  // IPv6, likewise
  std::vector<IpAddress> links;       // heartbeat addresses; [0] is link 0; one or two, as many as on the other nodes
  std::string interface;              // front interface
  XdpMode xdp = XdpMode::automatic;
  Gateway gateway;
  bool operator==(const Node&) const = default;
};

// Shares are in proportion: finer steps than these could not be seen in 256 buckets.
inline constexpr std::uint16_t kMaxWeight = 1000;

// A shared VIP. Its VipId is its position in Cluster::vips.
struct Vip {
  std::string name;
  IpAddress address;
  MacAddress mac;                           // the cluster MAC
  std::map<NodeId, std::uint16_t> weights;  // every node of the cluster
  bool operator==(const Vip&) const = default;
};

struct Cluster {
  std::string name;
  std::string key_file;
  std::string state_directory;
  std::string control_socket;
  std::optional<ListenAddress> metrics_listen;  // none: no metrics server
  Timing timing;
  TwoNode two_node = TwoNode::none;
  std::optional<Arbiter> arbiter;  // exactly with TwoNode::arbiter
  std::vector<Node> nodes;         // 2 to kMaxNodes, ascending by id
  std::vector<Vip> vips;           // 1 to kMaxVips, in the order of the file
  bool operator==(const Cluster&) const = default;
};

// The words of the configuration file.
std::string_view to_string(TimingPreset preset);
std::string_view to_string(TwoNode two_node);
std::string_view to_string(ArbiterTls tls);
std::string_view to_string(XdpMode mode);
// "auto", "off", or the addresses: "198.51.100.1, 198.51.100.2".
std::string to_string(const Gateway& gateway);
// "127.0.0.1:9460" or "[::1]:9460".
std::string to_string(const ListenAddress& listen);
// "arbiter.example.net:5403", "[2001:db8::1]:5403".
std::string address_of(const Arbiter& arbiter);

// Corosync's token timeout of a preset: 100, 200 or 1000 ms.
Duration token_of(TimingPreset preset);
// All that follows from the preset, with the configured grace and drain limit.
ha::Timing timing_of(const Cluster& cluster);

// Null if there is none. The text is a name or a decimal id; no name looks like an id.
const Node* find_node(const Cluster& cluster, NodeId id);
const Node* find_node(const Cluster& cluster, std::string_view name_or_id);
std::optional<VipId> find_vip(const Cluster& cluster, std::string_view name);

// Every configured node's weight per VIP, as ha::Settings wants it.
std::map<NodeId, std::vector<std::uint16_t>> weights_of(const Cluster& cluster);
// How nodes and VIPs are called, for the core's reports.
std::map<NodeId, std::string> names_of(const Cluster& cluster);
std::vector<std::string> vip_names_of(const Cluster& cluster);

}  // namespace relais::config
