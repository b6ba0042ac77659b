// JSON for the control API. Each struct lists its fields once, in fields_of(); a Writer or a Reader visits the list.
#include "daemon/control/json.h"

#include <nlohmann/json.hpp>

#include <concepts>
#include <limits>
#include <set>
#include <type_traits>
#include <utility>

namespace relais::control {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSendOneObject = "send one JSON object, as in docs/control-api.md";

// A possibly const T: fields_of() serves writing and reading.
template <class S, class T>
concept Is = std::same_as<std::remove_const_t<S>, T>;

void fields_of(Is<NodeStatus> auto& node, auto& visit) {
  visit("id", node.id);
  visit("name", node.name);
  visit("self", node.self);
  visit("in_ring", node.in_ring);
  visit("member", node.member);
  visit("drained", node.drained);
  visit("retiring", node.retiring);
  visit("front", node.front);
  visit("front_lost", node.front_lost);
  visit("upgrading", node.upgrading);
  visit("grace", node.grace);
  visit("config_differs", node.config_differs);
  visit("connections", node.connections);
  visit("heard_ms_ago", node.heard_ms_ago);
  visit("dead_links", node.dead_links);
}

void fields_of(Is<BucketStatus> auto& bucket, auto& visit) {
  visit("owner", bucket.owner);
  visit("standby", bucket.standby);
  visit("moving", bucket.moving);
  visit("leftovers", bucket.leftovers);
}

void fields_of(Is<ShareStatus> auto& share, auto& visit) {
  visit("node", share.node);
  visit("weight", share.weight);
  visit("buckets", share.buckets);
  visit("leftover_buckets", share.leftover_buckets);
}

void fields_of(Is<VipStatus> auto& vip, auto& visit) {
  visit("name", vip.name);
  visit("address", vip.address);
  visit("mac", vip.mac);
  visit("shares", vip.shares);
  visit("buckets", vip.buckets);
  visit("local_states", vip.local_states);
  visit("connections", vip.connections);
}

void fields_of(Is<DataPlaneStatus> auto& data_plane, auto& visit) {
  visit("mode", data_plane.mode);
  visit("why", data_plane.why);
  visit("interface", data_plane.interface);
  visit("verdicts", data_plane.verdicts);
  visit("hold", data_plane.hold);
  visit("held_now", data_plane.held_now);
}

void fields_of(Is<MoveStatus> auto& move, auto& visit) {
  visit("epoch", move.epoch);
  visit("from", move.from);
  visit("to", move.to);
  visit("cause", move.cause);
  visit("phase", move.phase);
  visit("buckets", move.buckets);
}

void fields_of(Is<UpgradeStatus> auto& upgrade, auto& visit) {
  visit("state", upgrade.state);
  visit("text", upgrade.text);
}

void fields_of(Is<Status> auto& status, auto& visit) {
  visit("cluster", status.cluster);
  visit("version", status.version);
  visit("self", status.self);
  visit("role", status.role);
  visit("why", status.why);
  visit("quorate", status.quorate);
  visit("votes", status.votes);
  visit("quorum", status.quorum);
  visit("expected_votes", status.expected_votes);
  visit("lease_left_ms", status.lease_left_ms);
  visit("lease_ms", status.lease_ms);
  visit("token_ms", status.token_ms);
  visit("detection_ms", status.detection_ms);
  visit("timing_preset", status.timing_preset);
  visit("epoch", status.epoch);
  visit("config_hash", status.config_hash);
  visit("two_node", status.two_node);
  visit("arbiter", status.arbiter);
  visit("corosync", status.corosync);
  visit("nodes", status.nodes);
  visit("vips", status.vips);
  visit("moves", status.moves);
  visit("data_plane", status.data_plane);
  visit("upgrade", status.upgrade);
}

void fields_of(Is<WhoVip> auto& vip, auto& visit) {
  visit("vip", vip.vip);
  visit("address", vip.address);
  visit("owner", vip.owner);
  visit("owner_name", vip.owner_name);
  visit("standby", vip.standby);
  visit("standby_name", vip.standby_name);
  visit("leftovers", vip.leftovers);
  visit("moving", vip.moving);
  visit("why", vip.why);
}

void fields_of(Is<Who> auto& who, auto& visit) {
  visit("address", who.address);
  visit("bucket", who.bucket);
  visit("current", who.current);
  visit("vips", who.vips);
}

void fields_of(Is<EventRecord> auto& event, auto& visit) {
  visit("id", event.id);
  visit("time_ms", event.time_ms);
  visit("severity", event.severity);
  visit("kind", event.kind);
  visit("node", event.node);
  visit("text", event.text);
}

void fields_of(Is<EventList> auto& list, auto& visit) {
  visit("events", list.events);
  visit("last_id", list.last_id);
  visit("run", list.run);
}

void fields_of(Is<ReceiptRecord> auto& receipt, auto& visit) {
  visit("epoch", receipt.epoch);
  visit("time_ms", receipt.time_ms);
  visit("from", receipt.from);
  visit("to", receipt.to);
  visit("cause", receipt.cause);
  visit("buckets", receipt.buckets);
  visit("detect_ms", receipt.detect_ms);
  visit("takeover_ms", receipt.takeover_ms);
  visit("flows_kept", receipt.flows_kept);
  visit("flows_lost", receipt.flows_lost);
  visit("abandoned", receipt.abandoned);
}

void fields_of(Is<ReceiptList> auto& list, auto& visit) { visit("receipts", list.receipts); }

void fields_of(Is<Version> auto& version, auto& visit) {
  visit("version", version.version);
  visit("api", version.api);
}

void fields_of(Is<Order> auto& order, auto& visit) {
  visit("node", order.node);
  visit("vip", order.vip);
  visit("weight", order.weight);
}

void fields_of(Is<UpgradeOrder> auto& order, auto& visit) { visit("binary", order.binary); }

void fields_of(Is<Failure> auto& failure, auto& visit) {
  visit("error", failure.error);
  visit("way_out", failure.way_out);
}

// Writes one object; the other overloads of json_of() write what is inside.
struct Writer {
  Json object = Json::object();

  template <class T>
  void operator()(const char* name, const T& value) {
    object[name] = json_of(value);
  }
  template <class T>
  void operator()(const char* name, const std::optional<T>& value) {
    if (value) object[name] = *value;
  }

  template <class T>
  static Json json_of(const T& value) {
    if constexpr (std::is_class_v<T>) {
      Writer writer;
      fields_of(value, writer);
      return std::move(writer.object);
    } else {
      return value;
    }
  }
  static Json json_of(const std::string& value) { return value; }
  static Json json_of(const std::map<std::string, std::uint64_t>& value) { return value; }
  template <class T>
  static Json json_of(const std::vector<T>& values) {
    Json array = Json::array();
    for (const T& value : values) array.push_back(json_of(value));
    return array;
  }
};

// Reads one object into a struct. The first error stays; what follows it is skipped.
class Reader {
 public:
  Reader(const Json& object, std::string path, std::optional<Error>& error)
      : object_(object), path_(std::move(path)), error_(error) {}

  template <class T>
  void operator()(const char* name, T& value) {
    const auto found = object_.find(name);
    if (error_ || found == object_.end() || found->is_null()) return;
    read(*found, path_.empty() ? name : path_ + "." + name, value);
  }

  void read(const Json& json, const std::string& path, std::string& value) {
    if (!json.is_string()) return fail(path, "a string", json);
    value = json.get_ref<const std::string&>();
  }

  void read(const Json& json, const std::string& path, bool& value) {
    if (!json.is_boolean()) return fail(path, "true or false", json);
    value = json.get<bool>();
  }

  void read(const Json& json, const std::string& path, double& value) {
    if (!json.is_number()) return fail(path, "a number", json);
    value = json.get<double>();
  }

  template <std::unsigned_integral T>
  void read(const Json& json, const std::string& path, T& value) {
    constexpr std::uint64_t highest = std::numeric_limits<T>::max();
    if (!json.is_number_unsigned() || json.get<std::uint64_t>() > highest) {
      return fail(path, "an integer from 0 to " + std::to_string(highest), json);
    }
    value = static_cast<T>(json.get<std::uint64_t>());
  }

  void read(const Json& json, const std::string& path, std::int64_t& value) {
    constexpr std::uint64_t highest = std::numeric_limits<std::int64_t>::max();
    const bool too_high = json.is_number_unsigned() && json.get<std::uint64_t>() > highest;
    if (!json.is_number_integer() || too_high) return fail(path, "an integer of 64 bits", json);
    value = json.get<std::int64_t>();
  }

  template <class T>
  void read(const Json& json, const std::string& path, std::optional<T>& value) {
    read(json, path, value.emplace());
  }

  template <class T>
  void read(const Json& json, const std::string& path, std::vector<T>& values) {
    if (!json.is_array()) return fail(path, "an array", json);
    values.resize(json.size());
    for (std::size_t i = 0; i < values.size() && !error_; ++i) {
      read(json[i], path + "[" + std::to_string(i) + "]", values[i]);
    }
  }

  void read(const Json& json, const std::string& path, std::map<std::string, std::uint64_t>& values) {
    if (!json.is_object()) return fail(path, "an object", json);
    for (const auto& [name, value] : json.items()) {
      read(value, std::string(path).append(".").append(name), values[name]);
    }
  }

  template <class T>
  requires requires(T& value, Reader& reader) { fields_of(value, reader); }
  void read(const Json& json, const std::string& path, T& value) {
    if (!json.is_object()) return fail(path, "an object", json);
    Reader inner(json, path, error_);
    fields_of(value, inner);
  }

 private:
  void fail(const std::string& path, const std::string& expected, const Json& found) {
    if (error_) return;
    const std::string shown = found.is_number() ? found.dump() : std::string("a value of type ") + found.type_name();
    error_ = Error{.what = (path.empty() ? "the text" : path) + ": expected " + expected + ", found " + shown,
                   .way_out = "docs/control-api.md lists every field with its type"};
  }

  const Json& object_;
  std::string path_;
  std::optional<Error>& error_;
};

// True if brackets nest deeper than kMaxJsonDepth; looked at before parsing, so that no text can make the parser's tree
// deep.
bool is_too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// The tree, or nothing if the text is no JSON. A name that an object has twice goes to `twice`: readers disagree on
// which of the two counts.
Json parse_tree(std::string_view text, std::optional<std::string>& twice) {
  std::vector<std::set<std::string>> names;
  const auto look = [&](int, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    if (event == Json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second && !twice) {
      twice = parsed.get<std::string>();
    }
    return true;
  };
  return Json::parse(text, look, false);
}

template <class T>
Result<T> parse(std::string_view text) {
  if (text.size() > kMaxJsonBytes) {
    return Error{.what = "the JSON text is longer than " + std::to_string(kMaxJsonBytes) + " bytes",
                 .way_out = kSendOneObject};
  }
  if (is_too_deep(text)) {
    return Error{.what = "the JSON text nests deeper than " + std::to_string(kMaxJsonDepth) + " levels",
                 .way_out = kSendOneObject};
  }
  std::optional<std::string> twice;
  const Json json = parse_tree(text, twice);
  if (json.is_discarded()) {
    return Error{.what = "the text is not JSON", .way_out = kSendOneObject};
  }
  if (twice) return Error{.what = *twice + " is there twice", .way_out = "leave one of them out"};
  T value;
  std::optional<Error> error;
  Reader(json, "", error).read(json, "", value);
  if (error) return *std::move(error);
  return value;
}

template <class T>
std::string write(const T& value) {
  return Writer::json_of(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string to_json(const Status& status) { return write(status); }
std::string to_json(const Who& who) { return write(who); }
std::string to_json(const EventList& events) { return write(events); }
std::string to_json(const EventRecord& event) { return write(event); }
std::string to_json(const ReceiptList& receipts) { return write(receipts); }
std::string to_json(const ReceiptRecord& receipt) { return write(receipt); }
std::string to_json(const Version& version) { return write(version); }
std::string to_json(const Order& order) { return write(order); }
std::string to_json(const UpgradeStatus& upgrade) { return write(upgrade); }
std::string to_json(const UpgradeOrder& order) { return write(order); }
std::string to_json(const Failure& failure) { return write(failure); }

Result<Status> parse_status(std::string_view text) { return parse<Status>(text); }
Result<Who> parse_who(std::string_view text) { return parse<Who>(text); }
Result<EventList> parse_events(std::string_view text) { return parse<EventList>(text); }
Result<ReceiptList> parse_receipts(std::string_view text) { return parse<ReceiptList>(text); }
Result<Version> parse_version(std::string_view text) { return parse<Version>(text); }
Result<Order> parse_order(std::string_view text) { return parse<Order>(text); }
Result<UpgradeOrder> parse_upgrade_order(std::string_view text) { return parse<UpgradeOrder>(text); }
Result<Failure> parse_failure(std::string_view text) { return parse<Failure>(text); }

}  // namespace relais::control
