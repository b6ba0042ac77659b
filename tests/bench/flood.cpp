// A flood through a veth pair. The generator (BPF_F_TEST_XDP_LIVE_FRAMES) redirects frames without an skb into the
// pair, as a NIC would deliver them: a packet socket would build the skb first and hide what XDP saves. Everything
// runs on one processor; counted is the CPU time of this thread (softirqs included) and of that processor's
// ksoftirqd, not wall time.
#include "tests/bench/flood.h"

#include "netfilter/loader/bpf_file_system.h"
#include "netfilter/loader/data_plane.h"
#include "netfilter/net/link.h"
#include "tests/bench/flood_frame.h"
#include "tests/bpf/packets.h"
#include "tests/bpf/programs.h"

#include "flood.skel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

namespace relais::bench {
namespace {

using namespace relais::test;
using netfilter::AttachChoice;

constexpr int kPackets = 300'000;
constexpr const char* kReceiver = "rlsnf-rx";
constexpr const char* kGenerator = "rlsnf-tx";

struct FloodDeleter {
  void operator()(flood* skeleton) const { flood__destroy(skeleton); }
};
using Generator = std::unique_ptr<flood, FloodDeleter>;

bool shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

// Sum as RFC 1071 wants it, over half words as they lie in memory, not folded.
std::uint32_t sum_of(const Bytes& bytes, std::size_t begin, std::size_t end) {
  std::uint32_t sum = 0;
  for (std::size_t i = begin; i + 1 < end; i += 2) {
    std::uint16_t half_word = 0;
    std::memcpy(&half_word, &bytes[i], sizeof(half_word));
    sum += half_word;
  }
  return (sum & 0xffff) + (sum >> 16);
}

// The frame with the half words that the generator fills in set to 0, and the sums of the rest.
flood_frame describe_frame() {
  const IpAddress source = IpAddress::parse("203.0.0.0").value();
  Bytes frame = build(Ethernet{
      .to = kClusterMac,
      .payload = build({.from = source, .to = kVip4}, Tcp{.from = 40000, .to = 80, .sequence = 7, .flags = kSyn})});
  for (const std::size_t half_word : {FLOOD_IP_CHECKSUM, FLOOD_SOURCE, FLOOD_TCP_CHECKSUM}) {
    frame[2 * half_word] = frame[2 * half_word + 1] = 0;
  }
  const Bytes pseudo_header = bytes_of(kVip4) + big_endian16(kTcp) + big_endian16(20);  // and the source
  flood_frame result{};
  result.ip_sum = sum_of(frame, 14, 34);
  result.tcp_sum = sum_of(frame, 34, 54) + sum_of(pseudo_header, 0, pseudo_header.size()) + sum_of(frame, 26, 28);
  frame.resize(2 * FLOOD_HALF_WORDS);
  std::memcpy(result.half_words, frame.data(), frame.size());
  return result;
}

Result<Generator> load_generator(IfIndex target) {
  Generator generator(flood__open());
  if (!generator) return system_error("cannot open the generator");
  const flood_frame frame = describe_frame();
  std::memcpy(&generator->rodata->frame, &frame, sizeof(frame));
  generator->rodata->target = target.value();
  if (const int result = flood__load(generator.get()); result != 0)
    return system_error("cannot load the generator", -result);
  return generator;
}

// Packets that the receiving interface has taken in, whatever became of them.
std::uint64_t received() {
  std::ifstream file("/proc/thread-self/net/dev");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    std::uint64_t bytes = 0, packets = 0;
    if (fields >> name >> bytes >> packets && name == std::string(kReceiver) + ":") return packets;
  }
  return 0;
}

std::int64_t cpu_ns(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The CPU clock of ksoftirqd on this processor.
std::optional<clockid_t> softirq_clock(int processor) {
  const std::string wanted = "ksoftirqd/" + std::to_string(processor);
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "comm");
    std::string name;
    if (!std::getline(file, name) || name != wanted) continue;
    clockid_t clock{};
    if (clock_getcpuclockid(std::stoi(entry.path().filename()), &clock) == 0) return clock;
  }
  return std::nullopt;
}

// Everything on one processor, the last one.
int pin_to_one_processor() {
  const int processor = static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)) - 1;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(processor), &set);
  ::sched_setaffinity(0, sizeof(set), &set);
  return processor;
}

struct Receiver {
  IfIndex index;
  MacAddress mac;
  std::string pins;
};

// What drops the packets in one line of the table.
class Dropper {
 public:
  virtual ~Dropper() = default;
  virtual std::string name() const = 0;
  // Why it cannot, or nullopt.
  virtual std::optional<std::string> start() = 0;
  virtual void stop() = 0;
};

class NullDropper : public Dropper {
 public:
  NullDropper(const Receiver& receiver, const Generator& programs) : receiver_(receiver), programs_(programs) {}
  std::string name() const override { return "XDP program that drops all (the harness)"; }
  std::optional<std::string> start() override { return attach(bpf_program__fd(programs_->progs.null_drop)); }
  void stop() override { attach(-1); }

 private:
  std::optional<std::string> attach(int program) {
    const int result = bpf_xdp_attach(static_cast<int>(receiver_.index.value()), program, XDP_FLAGS_DRV_MODE, nullptr);
    return result == 0 ? std::nullopt : std::optional<std::string>(std::strerror(-result));
  }
  const Receiver& receiver_;
  const Generator& programs_;
};

class DataPlaneDropper : public Dropper {
 public:
  DataPlaneDropper(const Receiver& receiver, AttachChoice choice, std::string name)
      : receiver_(receiver), choice_(choice), name_(std::move(name)) {}
  std::string name() const override { return name_; }
  std::optional<std::string> start() override {
    auto plane = netfilter::DataPlane::open({.interface = receiver_.index,
                                             .own_mac = receiver_.mac,
                                             .key = kKey,
                                             .vips = {{kVip4, kClusterMac}, {kVip6, kClusterMac}},
                                             .choice = choice_,
                                             .pin_directory = receiver_.pins});
    if (!plane) return plane.error().to_string();
    plane_.emplace(std::move(*plane));
    return std::nullopt;
  }
  void stop() override {
    if (plane_) (void)plane_->detach();
    plane_.reset();
  }

 private:
  const Receiver& receiver_;
  AttachChoice choice_;
  std::string name_;
  std::optional<netfilter::DataPlane> plane_;
};

// Rules of other tools: a command to set them up, one to remove them.
class RuleDropper : public Dropper {
 public:
  RuleDropper(std::string name, std::string set_up, std::string remove)
      : name_(std::move(name)), set_up_(std::move(set_up)), remove_(std::move(remove)) {}
  std::string name() const override { return name_; }
  std::optional<std::string> start() override {
    if (shell(set_up_)) return std::nullopt;
    stop();
    return "this kernel or system lacks it";
  }
  void stop() override { shell(remove_); }

 private:
  std::string name_, set_up_, remove_;
};

// Every rule decides by the hash as its manual shows, and here both outcomes drop: all packets are another node's.
std::vector<std::unique_ptr<Dropper>> make_droppers(const Receiver& receiver, const Generator& generator) {
  const std::string match = "ip daddr " + kVip4.to_string() + " jhash ip saddr mod 16 seed 0xdeadbeef";
  std::vector<std::unique_ptr<Dropper>> droppers;
  droppers.push_back(std::make_unique<NullDropper>(receiver, generator));
  droppers.push_back(std::make_unique<DataPlaneDropper>(receiver, AttachChoice::native, "relais, native XDP"));
  droppers.push_back(std::make_unique<RuleDropper>(
      "iptables xt_cluster (with conntrack)",
      "iptables -t mangle -A PREROUTING -d " + kVip4.to_string() +
          " -m cluster --cluster-total-nodes 16 --cluster-local-node 1 --cluster-hash-seed 0xdeadbeef -j DROP && "
          "iptables -t mangle -A PREROUTING -d " +
          kVip4.to_string() + " -j DROP",
      "iptables -t mangle -F"));
  droppers.push_back(std::make_unique<RuleDropper>(
      "nft jhash, raw prerouting",
      "nft 'table ip bench { chain in { type filter hook prerouting priority -300; " + match + " <= 15 drop; }; }'",
      "nft delete table ip bench"));
  droppers.push_back(
      std::make_unique<RuleDropper>("nft jhash, netdev ingress",
                                    "nft 'table netdev bench { chain in { type filter hook ingress device " +
                                        std::string(kReceiver) + " priority 0; " + match + " <= 15 drop; }; }'",
                                    "nft delete table netdev bench"));
  droppers.push_back(std::make_unique<DataPlaneDropper>(receiver, AttachChoice::generic, "relais, generic XDP"));
  droppers.push_back(std::make_unique<DataPlaneDropper>(receiver, AttachChoice::tc, "relais, tc only"));
  return droppers;
}

// ns of CPU per packet received; an error if too many got lost on the way, which would make the receiver look cheap.
Result<double> flood_once(const Generator& generator, clockid_t softirq) {
  std::array<std::uint8_t, 2 * FLOOD_HALF_WORDS> seed{};
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = seed.data(), .data_size_in = seed.size(), .repeat = kPackets,
              .flags = BPF_F_TEST_XDP_LIVE_FRAMES);
  const std::uint64_t before = received();
  const std::int64_t start = cpu_ns(CLOCK_THREAD_CPUTIME_ID) + cpu_ns(softirq);
  const int result = bpf_prog_test_run_opts(bpf_program__fd(generator->progs.generate), &options);
  const std::int64_t own = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
  if (result != 0) return system_error("cannot generate the flood", -result, "needs Linux 5.18 or newer");
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // what is left in the ring
  const std::int64_t spent = own + cpu_ns(softirq) - start;
  const auto packets = static_cast<double>(received() - before);
  if (packets < kPackets * 0.9) {
    return Error{.what = "only " + std::to_string(static_cast<int>(packets)) + " of " + std::to_string(kPackets) +
                         " packets arrived",
                 .way_out = "run again on a quieter machine"};
  }
  return static_cast<double>(spent) / packets;
}

Result<Receiver> make_network(const std::string& file_system) {
  if (!shell("ip link set lo up && ip link add " + std::string(kGenerator) + " type veth peer name " + kReceiver +
             " && ip link set " + kGenerator + " up && ip link set " + kReceiver + " up && ip addr add " +
             kVip4.to_string() + "/32 dev " + kReceiver + " && ethtool -K " + kReceiver + " gro on")) {
    return Error{.what = "cannot make a veth pair", .way_out = "needs root, iproute2 and ethtool"};
  }
  const auto mounted = netfilter::mount_bpf_file_system(file_system);
  if (!mounted) return mounted.error();
  const auto link = netfilter::find_link(kReceiver);
  if (!link) return link.error();
  return Receiver{.index = link->index, .mac = link->mac, .pins = file_system + "/relais"};
}

// A sample of every dropper, one after the other.
Result<> run_round(const std::vector<std::unique_ptr<Dropper>>& droppers, const Generator& generator, clockid_t softirq,
                   std::vector<Measurement>& measurements) {
  for (std::size_t i = 0; i < droppers.size(); ++i) {
    if (const auto refusal = droppers[i]->start()) {
      measurements[i].what = droppers[i]->name() + ": " + *refusal;
      continue;
    }
    const auto sample = flood_once(generator, softirq);
    droppers[i]->stop();
    if (!sample) return sample.error();
    measurements[i].samples.push_back(*sample);
  }
  return {};
}

}  // namespace

Result<std::vector<Measurement>> measure_flood(std::size_t rounds) {
  char directory[] = "/tmp/rlsnf-bench-XXXXXX";
  const std::string file_system = ::mkdtemp(directory);
  const auto receiver = make_network(file_system);
  if (!receiver) return receiver.error();
  const auto generator_link = netfilter::find_link(kGenerator);
  if (!generator_link) return generator_link.error();
  const auto generator = load_generator(generator_link->index);
  if (!generator) return generator.error();
  const auto softirq = softirq_clock(pin_to_one_processor());
  if (!softirq)
    return Error{.what = "cannot find ksoftirqd in /proc", .way_out = "run on the host, not in a PID namespace"};

  const auto droppers = make_droppers(*receiver, *generator);
  std::vector<Measurement> measurements;
  for (const auto& dropper : droppers) measurements.push_back({dropper->name(), {}});
  for (std::size_t round = 0; round < rounds; ++round) {
    auto done = run_round(droppers, *generator, *softirq, measurements);
    if (!done) return std::move(done).error();
  }
  ::umount2(file_system.c_str(), MNT_DETACH);
  ::rmdir(file_system.c_str());
  return measurements;
}

}  // namespace relais::bench
