// Events and actions in words.
#include "tests/simulation/describe.h"

#include "base/overload.h"

#include <array>

namespace relais::simulation {

namespace {

std::string number(std::uint64_t value) { return std::to_string(value); }
std::string name(NodeId node) { return node == kNoNode ? "-" : "n" + std::to_string(node.value()); }

std::string describe_view(const ha::ViewChanged& view) {
  std::string text = "view " + number(view.view.value() % 100000) + " members " + describe(view.members);
  if (!view.joined.empty()) text += " joined " + describe(view.joined);
  for (const auto& left : view.left) {
    text += " left " + name(left.node) + (left.reason == ha::LeaveReason::daemon_down ? "(daemon)" : "(node)");
  }
  return text + (view.quorate ? " quorate" : " not quorate");
}

std::string describe_snapshot(const ha::Snapshot& snapshot) {
  const ha::Cluster& cluster = snapshot.cluster;
  const std::string of = " epoch " + number(cluster.epoch.value()) + " members " + describe(cluster.members);
  if (snapshot.for_node == kNoNode) return "snapshot forming " + describe(snapshot.forming) + of;
  return "snapshot for " + name(snapshot.for_node) + " attempt " + number(snapshot.attempt) + of;
}

std::string describe_heartbeat(const ha::Heartbeat& heartbeat) {
  std::string text = "heartbeat " + number(heartbeat.sequence % 100000) + " members " + describe(heartbeat.members);
  for (const auto& ack : heartbeat.acks) text += " " + name(ack.node) + ":" + number(ack.sequence % 100000);
  return text;
}

std::string_view describe(ha::HeldDecision decision) {
  switch (decision) {
    case ha::HeldDecision::drop: return "drop";
    case ha::HeldDecision::release: return "let in";
    case ha::HeldDecision::release_unanswered: return "let in unanswered";
  }
  return "?";
}

std::string describe(const ha::DecideHeld& decide) {
  std::size_t buckets = 0;
  for (const ha::BucketSet& set : decide.buckets) buckets += set.count();
  return std::string(describe(decide.decision)) + " what is held for " + number(buckets) + " buckets";
}

}  // namespace

std::string describe(NodeSet nodes) {
  std::string text = "{";
  for (const NodeId node : nodes) text += (text.size() > 1 ? "," : "") + std::to_string(node.value());
  return text + "}";
}

std::string describe(const BucketStates& states) {
  std::array<std::size_t, 5> counts{};
  for (const BucketState state : states) ++counts[static_cast<std::size_t>(state)];
  std::string text;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    text += (text.empty() ? "" : ", ") + number(counts[i]) + " " + std::string(to_string(static_cast<BucketState>(i)));
  }
  return text;
}

std::string describe(const ha::Body& body) {
  return std::visit(
      Overload{
          [](const ha::Heartbeat& heartbeat) { return describe_heartbeat(heartbeat); },
          [](const ha::Hello& hello) {
            return "hello " + number(hello.attempt) + " epoch " + number(hello.epoch.value()) +
                   (hello.resumes != 0 ? " resuming" : "");
          },
          [](const ha::Snapshot& snapshot) { return describe_snapshot(snapshot); },
          [](const ha::Holding& holding) { return "holding " + number(holding.move.value()); },
          [](const ha::Released& released) {
            return "released " + number(released.move.value()) + " flows " + number(released.flows) + " openers " +
                   number(released.openers.size()) + (released.complete ? "" : ", incomplete");
          },
          [](const ha::Cleared& cleared) {
            return "cleared VIP " + number(cleared.vip.value()) + " buckets " + number(cleared.buckets.count());
          },
          [](const ha::Suspect& suspect) {
            return "suspect " + name(suspect.node) + " since " + number(suspect.sequence % 100000);
          },
          [](const ha::GraceOver& over) { return "grace over " + name(over.node); },
          [](const ha::Leaving&) { return std::string("leaving"); },
          [](const ha::Retiring&) { return std::string("retiring"); },
          [](const ha::SetDrained& order) {
            return std::string(order.drained ? "drain " : "resume ") + name(order.node);
          },
          [](const ha::SetWeight& order) {
            return "weight " + name(order.node) + " VIP " + number(order.vip.value()) + " = " + number(order.weight);
          },
          [](const ha::Upgrading& upgrading) { return "upgrading for " + number(upgrading.for_ms) + " ms"; },
          [](const ha::UpgradeOver& over) { return "upgrade over " + name(over.node); },
          [](const ha::Claimed& claimed) { return "claimed " + number(claimed.move.value()); },
          [](const ha::FrontHealth& health) { return "front " + std::string(to_string(health.front)); },
          [](const ha::Clients& clients) {
            return "clients " + number(clients.sequence) + " +" + number(clients.added.size()) + " -" +
                   number(clients.removed.size());
          },
      },
      body);
}

std::string describe(const ha::Event& event) {
  return std::visit(
      Overload{
          [](const ha::ViewChanged& view) { return describe_view(view); },
          [](const ha::Delivered& delivered) { return name(delivered.from) + ": " + describe(delivered.message.body); },
          [](const ha::RingLost& lost) { return "ring lost (" + lost.why + ")"; },
          [](const ha::Tick&) { return std::string("tick"); },
          [](const ha::FlowsCounted&) { return std::string("flows counted"); },
          [](const ha::OpenersListed& listed) {
            return "openers of move " + number(listed.move.value()) + ": " + number(listed.openers.size());
          },
          [](const ha::Ordered& ordered) {
            return "order: " + std::visit([](const auto& order) { return describe(ha::Body(order)); }, ordered.order);
          },
          [](const ha::StopRequested&) { return std::string("stop requested"); },
          [](const ha::FrontObserved& observed) { return "front " + std::string(to_string(observed.front)); },
          [](const ha::UpgradeRequested&) { return std::string("upgrade requested"); },
          [](const ha::UpgradeFailed& failed) { return "upgrade failed (" + failed.why + ")"; },
      },
      event);
}

std::string describe(const ha::Action& action) {
  return std::visit(Overload{
                        [](const ha::ApplyStates& apply) {
                          return "states of VIP " + number(apply.vip.value()) + ": " + describe(apply.states);
                        },
                        [](const ha::SetLease& lease) {
                          if (lease.until == Instant{}) return std::string("no lease");
                          return "lease until " +
                                 number(static_cast<std::uint64_t>(to_ms(lease.until.time_since_epoch()))) + " ms";
                        },
                        [](const ha::Multicast& multicast) { return "send " + describe(multicast.body); },
                        [](const ha::ListOpeners& list) { return "list openers of move " + number(list.move.value()); },
                        [](const ha::LeaveOpeners& leave) {
                          return "leave " + number(leave.openers.size()) + " openers to previous owners";
                        },
                        [](const ha::ForgetOpeners&) { return std::string("forget openers"); },
                        [](const ha::DecideHeld& decide) { return describe(decide); },
                        [](const ha::DestroyFlows& flows) {
                          const std::string kind = flows.kind == ha::FlowKind::all ? "" : "half-open ";
                          return "reset " + kind + "connections of VIP " + number(flows.vip.value()) + ", buckets " +
                                 number(flows.buckets.count());
                        },
                        [](const ha::Tickle& tickle) {
                          return "tickle clients of " + name(tickle.of) + ", VIP " + number(tickle.vip.value()) +
                                 ", buckets " + number(tickle.buckets.count());
                        },
                        [](const ha::AskClients&) { return std::string("ask clients"); },
                        [](const ha::SaveCluster&) { return std::string("save"); },
                        [](const ha::Report& report) { return "report " + report.kind + " " + name(report.node); },
                        [](const ha::Receipt& receipt) {
                          return "receipt " + number(receipt.epoch.value()) + " " + name(receipt.from) + " to " +
                                 name(receipt.to) + ", " + std::string(to_string(receipt.cause)) + ", " +
                                 number(receipt.buckets) + " buckets" + (receipt.abandoned ? ", abandoned" : "");
                        },
                        [](const ha::StopNow&) { return std::string("stop now"); },
                        [](const ha::StartSuccessor&) { return std::string("start the successor"); },
                    },
                    action);
}

}  // namespace relais::simulation
