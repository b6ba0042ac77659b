// The bodies of messages as fields: see bodies.h.
#include "ha/wire/bodies.h"

#include "ha/wire/cluster_record.h"
#include "ha/wire/codec.h"
#include "ha/wire/fields.h"

#include <algorithm>
#include <array>
#include <utility>

namespace relais::wire {
namespace {

VipId read_vip(Reader& in, std::string_view field) { return VipId(in.get_at_most<std::uint8_t>(field, kMaxVips - 1)); }

void write_text(Writer& out, std::string_view text, std::size_t maximum) {
  INVARIANT(text.size() <= maximum && maximum <= 255, "a text is within its bound");
  out.put(static_cast<std::uint8_t>(text.size()));
  out.put_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::string read_text(Reader& in, std::string_view field, std::uint8_t maximum) {
  const auto length = in.get_at_most<std::uint8_t>(field, maximum);
  if (length > in.left()) in.fail(field, "is cut off");
  const ByteView text = in.get_bytes(field, length);
  return std::string(text.begin(), text.end());
}

void write_client(Writer& out, const ha::Client& client) {
  const auto& [vip, vip_port, port, address] = client;
  INVARIANT(vip.value() < kMaxVips, "VIPs are numbered from 0");
  out.put(static_cast<std::uint8_t>(address.family()));
  out.put(vip.value());
  out.put(vip_port);
  out.put(port);
  out.put_bytes(address.bytes());
}

ha::Client read_client(Reader in) {
  ha::Client client;
  const auto family = in.get<std::uint8_t>("client.family");
  client.vip = read_vip(in, "client.vip");
  client.vip_port = in.get<std::uint16_t>("client.vip_port");
  client.port = in.get<std::uint16_t>("client.port");
  const bool is_v4 = family == static_cast<std::uint8_t>(IpFamily::v4);
  if (!is_v4 && family != static_cast<std::uint8_t>(IpFamily::v6)) in.fail("client.family", "is none of 4 and 6");
  const ByteView bytes = in.get_bytes("client.address", is_v4 ? 4 : 16);
  if (bytes.empty()) {
    in.fail("client.address", "is missing");
    return client;
  }
  std::array<std::uint8_t, 16> v6{};
  std::array<std::uint8_t, 4> v4{};
  std::ranges::copy(bytes, is_v4 ? v4.begin() : v6.begin());
  client.address = is_v4 ? IpAddress::v4(v4) : IpAddress::v6(v6);
  return client;
}

void write_clients(Writer& out, const std::vector<ha::Client>& clients) {
  out.put(static_cast<std::uint16_t>(clients.size()));
  for (const ha::Client& client : clients) out.record<std::uint8_t>([&] { write_client(out, client); });
}

std::vector<ha::Client> read_clients(Reader& in, std::string_view field) {
  std::vector<ha::Client> clients;
  const auto count = in.get_at_most<std::uint16_t>(field, kMaxClients);
  for (std::size_t i = 0; i < count && !in.failed(); ++i) {
    clients.push_back(read_client(in.record<std::uint8_t>(field)));
  }
  return clients;
}

// Every type has a number, `write` and `read`. `write` takes the body apart with a structured binding, so that a field
// added to a body and forgotten here does not compile.
template <class Type>
struct Codec;

template <>
struct Codec<ha::Heartbeat> {
  static constexpr std::uint8_t type = 1;
  static void write(Writer& out, const ha::Heartbeat& body) {
    const auto& [sequence, connections, members, acks, upgrading] = body;
    INVARIANT(acks.size() <= kMaxNodeId, "at most one acknowledgement per node");
    out.put(sequence);
    out.put(connections);
    write_node_set(out, members);
    out.put(static_cast<std::uint8_t>(acks.size()));
    for (const ha::Heartbeat::Ack& ack : acks) {
      out.record<std::uint8_t>([&] {
        write_node(out, ack.node);
        out.put(ack.sequence);
      });
    }
    write_node_set(out, upgrading);
  }
  static ha::Heartbeat read(Reader in) {
    ha::Heartbeat body;
    body.sequence = in.get<std::uint64_t>("heartbeat.sequence");
    body.connections = in.get<std::uint32_t>("heartbeat.connections");
    body.members = read_node_set(in, "heartbeat.members");
    const auto acks = in.get_at_most<std::uint8_t>("heartbeat.acks", kMaxNodeId);
    for (std::size_t i = 0; i < acks && !in.failed(); ++i) {
      Reader inner = in.record<std::uint8_t>("heartbeat.ack");
      const NodeId node = read_node(inner, "heartbeat.ack.node");
      body.acks.push_back({.node = node, .sequence = inner.get<std::uint64_t>("heartbeat.ack.sequence")});
    }
    body.upgrading = read_node_set(in, "heartbeat.upgrading");
    return body;
  }
};

template <>
struct Codec<ha::Hello> {
  static constexpr std::uint8_t type = 2;
  static void write(Writer& out, const ha::Hello& body) {
    const auto& [incarnation, attempt, config_hash, common_hash, epoch, weights, leftovers, version, front, resumes,
                 unsure_ms] = body;
    INVARIANT(leftovers.size() <= kMaxVips, "one set of leftovers per VIP");
    out.put(incarnation);
    out.put(attempt);
    out.put(config_hash);
    out.put(common_hash);
    out.put(epoch.value());
    write_text(out, version, kMaxVersionText);
    write_weights(out, weights);
    out.put(static_cast<std::uint8_t>(leftovers.size()));
    for (const ha::BucketSet& buckets : leftovers) {
      out.record<std::uint8_t>([&] { write_buckets(out, buckets); });
    }
    write_front(out, front);
    out.put(resumes);
    out.put(unsure_ms);
  }
  static ha::Hello read(Reader in) {
    ha::Hello body;
    body.incarnation = in.get<std::uint64_t>("hello.incarnation");
    body.attempt = in.get<std::uint32_t>("hello.attempt");
    body.config_hash = in.get<std::uint64_t>("hello.config_hash");
    body.common_hash = in.get<std::uint64_t>("hello.common_hash");
    body.epoch = Epoch(in.get<std::uint64_t>("hello.epoch"));
    body.version = read_text(in, "hello.version", kMaxVersionText);
    body.weights = read_weights(in, "hello.weights");
    const auto vips = in.get_at_most<std::uint8_t>("hello.leftovers", kMaxVips);
    for (std::size_t i = 0; i < vips && !in.failed(); ++i) {
      Reader inner = in.record<std::uint8_t>("hello.leftovers");
      body.leftovers.push_back(read_buckets(inner, "hello.leftovers"));
    }
    body.front = read_front(in, "hello.front");
    body.resumes = in.get<std::uint64_t>("hello.resumes");
    body.unsure_ms = in.get_at_most<std::uint32_t>("hello.unsure_ms", kLongestUnsure_ms);
    return body;
  }
};

template <>
struct Codec<ha::Snapshot> {
  static constexpr std::uint8_t type = 3;
  static void write(Writer& out, const ha::Snapshot& body) {
    const auto& [for_node, incarnation, attempt, forming, cluster] = body;
    write_node(out, for_node);
    out.put(incarnation);
    out.put(attempt);
    write_node_set(out, forming);
    out.record<std::uint32_t>([&, &state = cluster] { write_cluster(out, state); });
  }
  static ha::Snapshot read(Reader in) {
    ha::Snapshot body;
    body.for_node = read_node_or_none(in, "snapshot.for_node");
    body.incarnation = in.get<std::uint64_t>("snapshot.incarnation");
    body.attempt = in.get<std::uint32_t>("snapshot.attempt");
    body.forming = read_node_set(in, "snapshot.forming");
    body.cluster = read_cluster(in.record<std::uint32_t>("snapshot.cluster"));
    return body;
  }
};

template <>
struct Codec<ha::Holding> {
  static constexpr std::uint8_t type = 4;
  static void write(Writer& out, const ha::Holding& body) {
    const auto& [move] = body;
    out.put(move.value());
  }
  static ha::Holding read(Reader in) { return {.move = Epoch(in.get<std::uint64_t>("holding.move"))}; }
};

template <>
struct Codec<ha::Released> {
  static constexpr std::uint8_t type = 5;
  static void write(Writer& out, const ha::Released& body) {
    const auto& [move, flows, openers, complete] = body;
    INVARIANT(openers.size() <= ha::kMaxOpeners, "no more openers than fit a message");
    out.put(move.value());
    out.put(flows);
    write_flag(out, complete);
    out.put(static_cast<std::uint16_t>(openers.size()));
    for (const Opener& opener : openers) {
      out.put(opener.id.value());
      out.put(opener.vip.value());
      out.put(opener.bucket.value());
      out.put(static_cast<std::uint8_t>(opener.phase));
    }
  }
  static ha::Released read(Reader in) {
    ha::Released body;
    body.move = Epoch(in.get<std::uint64_t>("released.move"));
    body.flows = in.get<std::uint32_t>("released.flows");
    body.complete = read_flag(in, "released.complete");
    const auto openers = in.get_at_most<std::uint16_t>("released.openers", ha::kMaxOpeners);
    for (std::size_t i = 0; i < openers && !in.failed(); ++i) {
      const OpenerId id(in.get<std::uint64_t>("released.opener.id"));
      const VipId vip = read_vip(in, "released.opener.vip");
      const BucketId bucket(in.get<std::uint8_t>("released.opener.bucket"));
      const auto phase = static_cast<OpenerPhase>(in.get_at_most<std::uint8_t>("released.opener.phase", 1));
      body.openers.push_back({.id = id, .vip = vip, .bucket = bucket, .phase = phase});
    }
    return body;
  }
};

template <>
struct Codec<ha::Cleared> {
  static constexpr std::uint8_t type = 6;
  static void write(Writer& out, const ha::Cleared& body) {
    const auto& [vip, buckets] = body;
    INVARIANT(vip.value() < kMaxVips, "VIPs are numbered from 0");
    out.put(vip.value());
    write_buckets(out, buckets);
  }
  static ha::Cleared read(Reader in) {
    const VipId vip = read_vip(in, "cleared.vip");
    return {.vip = vip, .buckets = read_buckets(in, "cleared.buckets")};
  }
};

template <>
struct Codec<ha::Suspect> {
  static constexpr std::uint8_t type = 7;
  static void write(Writer& out, const ha::Suspect& body) {
    const auto& [node, sequence] = body;
    write_node(out, node);
    out.put(sequence);
  }
  static ha::Suspect read(Reader in) {
    const NodeId node = read_node(in, "suspect.node");
    return {.node = node, .sequence = in.get<std::uint64_t>("suspect.sequence")};
  }
};

template <>
struct Codec<ha::GraceOver> {
  static constexpr std::uint8_t type = 8;
  static void write(Writer& out, const ha::GraceOver& body) {
    const auto& [node] = body;
    write_node(out, node);
  }
  static ha::GraceOver read(Reader in) { return {.node = read_node(in, "grace_over.node")}; }
};

template <>
struct Codec<ha::Leaving> {
  static constexpr std::uint8_t type = 9;
  static void write(Writer&, const ha::Leaving&) {}
  static ha::Leaving read(Reader) { return {}; }
};

template <>
struct Codec<ha::SetDrained> {
  static constexpr std::uint8_t type = 10;
  static void write(Writer& out, const ha::SetDrained& body) {
    const auto& [node, drained] = body;
    write_node(out, node);
    write_flag(out, drained);
  }
  static ha::SetDrained read(Reader in) {
    const NodeId node = read_node(in, "set_drained.node");
    return {.node = node, .drained = read_flag(in, "set_drained.drained")};
  }
};

template <>
struct Codec<ha::SetWeight> {
  static constexpr std::uint8_t type = 11;
  static void write(Writer& out, const ha::SetWeight& body) {
    const auto& [node, vip, weight] = body;
    INVARIANT(vip.value() < kMaxVips, "VIPs are numbered from 0");
    write_node(out, node);
    out.put(vip.value());
    out.put(weight);
  }
  static ha::SetWeight read(Reader in) {
    const NodeId node = read_node(in, "set_weight.node");
    const VipId vip = read_vip(in, "set_weight.vip");
    return {.node = node, .vip = vip, .weight = in.get<std::uint16_t>("set_weight.weight")};
  }
};

template <>
struct Codec<ha::Claimed> {
  static constexpr std::uint8_t type = 12;
  static void write(Writer& out, const ha::Claimed& body) {
    const auto& [move, detect_us, takeover_us] = body;
    out.put(move.value());
    out.put(static_cast<std::uint64_t>(detect_us));
    out.put(static_cast<std::uint64_t>(takeover_us));
  }
  static ha::Claimed read(Reader in) {
    const Epoch move(in.get<std::uint64_t>("claimed.move"));
    const auto detect = static_cast<std::int64_t>(in.get<std::uint64_t>("claimed.detect_us"));
    const auto takeover = static_cast<std::int64_t>(in.get<std::uint64_t>("claimed.takeover_us"));
    return {.move = move, .detect_us = detect, .takeover_us = takeover};
  }
};

template <>
struct Codec<ha::Retiring> {
  static constexpr std::uint8_t type = 13;
  static void write(Writer&, const ha::Retiring&) {}
  static ha::Retiring read(Reader) { return {}; }
};

template <>
struct Codec<ha::FrontHealth> {
  static constexpr std::uint8_t type = 14;
  static void write(Writer& out, const ha::FrontHealth& body) {
    const auto& [front] = body;
    write_front(out, front);
  }
  static ha::FrontHealth read(Reader in) { return {.front = read_front(in, "front_health.front")}; }
};

template <>
struct Codec<ha::Clients> {
  static constexpr std::uint8_t type = 15;
  static void write(Writer& out, const ha::Clients& body) {
    const auto& [sequence, begins, complete, added, removed] = body;
    INVARIANT(added.size() + removed.size() <= kMaxClients, "a list of clients is cut into messages");
    out.put(sequence);
    write_flag(out, begins);
    write_flag(out, complete);
    write_clients(out, added);
    write_clients(out, removed);
  }
  static ha::Clients read(Reader in) {
    ha::Clients body;
    body.sequence = in.get<std::uint32_t>("clients.sequence");
    body.begins = read_flag(in, "clients.begins");
    body.complete = read_flag(in, "clients.complete");
    body.added = read_clients(in, "clients.added");
    body.removed = read_clients(in, "clients.removed");
    if (body.added.size() + body.removed.size() > kMaxClients) in.fail("clients", "are too many for one message");
    return body;
  }
};

template <>
struct Codec<ha::Upgrading> {
  static constexpr std::uint8_t type = 16;
  static void write(Writer& out, const ha::Upgrading& body) {
    const auto& [for_ms] = body;
    out.put(for_ms);
  }
  static ha::Upgrading read(Reader in) {
    return {.for_ms = in.get_at_most<std::uint32_t>("upgrading.for_ms", kLongestUpgrade_ms)};
  }
};

template <>
struct Codec<ha::UpgradeOver> {
  static constexpr std::uint8_t type = 17;
  static void write(Writer& out, const ha::UpgradeOver& body) {
    const auto& [node] = body;
    write_node(out, node);
  }
  static ha::UpgradeOver read(Reader in) { return {.node = read_node(in, "upgrade_over.node")}; }
};

// Tries every alternative of Body: a type added there without a Codec does not compile.
template <std::size_t Index = 0>
std::optional<ha::Body> read_any(std::uint8_t type, Reader in) {
  if constexpr (Index < std::variant_size_v<ha::Body>) {
    using Type = std::variant_alternative_t<Index, ha::Body>;
    if (type == Codec<Type>::type) return Codec<Type>::read(in);
    return read_any<Index + 1>(type, in);
  } else {
    return std::nullopt;
  }
}

}  // namespace

std::uint8_t type_of(const ha::Body& body) {
  return std::visit([]<class Type>(const Type&) { return Codec<Type>::type; }, body);
}

void write_body(Writer& out, const ha::Body& body) {
  std::visit([&out]<class Type>(const Type& alternative) { Codec<Type>::write(out, alternative); }, body);
}

std::optional<ha::Body> read_body(std::uint8_t type, Reader in) { return read_any(type, in); }

}  // namespace relais::wire
