// toml++ → raw tree.
#include "daemon/config/raw.h"

#include "daemon/config/plain_text.h"

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include <algorithm>

namespace relais::config::raw {

namespace {

// Deeper than any setting; the tree is walked recursively.
constexpr int kMaxDepth = 8;

Position position(const toml::source_region& region) { return {region.begin.line, region.begin.column}; }

Value convert(const toml::node& node, int depth);

Table convert_table(const toml::table& table, int depth) {
  Table result;
  for (const auto& [key, node] : table) {
    result.entries.push_back({std::string(key.str()), position(key.source()), convert(node, depth + 1)});
  }
  return result;
}

Array convert_array(const toml::array& array, int depth) {
  Array result;
  for (const toml::node& node : array) result.items.push_back(convert(node, depth + 1));
  return result;
}

Value convert(const toml::node& node, int depth) {
  const Position at = position(node.source());
  if (const auto* text = node.as_string()) return {at, text->get()};
  if (const auto* number = node.as_integer()) return {at, number->get()};
  if (const auto* flag = node.as_boolean()) return {at, flag->get()};
  if (node.is_floating_point()) return {at, Unused{"a float"}};
  if (node.is_date() || node.is_time() || node.is_date_time()) return {at, Unused{"a date or time"}};
  if (depth >= kMaxDepth) return {at, Unused{"a deeply nested value"}};
  if (const auto* array = node.as_array()) return {at, convert_array(*array, depth)};
  return {at, convert_table(*node.as_table(), depth)};
}

}  // namespace

const Entry* Table::find(std::string_view key) const {
  const auto found = std::ranges::find(entries, key, &Entry::key);
  return found == entries.end() ? nullptr : &*found;
}

std::string_view type_of(const Value& value) {
  struct Visitor {
    std::string_view operator()(const std::string&) const { return "a string"; }
    std::string_view operator()(std::int64_t) const { return "an integer"; }
    std::string_view operator()(bool) const { return "a boolean"; }
    std::string_view operator()(const Table&) const { return "a table"; }
    std::string_view operator()(const Array&) const { return "an array"; }
    std::string_view operator()(const Unused& unused) const { return unused.type; }
  };
  return std::visit(Visitor{}, value.data);
}

Checked<Table> parse_toml(std::string_view text) {
  if (text.size() > kMaxBytes)
    return Errors{{{}, "this is far too large for a cluster configuration", "name the right file"}};
  const Checked<std::string> plain = plain_text(text);
  if (plain.has_error()) return plain.error();
  const toml::parse_result parsed = toml::parse(*plain);
  if (parsed.failed()) {
    const toml::parse_error& error = parsed.error();
    return Errors{{position(error.source()), "not valid TOML: " + std::string(error.description()),
                   "correct this first; what follows it has not been checked"}};
  }
  return convert_table(parsed.table(), 0);
}

}  // namespace relais::config::raw
