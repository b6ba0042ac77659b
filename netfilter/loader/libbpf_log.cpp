// libbpf's print callback has no context argument: a thread-local buffer stands in for it.
#include "netfilter/loader/libbpf_log.h"

#include "base/invariant.h"

#include <bpf/libbpf.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <deque>

namespace relais::netfilter {
namespace {

constexpr std::size_t kLinesKept = 6;

thread_local std::deque<std::string>* current_lines = nullptr;

void keep_lines(std::string_view text) {
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!line.empty()) current_lines->emplace_back(line);
    if (current_lines->size() > kLinesKept) current_lines->pop_front();
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
}

__attribute__((format(printf, 2, 0))) int print(libbpf_print_level level, const char* format, va_list arguments) {
  if (level != LIBBPF_WARN || current_lines == nullptr) return 0;
  char* text = nullptr;
  const int length = ::vasprintf(&text, format, arguments);  // a verifier's log is long: no fixed buffer
  if (length < 0) return 0;
  keep_lines({text, static_cast<std::size_t>(length)});
  std::free(text);
  return 0;
}

}  // namespace

LibbpfLog::LibbpfLog() {
  INVARIANT(current_lines == nullptr, "one log at a time");
  current_lines = new std::deque<std::string>;
  libbpf_set_print(print);
}

LibbpfLog::~LibbpfLog() {
  delete current_lines;
  current_lines = nullptr;
}

std::string LibbpfLog::take() {
  std::string text;
  for (const std::string& line : *current_lines) text += (text.empty() ? "" : " | ") + line;
  current_lines->clear();
  return text;
}

Error LibbpfLog::error(std::string_view what, int result, std::string_view way_out) {
  Error error = system_error(what, result < 0 ? -result : errno, way_out);
  const std::string said = take();
  if (!said.empty()) error.what += " [" + said + "]";
  return error;
}

}  // namespace relais::netfilter
