// One HTTP request to relaisd over its Unix socket, with a deadline for the whole of it.
#pragma once

#include "base/result.h"
#include "daemon/cli/exit_code.h"

#include <chrono>
#include <cstddef>
#include <string>

namespace relais::cli {

enum class Method : std::uint8_t { get, post };

struct Request {
  Method method = Method::get;
  std::string target;                        // "/v1/status"
  std::string body;                          // JSON; empty with get
  std::chrono::milliseconds deadline{5000};  // longer than any answer of a healthy relaisd takes
};

struct Reply {
  unsigned status = 0;  // HTTP
  std::string body;
};

inline constexpr std::size_t kLongestAnswer = 4 * 1024 * 1024;  // as daemon/control/json.h

// Connects, asks, reads the whole answer, closes. Errors carry in `code` what exit_code_of() needs: an errno value,
// EPROTO for anything that is no complete HTTP answer of bearable length, ETIMEDOUT when the deadline passed.
Result<Reply> send_request(const std::string& socket_path, const Request& request);

// What an error of send_request() means to a script.
ExitCode exit_code_of(const Error& transport_error);

}  // namespace relais::cli
