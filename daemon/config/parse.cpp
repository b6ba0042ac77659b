// Text → raw tree → draft → rules → checked value.
#include "daemon/config/parse.h"

#include "daemon/config/check.h"
#include "daemon/config/draft.h"
#include "daemon/config/raw.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

namespace relais::config {

namespace {

Errors unreadable(int error_number) {
  return {{{},
           "cannot be read: " + std::generic_category().message(error_number),
           "name the file of the cluster configuration, and read it as a user who may"}};
}

}  // namespace

Checked<Cluster> parse(std::string_view text) {
  const Checked<raw::Table> document = raw::parse_toml(text);
  if (document.has_error()) return document.error();
  Errors errors;
  const Draft draft = read_draft(*document, errors);
  check_rules(draft, errors);
  if (errors.empty()) return build_cluster(draft);
  std::ranges::stable_sort(errors, {}, &ConfigError::at);
  return errors;
}

Checked<Cluster> load(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return unreadable(errno);
  std::string text(raw::kMaxBytes + 1, '\0');  // one more than is allowed, so that parse() sees the excess
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return unreadable(errno);  // a directory opens, and fails here
  text.resize(static_cast<std::size_t>(file.gcount()));
  return parse(text);
}

}  // namespace relais::config
