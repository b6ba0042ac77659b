// Any bytes as a configuration: no crash; whatever is accepted prints to a text that means the same.
#include "base/invariant.h"
#include "daemon/config/diff.h"
#include "daemon/config/parse.h"
#include "daemon/config/print.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace relais::config;
  const std::string text(data, data + size);
  const Checked<Cluster> first = parse(text);
  if (first.has_error()) {
    INVARIANT(!first.error().empty(), "a refused configuration says why");
    INVARIANT(!describe("fuzz", first.error()).empty(), "every error has a text");
    return 0;
  }
  const Checked<Cluster> second = parse(print(*first));
  INVARIANT(second.has_value(), "the canonical form is accepted");
  INVARIANT(*second == *first, "the canonical form means the same");
  INVARIANT(hash_of(*second) == hash_of(*first), "equal values have equal hashes");
  INVARIANT(diff(*first, *second).empty(), "equal values have no difference");
  return 0;
}
