// A request and its answer as plain values: what routes.h works on, free of sockets and of the HTTP library.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace relais::control {

struct Request {
  std::string method;                        // "GET"
  std::string path;                          // "/v1/who", decoded
  std::map<std::string, std::string> query;  // decoded; of a repeated name the last value
  std::string body;
  bool operator==(const Request&) const = default;
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // the Allow header of a 405; empty: none
  // Long poll: not zero if there is nothing yet. The server then asks again when an event comes, at the latest after
  // this time, and sends whatever the answer is at the end.
  std::chrono::milliseconds may_wait{};
  bool operator==(const Response&) const = default;
};

// One side of the server: answers a request at once, without blocking.
using Site = std::function<Response(const Request&)>;

// Splits and decodes "/v1/who?address=2001%3Adb8::1". A '%' that two hex digits do not follow stands for itself.
Request parse_target(std::string_view method, std::string_view target);

// The answer {"error", "way_out"} with this status.
Response failure(unsigned status, std::string error, std::string way_out);

}  // namespace relais::control
