// What the control API needs of the daemon: the seam between the HTTP server and everything behind it. All calls come
// from the one io_context's thread and must not block.
#pragma once

#include "base/address.h"
#include "base/result.h"
#include "daemon/control/api.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace relais::control {

enum class OrderKind : std::uint8_t { drain, resume, weight };

class Backend {
 public:
  virtual ~Backend() = default;

  virtual Status status() = 0;
  // Which node answers `client`, for every VIP of its address family.
  virtual Who who(const IpAddress& client) = 0;
  // See EventLog::events_after(). After an event was added the owner calls Server::notify_events().
  virtual EventList events_after(std::uint64_t id, std::string_view run) = 0;
  virtual ReceiptList receipts() = 0;
  // Sends the order to the cluster; success means that it was sent, not that it is finished. The server has checked
  // that `node` is not empty and that `weight` is there exactly for OrderKind::weight; names are the backend's to
  // check.
  virtual Result<void> carry_out(OrderKind kind, const Order& order) = 0;
  // Begins to replace this relaisd by another program; Status::upgrade says what becomes of it. Error: it cannot begin.
  virtual Result<void> upgrade(const UpgradeOrder& order) = 0;
  // The canonical TOML text of the configuration in use.
  virtual std::string configuration() = 0;
  virtual Version version() = 0;
};

}  // namespace relais::control
