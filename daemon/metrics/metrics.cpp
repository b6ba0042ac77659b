// Metric families and their names. A family is built afresh for every scrape, so no state can go stale: what is not in
// the input is not in the text.
#include "daemon/metrics/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <utility>

namespace relais::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using Counts = std::map<std::string, std::uint64_t>;

struct Description {
  const char* name;
  const char* help;
};

// Prometheus has no other number. Exact up to 2^53 packets.
double number(std::uint64_t count) { return static_cast<double>(count); }
double number(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }
double number(Answer answer) { return answer == Answer::yes ? 1 : 0; }

ClientMetric gauge_value(Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  return metric;
}

ClientMetric counter_value(Labels labels, double value) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = value;
  return metric;
}

MetricFamily gauge(const Description& about, double value) {
  return {about.name, about.help, MetricType::Gauge, {gauge_value({}, value)}};
}

MetricFamily counter(const Description& about, std::uint64_t count) {
  return {about.name, about.help, MetricType::Counter, {counter_value({}, number(count))}};
}

// One counter per entry, its key in the label.
MetricFamily counters(const Description& about, const std::string& label, const Counts& counts) {
  MetricFamily family{about.name, about.help, MetricType::Counter, {}};
  for (const auto& [key, count] : counts) family.metric.push_back(counter_value({{label, key}}, number(count)));
  return family;
}

MetricFamily build_info(const MetricsInput& input) {
  return {"relais_build_info",
          "Always 1; the labels say which relaisd runs here.",
          MetricType::Gauge,
          {gauge_value({{"version", input.version}, {"cluster", input.cluster}, {"node", input.node}}, 1)}};
}

MetricFamily buckets(const MetricsInput& input) {
  MetricFamily family{"relais_buckets", "Buckets of a VIP by their state on this node.", MetricType::Gauge, {}};
  for (const VipMetrics& vip : input.vips) {
    for (const auto& [state, count] : vip.buckets_by_state) {
      family.metric.push_back(gauge_value({{"vip", vip.vip}, {"state", state}}, number(count)));
    }
  }
  return family;
}

MetricFamily connections(const MetricsInput& input) {
  MetricFamily family{"relais_connections", "TCP connections on a VIP on this node.", MetricType::Gauge, {}};
  for (const VipMetrics& vip : input.vips) {
    family.metric.push_back(gauge_value({{"vip", vip.vip}}, number(vip.connections)));
  }
  return family;
}

MetricFamily heartbeat_links(const MetricsInput& input) {
  MetricFamily family{
      "relais_heartbeat_link_up", "1 if the other node is heard over this heartbeat link.", MetricType::Gauge, {}};
  for (const auto& [node, links] : input.heard_on_links) {
    for (std::size_t link = 0; link < links.size(); ++link)
      family.metric.push_back(gauge_value({{"node", node}, {"link", std::to_string(link)}}, number(links[link])));
  }
  return family;
}

}  // namespace

std::string render_metrics(const MetricsInput& input) {
  const std::vector<MetricFamily> families{
      build_info(input),
      gauge({"relais_member", "1 if this node is a member of the cluster and may own buckets."}, number(input.member)),
      gauge({"relais_quorate", "1 if this node is in a partition with quorum."}, number(input.quorate)),
      gauge({"relais_lease_left_seconds", "Time for which this node may still answer without renewing its lease."},
            number(input.lease_left)),
      buckets(input),
      connections(input),
      counters({"relais_verdicts_total", "Packets by what the data plane did with them."}, "verdict", input.verdicts),
      counters({"relais_hold_openers_total", "Connection openers by what became of them in the SYN hold."}, "fate",
               input.hold),
      gauge({"relais_hold_openers", "Connection openers that wait in the SYN hold."}, number(input.held_now)),
      counters({"relais_moves_total", "Finished moves of buckets by cause."}, "cause", input.moves_by_cause),
      gauge({"relais_last_takeover_seconds", "How long the last takeover took, from removal to serving; 0 if none."},
            number(input.last_takeover)),
      counter({"relais_heartbeats_sent_total", "Heartbeats that this node sent."}, input.heartbeats_sent),
      counter({"relais_heartbeats_delivered_total", "Heartbeats of all nodes that the ring delivered here."},
              input.heartbeats_delivered),
      counter({"relais_ring_messages_total", "Messages of all kinds that the ring delivered here."},
              input.ring_messages),
      counter({"relais_undecodable_messages_total", "Messages from the ring that could not be decoded."},
              input.undecodable_messages),
      gauge({"relais_front_lost", "1 if this node's front is dead, so that the others serve in its place."},
            number(input.front_lost)),
      counter({"relais_tickled_clients_total", "Clients of dead nodes that were told so by this node."},
              input.clients_tickled),
      gauge({"relais_client_book_size", "Connections of other nodes that this node knows of."},
            number(input.clients_in_book)),
      counter({"relais_client_book_dropped_total", "Connections of other nodes that the client book had no room for."},
              input.clients_dropped),
      counter({"relais_client_list_gaps_total", "Lists of other nodes' connections that were not delivered here."},
              input.client_list_gaps),
      gauge({"relais_clients_unlisted", "Connections of this node that the others are not told of: too many."},
            number(input.clients_unlisted)),
      gauge({"relais_nodes_with_other_configuration", "Nodes in the ring whose configuration is not this node's."},
            number(input.nodes_with_other_configuration)),
      counters({"relais_events_total", "Entries of the event log by severity."}, "severity", input.events_by_severity),
      counter({"relais_corosync_restarts_total", "How often relaisd had to start corosync again."},
              input.corosync_restarts),
      heartbeat_links(input),
  };
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace relais::metrics
