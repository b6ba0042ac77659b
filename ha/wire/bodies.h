// The bodies of messages as fields, one pair of functions per type. Type numbers are part of the format: never reuse
// one.
#pragma once

#include "ha/core/message.h"
#include "ha/wire/bytes.h"

#include <cstdint>
#include <optional>

namespace relais::wire {

std::uint8_t type_of(const ha::Body& body);
void write_body(Writer& out, const ha::Body& body);

// Nothing for a type that this release does not know. Faults of the bytes are in the reader.
std::optional<ha::Body> read_body(std::uint8_t type, Reader in);

}  // namespace relais::wire
