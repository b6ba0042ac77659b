// The table of paths and the answers.
#include "daemon/control/routes.h"

#include "daemon/config/cluster.h"
#include "daemon/control/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace relais::control {
namespace {

using Answer = Response (*)(Backend&, const Request&);

struct Route {
  std::string_view method;
  std::string_view path;
  Answer answer;
};

Response json_response(std::string body) {
  Response response;
  response.body = std::move(body) + "\n";
  return response;
}

// A number in the query: absent = `fallback`; nothing if it is no number.
std::optional<std::uint64_t> number_in_query(const Request& request, const std::string& name, std::uint64_t fallback) {
  const auto found = request.query.find(name);
  if (found == request.query.end()) return fallback;
  const std::string& text = found->second;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return value;
}

Response answer_status(Backend& backend, const Request&) { return json_response(to_json(backend.status())); }

// Null if packets can come from there.
const char* why_no_client(const IpAddress& address) {
  return address.is_multicast()     ? "a multicast address"
         : address.is_unspecified() ? "the unspecified address"
         : address.is_loopback()    ? "a loopback address"
         : address.is_ipv4_mapped() ? "an IPv4 address written as IPv6"
                                    : nullptr;
}

Response answer_who(Backend& backend, const Request& request) {
  constexpr const char* kWayOut = "give the address of a client, such as 203.0.113.7 (/v1/who?address=203.0.113.7)";
  const auto found = request.query.find("address");
  if (found == request.query.end()) return failure(400, "the parameter address is missing", kWayOut);
  const Result<IpAddress> client = IpAddress::parse(found->second);
  if (!client) return failure(400, client.error().what, kWayOut);
  if (const char* why = why_no_client(*client)) {
    return failure(400, client->to_string() + " is " + why + ": no packet comes from there", kWayOut);
  }
  return json_response(to_json(backend.who(*client)));
}

Response answer_events(Backend& backend, const Request& request) {
  const auto after = number_in_query(request, "after", 0);
  const auto wait_ms = number_in_query(request, "wait_ms", 0);
  if (!after || !wait_ms) {
    return failure(400, std::string("the parameter ") + (after ? "wait_ms" : "after") + " is no number",
                   "ask like this: /v1/events?after=17&wait_ms=10000");
  }
  const auto run = request.query.find("run");
  const EventList list = backend.events_after(*after, run == request.query.end() ? std::string_view() : run->second);
  Response response = json_response(to_json(list));
  const auto bound = static_cast<std::uint64_t>(kMaxEventsWait.count());
  if (list.events.empty()) response.may_wait = std::chrono::milliseconds(std::min(*wait_ms, bound));
  return response;
}

Response answer_receipts(Backend& backend, const Request&) { return json_response(to_json(backend.receipts())); }

Response answer_configuration(Backend& backend, const Request&) {
  Response response;
  response.content_type = "application/toml";
  response.body = backend.configuration();
  return response;
}

Response answer_version(Backend& backend, const Request&) { return json_response(to_json(backend.version())); }

// An order's body must say what its path needs, and no more.
std::optional<Response> refuse_order(OrderKind kind, const Order& order) {
  if (order.node.empty()) return failure(400, "node is missing", R"(send {"node":"n2"})");
  const bool sets_weight = kind == OrderKind::weight;
  if (sets_weight && !order.weight) {
    return failure(400, "weight is missing", R"(send {"node":"n2","vip":"mail4","weight":2})");
  }
  if (sets_weight && *order.weight > config::kMaxWeight) {
    return failure(400, "weight is " + std::to_string(*order.weight),
                   "allowed: 0 to " + std::to_string(config::kMaxWeight));
  }
  if (!sets_weight && (order.weight || order.vip)) {
    return failure(400, "vip and weight belong to /v1/weight only", R"(send {"node":"n2"})");
  }
  return {};
}

template <OrderKind kind>
Response answer_order(Backend& backend, const Request& request) {
  const Result<Order> order = parse_order(request.body);
  if (!order) return failure(400, order.error().what, order.error().way_out);
  if (auto refusal = refuse_order(kind, *order)) return *std::move(refusal);
  const Result<void> sent = backend.carry_out(kind, *order);
  if (!sent) return failure(409, sent.error().what, sent.error().way_out);
  Response response = json_response("{}");
  response.status = 202;
  return response;
}

Response answer_upgrade(Backend& backend, const Request& request) {
  const Result<UpgradeOrder> order = parse_upgrade_order(request.body);
  if (!order) return failure(400, order.error().what, order.error().way_out);
  const Result<void> begun = backend.upgrade(*order);
  if (!begun) return failure(409, begun.error().what, begun.error().way_out);
  Response response = json_response("{}");
  response.status = 202;
  return response;
}

constexpr std::array kRoutes{
    Route{"GET", "/v1/status", answer_status},
    Route{"GET", "/v1/who", answer_who},
    Route{"GET", "/v1/events", answer_events},
    Route{"GET", "/v1/receipts", answer_receipts},
    Route{"GET", "/v1/config", answer_configuration},
    Route{"GET", "/v1/version", answer_version},
    Route{"POST", "/v1/drain", answer_order<OrderKind::drain>},
    Route{"POST", "/v1/resume", answer_order<OrderKind::resume>},
    Route{"POST", "/v1/weight", answer_order<OrderKind::weight>},
    Route{"POST", "/v1/upgrade", answer_upgrade},
};

Response unknown_path(const std::string& path, std::span<const Route> routes) {
  std::string known;
  for (const Route& route : routes) {
    known += (known.empty() ? "" : ", ") + std::string(route.method) + " " + std::string(route.path);
  }
  return failure(404, "there is no " + path, "these paths exist: " + known);
}

Response wrong_method(const Request& request, const Route& route) {
  const std::string allowed(route.method);
  Response response =
      failure(405, request.path + " does not know the method " + request.method, "use " + allowed + " " + request.path);
  response.allow = allowed;
  return response;
}

}  // namespace

Response answer_control(Backend& backend, const Request& request) {
  const auto route = std::ranges::find(kRoutes, request.path, &Route::path);
  if (route == kRoutes.end()) return unknown_path(request.path, kRoutes);
  if (route->method != request.method) return wrong_method(request, *route);
  return route->answer(backend, request);
}

Response answer_metrics(const std::function<std::string()>& render, const Request& request) {
  static constexpr std::array kMetricsRoutes{Route{"GET", "/metrics", nullptr}};
  if (request.path != kMetricsRoutes[0].path) return unknown_path(request.path, kMetricsRoutes);
  if (request.method != kMetricsRoutes[0].method) return wrong_method(request, kMetricsRoutes[0]);
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = render();
  return response;
}

}  // namespace relais::control
