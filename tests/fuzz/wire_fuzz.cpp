// libFuzzer: any bytes as a message or as a state file. Neither may crash, and what decodes must come back the same
// after another round trip.
#include "base/invariant.h"
#include "ha/wire/codec.h"

#include <cstddef>
#include <cstdint>

namespace {

void check_message(relais::wire::ByteView bytes) {
  const auto decoded = relais::wire::decode_message(bytes);
  if (!decoded || std::holds_alternative<relais::wire::Ignored>(*decoded)) return;
  const auto& message = std::get<relais::ha::Message>(*decoded);
  const auto again = relais::wire::decode_message(relais::wire::encode_message(message));
  INVARIANT(again.has_value() && *again == *decoded, "a decoded message survives another round trip");
}

// With a right checksum put behind the bytes, or the fuzzer would never get past it.
void check_cluster(relais::wire::ByteView bytes) {
  static_cast<void>(relais::wire::decode_cluster_file(bytes));
  const auto decoded = relais::wire::decode_cluster_file(relais::wire::with_checksum(bytes));
  if (!decoded) return;
  const auto again = relais::wire::decode_cluster_file(relais::wire::encode_cluster_file(*decoded));
  INVARIANT(again.has_value() && *again == *decoded, "a decoded state survives another round trip");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_message({data, size});
  check_cluster({data, size});
  return 0;
}
