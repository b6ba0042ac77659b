// Talks to the map in batches: one system call per record would take a hundred times as long.
#include "netfilter/loader/opener_table.h"

#include "netfilter/abi/bucket_state.h"
#include "netfilter/abi/opener.h"

#include <bpf/bpf.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace relais::netfilter {
namespace {

constexpr std::uint32_t kBatch = 4096;

OpenerRecord record_of(relais_opener_id id, const relais_opener& value) {
  return {.opener = {.id = OpenerId(id),
                     .vip = VipId(static_cast<std::uint8_t>(value.slot / RELAIS_BUCKETS)),
                     .bucket = BucketId(static_cast<std::uint8_t>(value.slot % RELAIS_BUCKETS))},
          .flow = FlowHash(value.flow),
          .fate = static_cast<OpenerFate>(value.fate),
          .since = Instant(Duration(static_cast<std::int64_t>(value.since)))};
}

}  // namespace

OpenerNote OpenerTable::find(OpenerId id) const {
  const relais_opener_id key = id.value();
  relais_opener value{};
  if (bpf_map_lookup_elem(map_.get(), &key, &value) != 0) return {};
  return {.fate = static_cast<OpenerFate>(value.fate),
          .since = Instant(Duration(static_cast<std::int64_t>(value.since)))};
}

Result<std::vector<OpenerRecord>> OpenerTable::list() const {
  std::vector<OpenerRecord> records;
  std::vector<relais_opener_id> keys(kBatch);
  std::vector<relais_opener> values(kBatch);
  std::uint32_t position = 0;
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  for (std::uint32_t rounds = 0; rounds <= 2 * RELAIS_OPENERS / kBatch + 8; ++rounds) {
    std::uint32_t count = kBatch;
    const int result = bpf_map_lookup_batch(map_.get(), rounds == 0 ? nullptr : &position, &position, keys.data(),
                                            values.data(), &count, &options);
    if (result != 0 && result != -ENOENT) return system_error("cannot list the connection openers", -result);
    for (std::uint32_t i = 0; i < count; ++i) records.push_back(record_of(keys[i], values[i]));
    if (result == -ENOENT) return records;
  }
  return records;
}

Result<> OpenerTable::note(std::span<const Opener> openers, OpenerFate fate, Instant now) const {
  std::vector<relais_opener_id> keys;
  std::vector<relais_opener> values;
  for (const Opener& opener : openers) {
    relais_opener value{};
    const relais_opener_id key = opener.id.value();
    bpf_map_lookup_elem(map_.get(), &key, &value);  // the flow, if it is known
    value.since = static_cast<std::uint64_t>(now.time_since_epoch().count());
    value.slot = static_cast<std::uint32_t>(opener.vip.value() * RELAIS_BUCKETS + opener.bucket.value());
    value.fate = static_cast<std::uint32_t>(fate);
    keys.push_back(key);
    values.push_back(value);
  }
  if (keys.empty()) return {};
  auto count = static_cast<std::uint32_t>(keys.size());
  LIBBPF_OPTS(bpf_map_batch_opts, options);
  const int result = bpf_map_update_batch(map_.get(), keys.data(), values.data(), &count, &options);
  if (result != 0) return system_error("cannot note connection openers", -result);
  return {};
}

Result<> wait_for_packets_under_way() {
  // A grace period of RCU: the programs run under it. The C library has no name for this call.
  if (::syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return {};
  return system_error("cannot wait for packets under way", errno,
                      "the kernel needs CONFIG_MEMBARRIER, and no nohz_full");
}

}  // namespace relais::netfilter
