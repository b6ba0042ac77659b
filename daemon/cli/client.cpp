// Typed calls: ask, tell yes from no, decode.
#include "daemon/cli/client.h"

#include "daemon/control/json.h"

#include <cerrno>

namespace relais::cli {
namespace {

constexpr unsigned kForbidden = 403;

Error refusal(const Reply& reply) {
  const int code = reply.status == kForbidden ? EACCES : 0;
  auto failure = control::parse_failure(reply.body);
  if (failure && !failure->error.empty()) return {.what = failure->error, .way_out = failure->way_out, .code = code};
  return {.what = "relaisd answered with HTTP status " + std::to_string(reply.status),
          .way_out = "compare `relais version`: the two may be of different releases",
          .code = code == 0 ? EPROTO : code};
}

Error no_proper_answer(const std::string& why) {
  return {.what = "what listens there gives no proper answer: " + why,
          .way_out = "name relaisd's socket with --socket; if it is relaisd's, compare `relais version`",
          .code = EPROTO};
}

// Absent fields have defaults, so that releases can differ; these are in every release's answer.
bool is_whole(const control::Status& status) { return !status.version.empty() && !status.nodes.empty(); }
bool is_whole(const control::Who& who) { return !who.address.empty(); }
bool is_whole(const control::Version& version) { return !version.version.empty(); }
bool is_whole(const control::EventList&) { return true; }
bool is_whole(const control::ReceiptList&) { return true; }

template <class T>
Result<Answer<T>> decode(Result<std::string> body, Result<T> (*parse)(std::string_view)) {
  if (!body) return std::move(body).error();
  Result<T> value = parse(*body);
  if (!value) return no_proper_answer(value.error().what);
  if (!is_whole(*value)) return no_proper_answer("it lacks what every relaisd says");
  return Answer<T>{std::move(*value), std::move(*body)};
}

std::string_view path_of(OrderTarget target) {
  switch (target) {
    case OrderTarget::drain: return "/v1/drain";
    case OrderTarget::resume: return "/v1/resume";
    case OrderTarget::weight: return "/v1/weight";
  }
  return "";
}

}  // namespace

Result<std::string> Client::ask(const Request& request) const {
  auto reply = send_request(socket_, request);
  if (!reply) return std::move(reply).error();
  if (reply->status < 200 || reply->status >= 300) return refusal(*reply);
  return {boost::system::in_place_value, std::move(reply->body)};
}

Result<Answer<control::Status>> Client::status() const {
  return decode(ask({.target = "/v1/status"}), control::parse_status);
}

Result<Answer<control::Who>> Client::who(const IpAddress& address) const {
  return decode(ask({.target = "/v1/who?address=" + address.to_string()}), control::parse_who);
}

Result<Answer<control::EventList>> Client::events(const EventsSince& since, std::chrono::milliseconds wait) const {
  Request request{.target = "/v1/events?after=" + std::to_string(since.id)};
  if (!since.run.empty()) request.target += "&run=" + since.run;
  if (wait.count() > 0) request.target += "&wait_ms=" + std::to_string(wait.count());
  request.deadline += wait;
  return decode(ask(request), control::parse_events);
}

Result<Answer<control::ReceiptList>> Client::receipts() const {
  return decode(ask({.target = "/v1/receipts"}), control::parse_receipts);
}

Result<Answer<control::Version>> Client::version() const {
  return decode(ask({.target = "/v1/version"}), control::parse_version);
}

Result<std::string> Client::configuration() const { return ask({.target = "/v1/config"}); }

Result<std::string> Client::upgrade(const control::UpgradeOrder& order) const {
  return ask({.method = Method::post, .target = "/v1/upgrade", .body = control::to_json(order)});
}

Result<std::string> Client::send_order(OrderTarget target, const control::Order& order) const {
  return ask({.method = Method::post, .target = std::string(path_of(target)), .body = control::to_json(order)});
}

}  // namespace relais::cli
