// The data plane of one interface: BPF programs and maps, pinned so that they outlive the daemon.
#pragma once

#include "base/address.h"
#include "base/bucket_state.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "base/unique_fd.h"
#include "netfilter/loader/attach.h"
#include "netfilter/loader/map_set.h"
#include "netfilter/loader/mapped_array.h"
#include "netfilter/loader/opener_table.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relais::netfilter {

// Which connection openers may enter the hold. Per VIP: more in a second than a node's share of a busy VIP, and so many
// at once that no burst of clients is cut; beyond, a flood takes no more than the hold's own bounds allow.
struct HoldLimits {
  Duration age = std::chrono::milliseconds(600);  // for so long one waits at most
  std::uint32_t per_second = 5000;
  std::uint32_t burst = 1000;
};

enum class HoldSwitch : std::uint8_t { off, on };

struct DataPlaneSettings {
  IfIndex interface;
  MacAddress own_mac;             // of the interface
  SipKey key;                     // of the cluster: decides the bucket of a client
  std::vector<VipSettings> vips;  // position = VipId; at most kMaxVips
  AttachChoice choice = AttachChoice::automatic;
  HoldLimits hold;
  std::string pin_directory;  // in a BPF file system, e.g. /sys/fs/bpf/relais/eth0; one per interface
};

struct BucketPackets {
  std::uint64_t passed = 0;
  std::uint64_t dropped = 0;
  bool operator==(const BucketPackets&) const = default;
};

// Packets since the maps were made; they survive restarts of the daemon.
struct Counters {
  std::vector<std::pair<std::string_view, std::uint64_t>> verdicts;  // by name, e.g. "pass_serve"
  std::vector<std::array<BucketPackets, kBuckets>> buckets;          // by VipId
};

// Sole owner of the way to the programs. Destruction leaves everything in place and running, under the last states
// until the lease ends; detach() removes it. One per interface. Not thread-safe.
class DataPlane {
 public:
  // Loads and attaches. A predecessor's set is fenced before anything else: its lease ends, what it served or adopted
  // becomes leftover. Then maps of the same layout are kept (counters and leftovers survive), programs are replaced
  // atomically. Afterwards the lease is "not at all" and every state is foreign or leftover. Order for the caller:
  // the addresses of VIPs may be on the interface only while a DataPlane that knows them is attached, so open() first
  // and add addresses then; remove those of pinned_vips() that are not wanted any more *before* open(). Errors: not
  // root, no BPF file system, the kernel or the interface refuses.
  static Result<DataPlane> open(const DataPlaneSettings& settings);

  // For a daemon that replaces another while the lease runs on: nothing is fenced, no state is written and no opener
  // forgotten; the programs are replaced atomically over the maps that are there, and the hold is on. Errors, besides
  // those of open(): the predecessor's maps have another layout or other VIPs, or are not there; nothing has changed
  // then, and open() may follow.
  static Result<DataPlane> resume(const DataPlaneSettings& settings);

  // Cannot fail. Buckets that answer less are stored before those that answer more. After a claim clients that go on
  // are noted for a while (netfilter/plan/stores.h; netfilter/abi/opener.h: claimed_at).
  void set_states(VipId vip, const BucketStates& states);
  BucketStates states(VipId vip) const;
  BucketState state(VipId vip, BucketId bucket) const;

  // From `until` on nothing of a VIP's is accepted or sent. Instant{} is "not at all".
  void set_lease(Instant until);
  void revoke_lease() { set_lease(Instant{}); }
  Instant lease() const;

  // Off: openers of shadow buckets are dropped. On after open().
  Result<> set_hold(HoldSwitch position);
  // What was noted of openers before `now` (boot clock) does not count any more. open() does it.
  void forget_openers(Instant now);
  Instant openers_forgotten() const;
  // A table of its own, for use on any thread.
  OpenerTable openers() const;

  Result<Counters> counters() const;

  AttachMode mode() const { return mode_; }
  const std::vector<Refusal>& refusals() const { return refusals_; }
  // Why not a better mode, in one line; empty if native (or chosen).
  std::string why() const;

  // Removes programs and pins. The VIPs' addresses must be off the interface before, or the stack answers everybody.
  Result<> detach();

 private:
  static Result<DataPlane> over(const DataPlaneSettings& settings, const MapSet& maps);
  DataPlane(const DataPlaneSettings& settings, MappedArray<std::uint32_t> buckets, MappedArray<std::uint64_t> lease,
            MappedArray<std::uint64_t> openers_since, MappedArray<std::uint64_t> claimed_at);

  std::string pin_directory_;
  IfIndex interface_;
  std::size_t vips_ = 0;
  MappedArray<std::uint32_t> buckets_;
  MappedArray<std::uint64_t> lease_;
  MappedArray<std::uint64_t> openers_since_;
  MappedArray<std::uint64_t> claimed_at_;
  UniqueFd verdicts_;
  UniqueFd bucket_packets_;
  UniqueFd openers_;
  UniqueFd hold_rate_;
  AttachMode mode_ = AttachMode::tc;
  std::vector<Refusal> refusals_;
};

// The VIPs that a predecessor's programs know; empty if there is none.
std::vector<IpAddress> pinned_vips(const std::string& pin_directory);

// Whether the programs that were attached in this mode still are. Error with code ENOENT: it names what somebody has
// taken off; another code: it could not be seen.
Result<> check_data_plane(const std::string& pin_directory, IfIndex interface, AttachMode mode);

// What DataPlane::detach() does, without a DataPlane: after a daemon that will not come back. Nothing there: fine.
Result<> remove_data_plane(const std::string& pin_directory, IfIndex interface);

}  // namespace relais::netfilter
