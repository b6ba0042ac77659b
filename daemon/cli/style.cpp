// ANSI colours and tables.
#include "daemon/cli/style.h"

#include <algorithm>
#include <array>

namespace relais::cli {
namespace {

constexpr std::string_view kReset = "\033[0m";

std::string_view escape_of(Paint paint) {
  switch (paint) {
    case Paint::plain: return "";
    case Paint::strong: return "\033[1m";
    case Paint::faint: return "\033[2m";
    case Paint::good: return "\033[32m";
    case Paint::warning: return "\033[33m";
    case Paint::bad: return "\033[1;31m";
  }
  return "";
}

// Code points, which is what terminals advance by for the texts used here.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string aligned(const Cell& cell, Align align, std::size_t width, const Style& style) {
  const std::string blanks(width - width_of(cell.text), ' ');
  const std::string text = painted(cell.paint, cell.text, style);
  return align == Align::left ? text + blanks : blanks + text;
}

std::string trimmed(std::string line) {
  const std::size_t last = line.find_last_not_of(' ');
  line.resize(last == std::string::npos ? 0 : last + 1);
  return line;
}

}  // namespace

std::string painted(Paint paint, std::string_view text, const Style& style) {
  if (style.color == Color::off || paint == Paint::plain) return std::string(text);
  return std::string(escape_of(paint)) + std::string(text) + std::string(kReset);
}

std::string painted_for_node(std::uint32_t node, std::string_view text, const Style& style) {
  if (style.color == Color::off) return std::string(text);
  if (node == 0) return painted(Paint::bad, text, style);
  // Light backgrounds of the 256-colour table, neighbours far apart, readable in black; 16 nodes at most differ.
  static constexpr std::array<int, 16> kBackgrounds = {117, 156, 222, 213, 159, 180, 147, 210,
                                                       193, 225, 79,  187, 111, 216, 150, 252};
  const int background = kBackgrounds[(node - 1) % kBackgrounds.size()];
  return "\033[30;48;5;" + std::to_string(background) + "m" + std::string(text) + std::string(kReset);
}

char node_symbol(std::uint32_t node) {
  constexpr std::string_view kSymbols = ".123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ#@";
  return node < kSymbols.size() ? kSymbols[node] : '?';
}

std::string printable(std::string_view text) {
  std::string clean(text);
  std::replace_if(
      clean.begin(), clean.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return clean;
}

std::string render_table(const std::vector<Column>& columns, const std::vector<std::vector<Cell>>& rows,
                         std::size_t indent, const Style& style) {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    widths.push_back(width_of(columns[i].title));
    for (const auto& row : rows) widths[i] = std::max(widths[i], width_of(row[i].text));
  }
  const auto line_of = [&](const auto& cell_of) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < columns.size(); ++i) {
      line += (i == 0 ? "" : "  ") + aligned(cell_of(i), columns[i].align, widths[i], style);
    }
    return trimmed(std::move(line)) + "\n";
  };
  std::string table = line_of([&](std::size_t i) { return Cell{columns[i].title, Paint::faint}; });
  for (const auto& row : rows) table += line_of([&](std::size_t i) { return row[i]; });
  return table;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

}  // namespace relais::cli
