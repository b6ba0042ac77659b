// corosync.conf: see render.h. The values were measured with Corosync 3.1.7 and libknet 1.25:
//  - knet looks at its links every 200 ms. With its default ping timeout of token / 2, a token below 500 ms makes
//    links flap and splits the cluster by itself; from 600 ms on they do not.
//  - The ping timeout is much longer than a short cut, and links are up again at once. A timeout that ends as a cut
//    does takes down links that have just come back, one after the other, while the ring takes the node in: of 19 cuts
//    of 0.35 to 0.8 s, 7 cost the *others* their leases for up to 136 ms with 600 ms and two pongs, none with 2 s and
//    one. Nobody is later for it: dead nodes are found by the token, and with link_mode active a dead link costs
//    nothing. Much longer it must not be: after 3 s the kernel refuses to send to a neighbour that is gone, and knet
//    then leaves the other link out, too.
//  - A ping at each look. At 300 ms it is every other one, so a link that is back is back up to 400 ms earlier for one
//    node than for another, which is longer than a ring may take to form: of 24 rejoins after a deaf node 8 took the
//    others' ring away for up to 0.7 s, at 200 ms none of 24 (decision 1).
//  - link_mode active: a cut link costs 7..30 ms of delivery and no membership change (passive: up to 2.2 s, and a
//    change).
//  - token_coefficient 0, or the token grows by 650 ms with each node beyond two.
#include "ha/corosync/render.h"

#include "base/invariant.h"
#include "ha/core/timing.h"

#include <algorithm>
#include <string_view>

namespace relais::corosync {
namespace {

// After so many rotations without a message the token rests. Heartbeats come in one go (ha/core), so a rest follows
// each: 10 % of a core for Corosync at the default preset, 26 % with Corosync's own default of 30, where the token
// hardly rests.
constexpr std::int64_t kIdleRotations = 3;
constexpr int kKnetPingIntervalMs = 200;
constexpr int kKnetPingTimeoutMs = 2000;
constexpr int kKnetPongCount = 1;  // the pong after the first brings a link up; Corosync's default is 2

// Names are for people; what could end a line or a section of the file becomes '_'.
std::string plain_name(std::string_view name) {
  std::string plain(name);
  const auto is_special = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '{' || c == '}' || c == '#' || c == 0x7f;
  };
  std::replace_if(plain.begin(), plain.end(), is_special, '_');
  return plain;
}

class Sections {
 public:
  void open(std::string_view name) {
    indent();
    text_ += std::string(name) + " {\n";
    ++depth_;
  }
  void close() {
    --depth_;
    indent();
    text_ += "}\n";
  }
  void set(std::string_view key, std::string_view value) {
    indent();
    text_ += std::string(key) + ": " + std::string(value) + "\n";
  }
  void set(std::string_view key, std::int64_t value) { set(key, std::to_string(value)); }
  void comment(std::string_view text) { text_ += "# " + std::string(text) + "\n"; }
  std::string take() && { return std::move(text_); }

 private:
  void indent() { text_.append(2 * depth_, ' '); }
  std::string text_;
  std::size_t depth_ = 0;
};

void write_totem(Sections& out, const RingSetup& setup, std::size_t links) {
  out.open("totem");
  out.set("version", 2);
  out.set("cluster_name", plain_name(setup.cluster_name));
  out.set("transport", "knet");
  if (links == 2) out.set("link_mode", "active");
  out.set("token", to_ms(setup.token));
  out.set("token_coefficient", 0);
  out.set("token_retransmits_before_loss_const", token_retransmits(setup.token));
  out.set("consensus", to_ms(setup.token * 12 / 10));
  out.set("seqno_unchanged_const", kIdleRotations);
  out.set("crypto_cipher", "aes256");
  out.set("crypto_hash", "sha256");
  out.set("keyfile", setup.key_file);
  for (std::size_t link = 0; link < links; ++link) {
    out.open("interface");
    out.set("linknumber", static_cast<std::int64_t>(link));
    out.set("knet_ping_interval", kKnetPingIntervalMs);
    out.set("knet_ping_timeout", kKnetPingTimeoutMs);
    out.set("knet_pong_count", kKnetPongCount);
    out.close();
  }
  out.close();
}

void write_nodes(Sections& out, const RingSetup& setup) {
  out.open("nodelist");
  for (const RingNode& node : setup.nodes) {
    out.open("node");
    out.set("nodeid", node.id.value());
    out.set("name", plain_name(node.name));
    for (std::size_t link = 0; link < node.links.size(); ++link) {
      out.set("ring" + std::to_string(link) + "_addr", node.links[link].to_string());
    }
    out.close();
  }
  out.close();
}

// The sync timeout bounds how long a new ring waits for the arbiter's word: it takes a silent node for gone after three
// heartbeats at most. The vote goes to a half only (ffsplit); of two that ask, the one that had it keeps it.
void write_arbiter(Sections& out, const Arbiter& arbiter) {
  out.open("device");
  out.set("model", "net");
  out.set("votes", 1);
  out.set("timeout", to_ms(ha::arbiter_vote_timeout(arbiter.heartbeat)));
  out.set("sync_timeout", to_ms(4 * arbiter.heartbeat + std::chrono::seconds(1)));
  out.open("net");
  out.set("host", arbiter.host);
  out.set("port", arbiter.port);
  out.set("tls", arbiter.tls == ArbiterTls::required ? "required" : "off");
  out.set("algorithm", "ffsplit");
  out.set("tie_breaker", "lowest");
  out.close();
  out.close();
}

// Corosync's tie breaker works once both nodes have met: a lowest node that starts alone is not quorate. So does its
// two_node, which waits for both after every start.
void write_quorum(Sections& out, const RingSetup& setup) {
  out.open("quorum");
  out.set("provider", "corosync_votequorum");
  if (setup.nodes.size() == 2 && setup.two_node == TwoNodeRule::lowest) {
    out.set("auto_tie_breaker", 1);
    out.set("auto_tie_breaker_node", "lowest");
  }
  if (setup.nodes.size() == 2 && setup.two_node == TwoNodeRule::both) out.set("two_node", 1);
  if (setup.arbiter) write_arbiter(out, *setup.arbiter);
  out.close();
}

// Standard error is a log file: relaisd starts Corosync in the foreground, and Corosync may outlive it.
void write_logging(Sections& out) {
  out.open("logging");
  out.set("to_stderr", "yes");
  out.set("to_logfile", "no");
  out.set("to_syslog", "no");
  out.set("timestamp", "hires");
  out.close();
}

}  // namespace

std::uint32_t token_retransmits(Duration token) {
  constexpr std::int64_t kShortestRetransmitMs = 30;
  constexpr std::int64_t kDefault = 4;
  // token / (n + 0.2) >= 30 in integers: 10 * token >= 300 * n + 60.
  const std::int64_t most = (10 * to_ms(token) - 2 * kShortestRetransmitMs) / (10 * kShortestRetransmitMs);
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(most, 1, kDefault));
}

std::string render_corosync_conf(const RingSetup& setup) {
  INVARIANT(!setup.nodes.empty() && setup.token >= std::chrono::milliseconds(50), "the configuration was checked");
  INVARIANT(setup.arbiter.has_value() == (setup.two_node == TwoNodeRule::arbiter), "an arbiter comes with its rule");
  const std::size_t links = setup.nodes.front().links.size();
  INVARIANT(links == 1 || links == 2, "a node has one or two heartbeat links");
  for (const RingNode& node : setup.nodes) INVARIANT(node.links.size() == links, "as many links on every node");
  Sections out;
  out.comment("Written by relaisd from the cluster's configuration; changes are lost.");
  write_totem(out, setup, links);
  write_nodes(out, setup);
  write_quorum(out, setup);
  write_logging(out);
  out.open("system");
  out.set("sched_rr", "yes");
  out.close();
  return std::move(out).take();
}

}  // namespace relais::corosync
