// Bytes <-> messages and the state file: see codec.h.
#include "ha/wire/codec.h"

#include "base/siphash.h"
#include "ha/wire/bodies.h"
#include "ha/wire/cluster_record.h"

#include <utility>

namespace relais::wire {
namespace {

constexpr std::uint32_t kMessageMagic = 0x4d534c52;  // "RLSM" in memory
constexpr std::uint32_t kClusterMagic = 0x43534c52;  // "RLSC" in memory
constexpr std::size_t kChecksumBytes = 8;

// Guards against damage, not against malice: the key is no secret.
constexpr SipKey kChecksumKey{.k0 = 0x72656c6169732073, .k1 = 0x7461746520763031};

Error damaged(std::string what, std::string way_out = {}) {
  return Error{.what = std::move(what), .way_out = std::move(way_out), .code = 0};
}

}  // namespace

Bytes encode_message(const ha::Message& message) {
  Writer out;
  out.put(kMessageMagic);
  out.put(kFormatVersion);
  out.put(type_of(message.body));
  out.put(std::uint16_t{0});
  out.put(message.view.value());
  out.record<std::uint32_t>([&] { write_body(out, message.body); });
  INVARIANT(out.size() <= kMaxMessageBytes, "a message within the core's bounds fits");
  return std::move(out).take();
}

Result<Decoded> decode_message(ByteView bytes) {
  if (bytes.size() < kHeaderBytes) return damaged("message: shorter than its header");
  if (bytes.size() > kMaxMessageBytes) return damaged("message: longer than any message may be");
  Fault fault;
  Reader in(bytes, fault);
  if (in.get<std::uint32_t>("magic") != kMessageMagic) return damaged("message: not from relaisd");
  const auto version = in.get<std::uint8_t>("version");
  const auto type = in.get<std::uint8_t>("type");
  if (version != kFormatVersion) return Decoded(Ignored{.format_version = version, .type = type});
  in.get<std::uint16_t>("reserved");
  const ha::ViewId view(in.get<std::uint64_t>("view"));
  const Reader body = in.record<std::uint32_t>("body");
  if (!in.failed() && !in.at_end()) return damaged("message: bytes after the body");
  auto alternative = read_body(type, body);
  if (fault.found()) return fault.error().with_context("message of type " + std::to_string(type));
  if (!alternative) return Decoded(Ignored{.format_version = version, .type = type});
  return Decoded(ha::Message{.view = view, .body = std::move(*alternative)});
}

Bytes encode_cluster_file(const ha::Cluster& cluster) {
  Writer out;
  out.put(kClusterMagic);
  out.put(std::uint32_t{kFormatVersion});
  out.record<std::uint32_t>([&] { write_cluster(out, cluster); });
  return with_checksum(std::move(out).take());
}

Bytes with_checksum(ByteView content) {
  Writer out;
  out.put_bytes(content);
  out.put(siphash13(kChecksumKey, content));
  return std::move(out).take();
}

Result<ha::Cluster> decode_cluster_file(ByteView bytes) {
  const std::string remedy = "remove the file: the state comes back from the other nodes";
  if (bytes.size() < kChecksumBytes) return damaged("saved cluster state: cut off", remedy);
  const ByteView content = bytes.first(bytes.size() - kChecksumBytes);
  Fault fault;
  Reader tail(bytes.last(kChecksumBytes), fault);
  if (tail.get<std::uint64_t>("checksum") != siphash13(kChecksumKey, content)) {
    return damaged("saved cluster state: cut off or damaged (the checksum differs)", remedy);
  }
  Reader in(content, fault);
  if (in.get<std::uint32_t>("magic") != kClusterMagic) return damaged("saved cluster state: not a state file", remedy);
  const auto version = in.get<std::uint32_t>("version");
  if (version != kFormatVersion) {
    return damaged("saved cluster state: format version " + std::to_string(version) + " is not known", remedy);
  }
  ha::Cluster cluster = read_cluster(in.record<std::uint32_t>("cluster"));
  if (fault.found()) return fault.error().with_context("saved cluster state");
  return cluster;
}

}  // namespace relais::wire
