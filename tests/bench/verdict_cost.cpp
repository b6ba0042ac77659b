// Packets, the state that they meet, and the programs that they run through.
#include "tests/bench/verdict_cost.h"

#include "tests/bench/flood_frame.h"
#include "tests/bpf/packets.h"
#include "tests/bpf/programs.h"
#include "tests/bpf/raw_client.h"

#include "flood.skel.h"

#include <bpf/bpf.h>

#include <memory>

namespace relais::bench {
namespace {

using namespace relais::test;

constexpr int kRepeat = 100'000;

struct Case {
  std::string what;
  const bpf_program* program;
  Bytes frame;
  IpAddress client;
  BucketState state = BucketState::foreign;
  Lease lease = Lease::valid;
};

Endpoints in(const IpAddress& client) {
  return {.from = client, .to = client.family() == IpFamily::v4 ? kVip4 : kVip6};
}

Bytes to_cluster(const Bytes& packet) { return build(Ethernet{.to = kClusterMac, .payload = packet}); }

Bytes segment(const IpAddress& client, std::uint8_t flags) {
  return to_cluster(
      build(in(client), Tcp{.from = 40000, .to = 80, .sequence = 1, .acknowledgement = 1, .flags = flags}));
}

Bytes too_big() {
  const Bytes sent = build({.from = kVip4, .to = kClient4}, Tcp{.from = 80, .to = 40000, .flags = kAck});
  return to_cluster(build_icmp_error({.from = kRouter4, .to = kVip4}, 3, sent, 28));
}

Bytes arp_reply() {
  const Arp reply{.operation = 2, .sender_mac = kOwnMac, .sender = kVip4, .target_mac = kOwnMac, .target = kClient4};
  return build(Ethernet{.to = kOwnMac, .type = 0x0806, .payload = build(reply)});
}

Result<double> run_once(const Case& row) {
  LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = row.frame.data(),
              .data_size_in = static_cast<__u32>(row.frame.size()), .repeat = kRepeat);
  const int result = bpf_prog_test_run_opts(bpf_program__fd(row.program), &options);
  if (result != 0) return system_error("BPF_PROG_TEST_RUN", -result);
  return static_cast<double>(options.duration);
}

std::vector<Case> ingress_cases(const LoadedPrograms& programs) {
  const bpf_program* xdp = programs.xdp();
  const Bytes other = to_cluster(build_udp({.from = kClient4, .to = kRouter4}, 1, 2));
  return {
      {"not for a VIP", xdp, other, kClient4},
      {"foreign, SYN, IPv4", xdp, segment(kClient4, kSyn), kClient4},
      {"foreign, SYN, IPv6", xdp, segment(kClient6, kSyn), kClient6},
      {"foreign, ACK, IPv4", xdp, segment(kClient4, kAck), kClient4},
      {"foreign, ICMP error by its inner header", xdp, too_big(), kClient4},
      {"serve, SYN, IPv4", xdp, segment(kClient4, kSyn), kClient4, BucketState::serve},
      {"serve, SYN, IPv6", xdp, segment(kClient6, kSyn), kClient6, BucketState::serve},
      {"serve, lease over", xdp, segment(kClient4, kSyn), kClient4, BucketState::serve, Lease::over},
      {"adopt, SYN", xdp, segment(kClient4, kSyn), kClient4, BucketState::adopt},
      {"adopt, ACK that no socket has", xdp, segment(kClient4, kAck), kClient4, BucketState::adopt},
      {"leftover, SYN", xdp, segment(kClient4, kSyn), kClient4, BucketState::leftover},
      {"tc-only: foreign, SYN, IPv4", programs.tc_ingress(), segment(kClient4, kSyn), kClient4},
  };
}

std::vector<Case> egress_cases(const LoadedPrograms& programs) {
  const bpf_program* egress = programs.tc_egress();
  const Bytes ordinary = to_cluster(build_udp({.from = kRouter4, .to = kClient4}, 1, 2));
  const Bytes of_vip = to_cluster(build_udp({.from = kVip4, .to = kClient4}, 1, 2));
  return {{"egress, not from a VIP", egress, ordinary, kClient4},
          {"egress, from a VIP (lease)", egress, of_vip, kClient4},
          {"egress, ARP from a VIP rewritten", egress, arp_reply(), kClient4}};
}

// Real connections, so that the look-up finds something.
class Established {
 public:
  explicit Established(const IpAddress& client)
      : listener_(in(client).to), raw_(network(), in(client), 43000, listener_.port()) {
    if (raw_.open_half()) raw_.complete();
    server_ = listener_.accept();
    frame_ = to_cluster(raw_.segment(kAck));
  }
  const Bytes& frame() const { return frame_; }

 private:
  static ClientNetwork& network() {
    static ClientNetwork the_network;
    return the_network;
  }
  Listener listener_;
  RawClient raw_;
  UniqueFd server_;
  Bytes frame_;
};

struct FloodDeleter {
  void operator()(flood* skeleton) const { flood__destroy(skeleton); }
};

}  // namespace

Result<std::vector<Measurement>> measure_verdicts(std::size_t rounds) {
  auto programs = LoadedPrograms::load();
  if (!programs) return std::move(programs).error();
  const std::unique_ptr<flood, FloodDeleter> empty(flood__open_and_load());
  if (!empty) return system_error("cannot load the empty programs");
  const Established v4(kClient4);
  const Established v6(kClient6);

  std::vector<Case> cases = {
      {"empty XDP program (the harness)", empty->progs.null_drop, segment(kClient4, kSyn), kClient4},
      {"empty tc program (the harness)", empty->progs.null_tc, segment(kClient4, kSyn), kClient4}};
  for (Case& row : ingress_cases(*programs)) cases.push_back(std::move(row));
  cases.push_back(
      {"leftover, ACK of a connection, IPv4", programs->xdp(), v4.frame(), kClient4, BucketState::leftover});
  cases.push_back(
      {"leftover, ACK of a connection, IPv6", programs->xdp(), v6.frame(), kClient6, BucketState::leftover});
  for (Case& row : egress_cases(*programs)) cases.push_back(std::move(row));

  std::vector<Measurement> measurements;
  for (const Case& row : cases) measurements.push_back({row.what, {}});
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      programs->set_state(cases[i].client, cases[i].state);
      programs->set_lease(cases[i].lease);
      const auto sample = run_once(cases[i]);
      if (!sample) return sample.error();
      measurements[i].samples.push_back(*sample);
    }
  }
  return measurements;
}

}  // namespace relais::bench
