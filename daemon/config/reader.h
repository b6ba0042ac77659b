// Reads the settings of one table: every problem goes into the error list, and reading goes on. Used by check.cpp.
#pragma once

#include "base/invariant.h"
#include "base/result.h"
#include "daemon/config/error.h"
#include "daemon/config/raw.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relais::config {

// A value and where it stands.
template <class T>
struct Located {
  T value;
  Position at;
};

template <class T>
using Setting = std::optional<Located<T>>;  // none: absent, or wrong and reported

template <class T>
T value_or(const Setting<T>& setting, T otherwise) {
  return setting ? setting->value : otherwise;
}

// The value of a setting that has been looked at before.
template <class T>
const T& present(const Setting<T>& setting) {
  INVARIANT(setting.has_value(), "a draft without errors has its required settings");
  return setting->value;
}

enum class Presence { required, optional };

struct Range {
  std::int64_t least = 0;
  std::int64_t most = 0;
};

class TableReader {
 public:
  // `section` is its name for messages: "[cluster]". `at` is where to report what is missing. The table and the error
  // list outlive the reader.
  TableReader(const raw::Table& table, Position at, std::string section, Errors& errors)
      : table_(table), at_(at), section_(std::move(section)), errors_(errors) {}

  Position at() const { return at_; }

  Setting<std::string> text(std::string_view key, Presence presence);
  Setting<std::int64_t> integer(std::string_view key, Range range, Presence presence);

  // Text that `parse` turns into a T.
  template <class T>
  Setting<T> parsed(std::string_view key, Result<T> (*parse)(std::string_view), Presence presence) {
    const Setting<std::string> text_setting = text(key, presence);
    if (!text_setting) return std::nullopt;
    return convert(key, *text_setting, parse);
  }

  // An array of texts that `parse` turns into Ts; a wrong item is reported and leaves an empty place.
  template <class T>
  Setting<std::vector<Setting<T>>> parsed_list(std::string_view key, Result<T> (*parse)(std::string_view),
                                               Presence presence) {
    const raw::Entry* entry = find(key, presence);
    const auto* array = expect<raw::Array>(entry, "an array");
    if (array == nullptr) return std::nullopt;
    std::vector<Setting<T>> list;
    for (const raw::Value& item : array->items) {
      Setting<T>& place = list.emplace_back();
      if (const auto* item_text = std::get_if<std::string>(&item.data)) {
        place = convert(key, {*item_text, item.at}, parse);
      } else {
        report(item.at, name_of(key) + " must hold strings, not " + std::string(raw::type_of(item)),
               "put it in quotes");
      }
    }
    return Located<std::vector<Setting<T>>>{std::move(list), entry->value.at};
  }

  // All settings of the table, whatever their names, as integers in `range`; wrong ones are reported and left empty.
  std::vector<std::pair<Located<std::string>, Setting<std::int64_t>>> integers(Range range);

  // A table in this table; an empty one if it is absent or wrong.
  struct Section {
    const raw::Table& table;
    Position at;
    bool found = false;
  };
  Section section(std::string_view key, Presence presence);
  // Tables written as [[key]]: empty if there are none, nothing if it is something else.
  std::optional<std::vector<const raw::Value*>> tables(std::string_view key);

  // Whether the key is there at all, right or wrong.
  bool has(std::string_view key) const { return table_.find(key) != nullptr; }

  // Reports every key that nobody has asked for. Call it last.
  void refuse_unknown();

 private:
  const raw::Entry* find(std::string_view key, Presence presence);
  void report(Position at, std::string what, std::string way_out);
  // "id" in [[node]]
  std::string name_of(std::string_view key) const;

  // The entry's value as a T; null if there is none or it is of another type, which is reported.
  template <class T>
  const T* expect(const raw::Entry* entry, std::string_view wanted) {
    if (entry == nullptr) return nullptr;
    const T* value = std::get_if<T>(&entry->value.data);
    if (value == nullptr) wrong_type(*entry, wanted);
    return value;
  }
  void wrong_type(const raw::Entry& entry, std::string_view wanted);

  template <class T>
  Setting<T> convert(std::string_view key, const Located<std::string>& from, Result<T> (*parse)(std::string_view)) {
    const Result<T> value = parse(from.value);
    if (value.has_value()) return Located<T>{*value, from.at};
    report(from.at, name_of(key) + ": " + value.error().what, value.error().way_out);
    return std::nullopt;
  }

  const raw::Table& table_;
  Position at_;
  std::string section_;
  Errors& errors_;
  std::vector<std::string_view> known_;
};

}  // namespace relais::config
