// Little-endian, fixed-width fields and length-prefixed records: the alphabet of ha/wire. No knowledge of messages.
//
// A record is its length and then its fields. Two releases may know different numbers of fields of the same record:
//  - a reader that meets more bytes than it knows fields for ignores the rest (a newer peer wrote them);
//  - a reader that wants a field where the record has ended gets the field's default (an older peer wrote it, or the
//    writer left out trailing defaults to save bytes). A record that ends in the middle of a field is damaged.
#pragma once

#include "base/invariant.h"
#include "base/result.h"

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace relais::wire {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

class Writer {
 public:
  template <std::unsigned_integral T>
  void put(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      bytes_.push_back(static_cast<std::uint8_t>(std::uint64_t{value} >> (8 * i)));
  }

  void put_bytes(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

  // A record whose length is a `Length`; `fill` writes its fields.
  template <std::unsigned_integral Length, class Fill>
  void record(const Fill& fill) {
    const std::size_t at = bytes_.size();
    put(Length{0});
    fill();
    const std::size_t length = bytes_.size() - at - sizeof(Length);
    INVARIANT(length <= std::numeric_limits<Length>::max(), "a record fits its length field");
    for (std::size_t i = 0; i < sizeof(Length); ++i) bytes_[at + i] = static_cast<std::uint8_t>(length >> (8 * i));
  }

  std::size_t size() const { return bytes_.size(); }
  Bytes take() && { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

// The first thing that was wrong in one decoding; shared by the readers of all nested records.
class Fault {
 public:
  bool found() const { return !what_.empty(); }
  void note(std::string_view field, std::string_view problem) {
    if (!found()) what_ = std::string(field) + ": " + std::string(problem);
  }
  Error error() const { return Error{.what = what_, .way_out = {}, .code = 0}; }

 private:
  std::string what_;
};

// Reads the fields of one record in order. After a fault every field reads as its default, so a caller checks once, at
// the end; loops end early by asking failed(). `field` names the place for the error text.
class Reader {
 public:
  Reader(ByteView bytes, Fault& fault) : rest_(bytes), fault_(&fault) {}

  template <std::unsigned_integral T>
  T get(std::string_view field, T absent = {}) {
    const ByteView raw = take(sizeof(T), field);
    if (raw.empty()) return absent;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value |= std::uint64_t{raw[i]} << (8 * i);
    return static_cast<T>(value);
  }

  // A field that must be at most `maximum`.
  template <std::unsigned_integral T>
  T get_at_most(std::string_view field, T maximum) {
    const T value = get<T>(field);
    if (value <= maximum) return value;
    fault_->note(field, "is " + std::to_string(value) + ", more than " + std::to_string(maximum));
    return T{};
  }

  // Exactly `count` bytes; empty if the record has ended or on a fault.
  ByteView get_bytes(std::string_view field, std::size_t count) { return take(count, field); }

  // The next record. It must be there: records are announced by a count.
  template <std::unsigned_integral Length>
  Reader record(std::string_view field) {
    if (rest_.size() < sizeof(Length)) fault_->note(field, "is missing");
    const auto length = get<Length>(field);
    if (length > rest_.size()) fault_->note(field, "is longer than what holds it");
    if (failed()) return Reader({}, *fault_);
    const ByteView inner = rest_.first(length);
    rest_ = rest_.subspan(length);
    return Reader(inner, *fault_);
  }

  bool failed() const { return fault_->found(); }
  bool at_end() const { return rest_.empty(); }
  std::size_t left() const { return rest_.size(); }
  void fail(std::string_view field, std::string_view problem) { fault_->note(field, problem); }

 private:
  ByteView take(std::size_t count, std::string_view field) {
    if (failed() || rest_.empty()) return {};
    if (rest_.size() < count) {
      fault_->note(field, "is cut off");
      return {};
    }
    const ByteView raw = rest_.first(count);
    rest_ = rest_.subspan(count);
    return raw;
  }

  ByteView rest_;
  Fault* fault_;
};

}  // namespace relais::wire
