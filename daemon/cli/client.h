// relaisd's control API as typed calls.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "daemon/cli/transport.h"
#include "daemon/control/api.h"

#include <chrono>
#include <cstdint>
#include <string>

namespace relais::cli {

// A value, and the text that it came as: what --json prints.
template <class T>
struct Answer {
  T value;
  std::string json;
};

// Where the last answer ended: its last_id and run.
struct EventsSince {
  std::uint64_t id = 0;
  std::string run;
};

enum class OrderTarget : std::uint8_t { drain, resume, weight };

// Errors are those of send_request(), relaisd's own "no" (`code` 0, or EACCES for 403), or EPROTO for an answer that
// is not what the API promises; exit_code_of() fits all of them.
class Client {
 public:
  explicit Client(std::string socket) : socket_(std::move(socket)) {}

  Result<Answer<control::Status>> status() const;
  Result<Answer<control::Who>> who(const IpAddress& address) const;
  // Waits up to `wait` at the server for the first new event.
  Result<Answer<control::EventList>> events(const EventsSince& since, std::chrono::milliseconds wait) const;
  Result<Answer<control::ReceiptList>> receipts() const;
  Result<Answer<control::Version>> version() const;
  Result<std::string> configuration() const;
  Result<std::string> upgrade(const control::UpgradeOrder& order) const;
  Result<std::string> send_order(OrderTarget target, const control::Order& order) const;

 private:
  Result<std::string> ask(const Request& request) const;

  std::string socket_;
};

}  // namespace relais::cli
