// A TOML document as a tree with positions: what the file says, before anything is known of its meaning. The only place
// that knows the TOML library.
#pragma once

#include "daemon/config/error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace relais::config::raw {

struct Value;
struct Entry;

struct Table {
  std::vector<Entry> entries;  // ascending by key; keys are unique
  // Null if there is none.
  const Entry* find(std::string_view key) const;
};

struct Array {
  std::vector<Value> items;
};

// A TOML type that no setting has.
struct Unused {
  std::string type;  // "a float", "a date"
};

struct Value {
  Position at;
  std::variant<std::string, std::int64_t, bool, Table, Array, Unused> data;
};

struct Entry {
  std::string key;
  Position at;  // of the key
  Value value;
};

// "a string", "an integer", …
std::string_view type_of(const Value& value);

// Bounds what a hostile or mistaken file costs: the largest legal configuration has about 10 KiB.
inline constexpr std::size_t kMaxBytes = 256 * 1024;

// The document, or its first syntax error (TOML cannot be read past it). Never throws.
Checked<Table> parse_toml(std::string_view text);

}  // namespace relais::config::raw
