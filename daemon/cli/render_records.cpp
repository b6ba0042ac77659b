// Answers and records as text.
#include "daemon/cli/render_records.h"

#include <cstdio>
#include <ctime>

namespace relais::cli {
namespace {

std::string name_of(std::uint32_t node, const NodeNames& names) {
  if (node == 0) return "nobody";
  const auto found = names.find(node);
  return found == names.end() ? "node " + std::to_string(node) : printable(found->second);
}

std::string leftovers_text(const std::vector<std::uint32_t>& leftovers, const NodeNames& names) {
  std::string text;
  for (const std::uint32_t node : leftovers) text += (text.empty() ? "" : ", ") + name_of(node, names);
  return text;
}

std::string render_who_vip(const control::WhoVip& vip, const NodeNames& names, const Style& style) {
  const std::string owner = vip.owner_name.empty() ? name_of(vip.owner, names) : printable(vip.owner_name);
  const std::string standby = vip.standby_name.empty() ? name_of(vip.standby, names) : printable(vip.standby_name);
  std::string text = "  " + printable(vip.vip) + " " + printable(vip.address) + ": ";
  text += vip.owner == 0 ? painted(Paint::bad, "nobody answers", style)
                         : "answered by " + painted(Paint::strong, owner, style);
  text += vip.standby == 0 ? ", no standby" : ", standby " + standby;
  text += "\n";
  if (vip.moving) text += "    " + painted(Paint::warning, "the bucket is moving", style) + "\n";
  if (!vip.leftovers.empty())
    text += "    older connections may still be with " + leftovers_text(vip.leftovers, names) + "\n";
  if (!vip.why.empty()) text += "    why: " + printable(vip.why) + "\n";
  return text;
}

Paint severity_paint(std::string_view severity) {
  if (severity == "error") return Paint::bad;
  return severity == "warning" ? Paint::warning : Paint::plain;
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string milliseconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

}  // namespace

std::string utc_time(std::int64_t time_ms) {
  const std::time_t seconds = static_cast<std::time_t>(time_ms / 1000 - (time_ms % 1000 < 0 ? 1 : 0));
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr) return "?";
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  char fraction[8];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(((time_ms % 1000) + 1000) % 1000));
  return std::string(text, length) + fraction;
}

std::string render_who(const control::Who& who, const NodeNames& names, const Style& style) {
  std::string text = "client " + painted(Paint::strong, printable(who.address), style) + " is in bucket " +
                     std::to_string(who.bucket) + " of 256\n";
  if (who.vips.empty()) {
    text += "  nobody answers it: no VIP of this address family, or this node knows no owners (relais status)\n";
  }
  for (const control::WhoVip& vip : who.vips) text += render_who_vip(vip, names, style);
  return text;
}

std::string render_event(const control::EventRecord& event, const Style& style) {
  return painted(Paint::faint, utc_time(event.time_ms), style) + "  " + std::to_string(event.id) + "  " +
         painted(severity_paint(event.severity), padded(printable(event.severity), 7), style) + "  " +
         padded(printable(event.kind), 16) + "  " + printable(event.text) + "\n";
}

std::string render_receipts(std::span<const control::ReceiptRecord> receipts, const NodeNames& names,
                            const Style& style) {
  if (receipts.empty()) return "no bucket has moved since relaisd started on this node\n";
  std::vector<std::vector<Cell>> rows;
  for (const control::ReceiptRecord& receipt : receipts) {
    rows.push_back({{utc_time(receipt.time_ms)},
                    {std::to_string(receipt.epoch)},
                    {name_of(receipt.from, names) + " -> " + name_of(receipt.to, names)},
                    {printable(receipt.cause) + (receipt.abandoned ? ", abandoned" : ""),
                     receipt.abandoned ? Paint::warning : Paint::plain},
                    {std::to_string(receipt.buckets)},
                    {milliseconds(receipt.detect_ms)},
                    {milliseconds(receipt.takeover_ms)},
                    {std::to_string(receipt.flows_kept)},
                    {std::to_string(receipt.flows_lost), receipt.flows_lost > 0 ? Paint::warning : Paint::plain}});
  }
  return render_table({{"finished"},
                       {"epoch", Align::right},
                       {"from -> to"},
                       {"cause"},
                       {"buckets", Align::right},
                       {"detect ms", Align::right},
                       {"take over ms", Align::right},
                       {"flows kept", Align::right},
                       {"flows lost", Align::right}},
                      rows, 0, style);
}

}  // namespace relais::cli
