// Reads the settings of one table.
#include "daemon/config/reader.h"

#include "daemon/config/words.h"

#include <algorithm>

namespace relais::config {

namespace {

std::string way_out_of_type(std::string_view wanted) {
  if (wanted == "a string") return "put it in quotes";
  if (wanted == "an integer") return "write a whole number without quotes";
  if (wanted == "an array") return "write it in brackets: [\"…\", \"…\"]";
  return "see relais.toml(5)";
}

}  // namespace

Setting<std::string> TableReader::text(std::string_view key, Presence presence) {
  const raw::Entry* entry = find(key, presence);
  const auto* value = expect<std::string>(entry, "a string");
  if (value == nullptr) return std::nullopt;
  return Located<std::string>{*value, entry->value.at};
}

Setting<std::int64_t> TableReader::integer(std::string_view key, Range range, Presence presence) {
  const raw::Entry* entry = find(key, presence);
  const auto* value = expect<std::int64_t>(entry, "an integer");
  if (value == nullptr) return std::nullopt;
  if (*value < range.least || *value > range.most) {
    report(entry->value.at, name_of(key) + " is " + std::to_string(*value),
           "allowed: " + std::to_string(range.least) + " to " + std::to_string(range.most));
    return std::nullopt;
  }
  return Located<std::int64_t>{*value, entry->value.at};
}

std::vector<std::pair<Located<std::string>, Setting<std::int64_t>>> TableReader::integers(Range range) {
  std::vector<std::pair<Located<std::string>, Setting<std::int64_t>>> result;
  for (const raw::Entry& entry : table_.entries) {
    result.push_back({{entry.key, entry.at}, integer(entry.key, range, Presence::optional)});
  }
  return result;
}

TableReader::Section TableReader::section(std::string_view key, Presence presence) {
  static const raw::Table empty;
  const raw::Entry* entry = find(key, Presence::optional);
  const std::string way_out = "write [" + std::string(key) + "] on a line of its own, its settings below";
  if (entry == nullptr) {
    if (presence == Presence::required) report(at_, "the section [" + std::string(key) + "] is missing", way_out);
    return {.table = empty, .at = at_};
  }
  if (const auto* table = std::get_if<raw::Table>(&entry->value.data))
    return {.table = *table, .at = entry->value.at, .found = true};
  report(entry->at, name_of(key) + " must be a table, not " + std::string(raw::type_of(entry->value)), way_out);
  return {.table = empty, .at = at_};
}

std::optional<std::vector<const raw::Value*>> TableReader::tables(std::string_view key) {
  const raw::Entry* entry = find(key, Presence::optional);
  std::vector<const raw::Value*> result;
  if (entry == nullptr) return result;
  const auto* array = std::get_if<raw::Array>(&entry->value.data);
  const auto is_table = [](const raw::Value& item) { return std::holds_alternative<raw::Table>(item.data); };
  if (array == nullptr || !std::ranges::all_of(array->items, is_table)) {
    report(entry->at, name_of(key) + " must be a list of tables, not " + std::string(raw::type_of(entry->value)),
           "write [[" + std::string(key) + "]] on a line of its own, once for each " + std::string(key));
    return std::nullopt;
  }
  for (const raw::Value& item : array->items) result.push_back(&item);
  return result;
}

void TableReader::refuse_unknown() {
  for (const raw::Entry& entry : table_.entries) {
    if (std::ranges::find(known_, entry.key) != known_.end()) continue;
    report(entry.at, "unknown setting " + name_of(entry.key), suggestion(entry.key, known_));
  }
}

const raw::Entry* TableReader::find(std::string_view key, Presence presence) {
  known_.push_back(key);
  const raw::Entry* entry = table_.find(key);
  if (entry == nullptr && presence == Presence::required) report(at_, name_of(key) + " is missing", "add it");
  return entry;
}

void TableReader::report(Position at, std::string what, std::string way_out) {
  errors_.push_back({at, std::move(what), std::move(way_out)});
}

std::string TableReader::name_of(std::string_view key) const {
  std::string name = "\"" + std::string(key) + "\"";
  return section_.empty() ? name : name + " in " + section_;
}

void TableReader::wrong_type(const raw::Entry& entry, std::string_view wanted) {
  report(entry.value.at,
         name_of(entry.key) + " must be " + std::string(wanted) + ", not " + std::string(raw::type_of(entry.value)),
         way_out_of_type(wanted));
}

}  // namespace relais::config
