// Which request gets which answer: the control API's paths and the metrics path. No sockets; docs/control-api.md
// describes it.
#pragma once

#include "daemon/control/backend.h"
#include "daemon/control/http.h"

#include <chrono>
#include <functional>
#include <string>

namespace relais::control {

inline constexpr std::chrono::milliseconds kMaxEventsWait{30'000};  // bounds a long poll, so that dead clients go away

// Answers a request to the control socket. Never fails: what cannot be answered gives a 4xx with a way out.
Response answer_control(Backend& backend, const Request& request);

// Answers a request to the metrics address: GET /metrics gives what `render` returns.
Response answer_metrics(const std::function<std::string()>& render, const Request& request);

}  // namespace relais::control
