// How text looks: colours, cells, tables. Pure; whether there are colours at all is decided once, from where output
// goes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace relais::cli {

enum class Color : std::uint8_t { off, on };

struct Style {
  Color color = Color::off;
};

enum class Paint : std::uint8_t { plain, strong, faint, good, warning, bad };

// `text` in that paint, or as it is without colours.
std::string painted(Paint paint, std::string_view text, const Style& style);
// `text` on the background that is this node's on every map. `node` 0 is nobody.
std::string painted_for_node(std::uint32_t node, std::string_view text, const Style& style);
// The character that stands for a node on maps: 1-9, a-z, A-Z, then # and @; '.' for 0, nobody.
char node_symbol(std::uint32_t node);

// Foreign text made harmless for a terminal: control characters become '?', UTF-8 stays.
std::string printable(std::string_view text);

enum class Align : std::uint8_t { left, right };

struct Cell {
  std::string text;
  Paint paint = Paint::plain;
};

struct Column {
  std::string title;
  Align align = Align::left;
};

// Columns as wide as their widest cell, two spaces apart, `indent` spaces before; no trailing blanks.
std::string render_table(const std::vector<Column>& columns, const std::vector<std::vector<Cell>>& rows,
                         std::size_t indent, const Style& style);

// "1 bucket", "2 buckets"
std::string counted(std::uint64_t count, std::string_view noun);

}  // namespace relais::cli
