// Which openers an old owner names: all that the new one may hold or be sent again.
#include "netfilter/plan/openers.h"

#include "netfilter/abi/opener.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace relais::netfilter {
namespace {

static_assert(static_cast<int>(OpenerFate::accepted) == RELAIS_OPENER_ACCEPTED &&
                  static_cast<int>(OpenerFate::held) == RELAIS_OPENER_HELD &&
                  static_cast<int>(OpenerFate::went_on) == RELAIS_OPENER_WENT_ON &&
                  static_cast<int>(OpenerFate::kept) == RELAIS_OPENER_KEPT &&
                  static_cast<int>(OpenerFate::elsewhere) == RELAIS_OPENER_ELSEWHERE,
              "fates have the numbers of netfilter/abi/opener.h");

constexpr Duration kKept = std::chrono::nanoseconds(RELAIS_OPENER_KEPT_NS);

class Bytes {
 public:
  void put(std::span<const std::uint8_t> bytes) {
    size_ = std::ranges::copy(bytes, bytes_.begin() + size_).out - begin();
  }
  template <class Number>
  void put_number(Number number) {
    for (std::size_t i = 0; i < sizeof(Number); ++i)
      bytes_[static_cast<std::size_t>(size_++)] = static_cast<std::uint8_t>(std::uint64_t{number} >> (8 * i));
  }
  std::span<const std::uint8_t> view() const { return {bytes_.data(), static_cast<std::size_t>(size_)}; }

 private:
  std::array<std::uint8_t, 24>::iterator begin() { return bytes_.begin(); }
  std::array<std::uint8_t, 24> bytes_{};
  std::ptrdiff_t size_ = 0;
};

}  // namespace

bool is_in(const Opener& opener, std::span<const std::bitset<kBuckets>> buckets) {
  return opener.vip.value() < buckets.size() && buckets[opener.vip.value()].test(opener.bucket.value());
}

FlowHash flow_hash(const SipKey& key, const FlowEnds& ends) {
  Bytes bytes;
  bytes.put(ends.client.bytes());
  bytes.put_number(std::uint32_t{ends.vip.value()});
  bytes.put_number(ends.client_port);
  bytes.put_number(ends.vip_port);
  return FlowHash(siphash13(key, bytes.view()));
}

OpenerId opener_id(FlowHash flow, std::uint32_t first_number) {
  return OpenerId(flow.value() + RELAIS_OPENER_STEP * first_number);
}

OpenerList list_openers(std::span<const OpenerRecord> records, const ListRequest& request) {
  OpenerList list;
  std::vector<Opener> answered;
  for (const OpenerRecord& record : records) {
    if (!is_in(record.opener, request.buckets) || record.since < request.forgotten) continue;
    const Duration age = request.now - record.since;
    // One that this node has given up before is still opening here, too.
    const bool is_others =
        record.fate == OpenerFate::elsewhere && age < kKept && !request.opening.contains(record.flow);
    const bool is_own = record.fate == OpenerFate::accepted || (record.fate == OpenerFate::kept && age < kKept);
    Opener opener = record.opener;
    opener.phase = OpenerPhase::opening;
    if (is_others) list.openers.push_back(opener);
    if (is_own && request.opening.contains(record.flow)) {
      const bool keeps = record.since >= request.cut_off_until;
      if (keeps) list.openers.push_back(opener);
      (keeps ? list.kept : list.given_up).push_back(opener);
    } else if (is_own && age < request.window) {
      opener.phase = OpenerPhase::answered;
      answered.push_back(opener);
    }
  }
  list.openers.insert(list.openers.end(), answered.begin(), answered.end());
  list.complete = list.openers.size() <= request.maximum;
  if (!list.complete) list.openers.resize(request.maximum);
  if (list.kept.size() > request.maximum) list.kept.resize(request.maximum);
  return list;
}

}  // namespace relais::netfilter
