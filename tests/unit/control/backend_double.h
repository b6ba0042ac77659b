// A backend that answers with samples, keeps a real event log, and remembers the orders it was given.
#pragma once

#include "daemon/control/backend.h"
#include "daemon/control/event_log.h"
#include "tests/unit/control/samples.h"

#include <string>
#include <utility>
#include <vector>

namespace relais::control {

class BackendDouble : public Backend {
 public:
  Status status() override { return sample_status(); }
  Who who(const IpAddress& client) override {
    Who answer = sample_who();
    answer.address = client.to_string();
    return answer;
  }
  EventList events_after(std::uint64_t id, std::string_view run) override { return log.events_after(id, run); }
  ReceiptList receipts() override { return log.receipts(); }
  Result<void> carry_out(OrderKind kind, const Order& order) override {
    if (order.node == "n9") return Error{.what = "there is no node n9", .way_out = "the nodes are n1, n2, n3"};
    orders.emplace_back(kind, order);
    return {};
  }
  Result<void> upgrade(const UpgradeOrder& order) override {
    if (order.binary == "/no/such") return Error{.what = "cannot find /no/such", .way_out = "give another"};
    upgrades.push_back(order);
    return {};
  }
  std::string configuration() override { return configuration_text; }
  Version version() override { return {.version = "0.1.0"}; }

  EventLog log{"life"};
  std::vector<std::pair<OrderKind, Order>> orders;
  std::vector<UpgradeOrder> upgrades;
  std::string configuration_text = "[cluster]\nname = \"mail\"\n";
};

}  // namespace relais::control
