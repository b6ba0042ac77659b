// What relaisd tells Prometheus: plain numbers in, the text exposition format out. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace relais::metrics {

enum class Answer : std::uint8_t { no, yes };

struct VipMetrics {
  std::string vip;                                        // its name
  std::map<std::string, std::uint64_t> buckets_by_state;  // on this node: foreign, leftover, shadow, adopt, serve
  std::uint64_t connections = 0;                          // TCP connections on this node
};

// Everything of this node. Counters count since relaisd (verdicts: the data plane) started and never shrink.
struct MetricsInput {
  std::string version;
  std::string cluster;
  std::string node;
  Answer member = Answer::no;
  Answer quorate = Answer::no;
  std::chrono::nanoseconds lease_left{};  // 0: no lease
  std::vector<VipMetrics> vips;
  std::map<std::string, std::uint64_t> verdicts;  // packets by verdict of the data plane
  std::map<std::string, std::uint64_t> hold;      // connection openers by what became of them in the SYN hold
  std::uint64_t held_now = 0;
  std::map<std::string, std::uint64_t> moves_by_cause;  // finished moves that this node has a receipt of
  std::chrono::nanoseconds last_takeover{};             // 0: none yet
  std::uint64_t heartbeats_sent = 0;
  std::uint64_t heartbeats_delivered = 0;  // of all nodes
  std::uint64_t ring_messages = 0;         // of all kinds, from all nodes
  std::uint64_t undecodable_messages = 0;
  Answer front_lost = Answer::no;      // others serve in this node's place
  std::uint64_t clients_tickled = 0;   // told that their connection with a dead node is over
  std::uint64_t clients_in_book = 0;   // of other nodes
  std::uint64_t clients_dropped = 0;   // connections of other nodes that the book had no room for
  std::uint64_t client_list_gaps = 0;  // lists of other nodes that were not delivered here
  std::uint64_t clients_unlisted = 0;  // connections of this node that its list has no room for
  std::uint64_t nodes_with_other_configuration = 0;
  std::map<std::string, std::uint64_t> events_by_severity;
  std::uint64_t corosync_restarts = 0;
  // Other nodes -> heartbeat links -> whether the node is heard there.
  std::map<std::string, std::vector<Answer>> heard_on_links;
};

// The text of GET /metrics (Prometheus text format 0.0.4), the same for the same input.
std::string render_metrics(const MetricsInput& input);

}  // namespace relais::metrics
