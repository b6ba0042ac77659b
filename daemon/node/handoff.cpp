// The handoff as bytes and as a file in memory: see handoff.h.
#include "daemon/node/handoff.h"

#include "base/clock.h"
#include "ha/wire/codec.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace relais::node {

namespace {

constexpr std::uint32_t kMagic = 0x48534c52;  // "RLSH" in memory
constexpr std::uint32_t kFormat = 1;
constexpr std::size_t kChecksumBytes = 8;
constexpr std::size_t kMaxBytes = 4'000'000;  // far above the largest cluster

Error damaged(const std::string& what) {
  return Error{.what = "what the last relaisd left is not used: " + what,
               .way_out = "none is needed: this is a restart"};
}

Result<wire::Bytes> read_all(const UniqueFd& file) {
  struct stat facts {};
  if (::fstat(file.get(), &facts) != 0) return system_error("cannot read what the last relaisd left");
  if (!S_ISREG(facts.st_mode) || facts.st_size <= 0 || static_cast<std::size_t>(facts.st_size) > kMaxBytes)
    return damaged("it has no sensible size");
  wire::Bytes bytes(static_cast<std::size_t>(facts.st_size));
  const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  if (got != facts.st_size) return system_error("cannot read what the last relaisd left");
  return bytes;
}

Result<HandoffFile> read_handoff(int descriptor) {
  const UniqueFd file(descriptor);
  const Result<wire::Bytes> bytes = read_all(file);
  if (bytes.has_error()) return bytes.error();
  return decode_handoff(*bytes);
}

}  // namespace

wire::Bytes encode_handoff(const HandoffFile& handoff) {
  const auto& [self, config_hash, incarnation, lease_until, version, cluster] = handoff;
  wire::Writer out;
  out.put(kMagic);
  out.put(kFormat);
  out.put(self.value());
  out.put(config_hash);
  out.put(incarnation);
  out.put(boot_ns(lease_until));
  const std::string text = version.substr(0, wire::kMaxVersionText);
  out.record<std::uint8_t>([&] { out.put_bytes({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}); });
  const wire::Bytes state = wire::encode_cluster_file(cluster);
  out.record<std::uint32_t>([&] { out.put_bytes(state); });
  return wire::with_checksum(std::move(out).take());
}

Result<HandoffFile> decode_handoff(wire::ByteView bytes) {
  if (bytes.size() < kChecksumBytes) return damaged("it is cut off");
  const wire::ByteView content = bytes.first(bytes.size() - kChecksumBytes);
  if (!std::ranges::equal(wire::with_checksum(content), bytes)) return damaged("it is cut off or damaged");
  wire::Fault fault;
  wire::Reader in(content, fault);
  if (in.get<std::uint32_t>("magic") != kMagic) return damaged("it is something else");
  if (const auto format = in.get<std::uint32_t>("format"); format != kFormat)
    return damaged("its format " + std::to_string(format) + " is not known");
  HandoffFile handoff;
  handoff.self = NodeId(in.get<std::uint32_t>("self"));
  handoff.config_hash = in.get<std::uint64_t>("config_hash");
  handoff.incarnation = in.get<std::uint64_t>("incarnation");
  handoff.lease_until = Instant(Duration(static_cast<std::int64_t>(in.get<std::uint64_t>("lease_until"))));
  wire::Reader version = in.record<std::uint8_t>("version");
  const wire::ByteView text = version.get_bytes("version", version.left());
  handoff.version.assign(text.begin(), text.end());
  wire::Reader state = in.record<std::uint32_t>("cluster");
  if (fault.found()) return damaged(fault.error().what);
  Result<ha::Cluster> cluster = wire::decode_cluster_file(state.get_bytes("cluster", state.left()));
  if (cluster.has_error()) return damaged(cluster.error().what);
  handoff.cluster = std::move(*cluster);
  if (handoff.incarnation == 0) return damaged("it names no predecessor");
  return handoff;
}

Result<UniqueFd> leave_handoff(const HandoffFile& handoff) {
  const wire::Bytes bytes = encode_handoff(handoff);
  UniqueFd file(::memfd_create("relais-handoff", MFD_CLOEXEC));
  if (!file) return system_error("cannot make a file in memory");
  const ssize_t written = ::pwrite(file.get(), bytes.data(), bytes.size(), 0);
  if (written < 0 || static_cast<std::size_t>(written) != bytes.size())
    return system_error("cannot write what the successor needs");
  if (::setenv(kHandoffVariable, std::to_string(file.get()).c_str(), 1) != 0)
    return system_error("cannot tell the successor where it is");
  return file;
}

std::optional<Result<HandoffFile>> take_handoff() {
  const char* found = std::getenv(kHandoffVariable);
  if (found == nullptr) return {};
  const std::string text(found);
  ::unsetenv(kHandoffVariable);
  int descriptor = -1;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), descriptor);
  if (failed != std::errc{} || end != text.data() + text.size() || descriptor <= STDERR_FILENO)
    return damaged(std::string(kHandoffVariable) + " is no descriptor");
  return read_handoff(descriptor);
}

}  // namespace relais::node
