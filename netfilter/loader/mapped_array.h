// Sole owner of the mapped memory of one BPF ARRAY map: a store is one instruction, cannot fail, and the programs see
// it at once.
#pragma once

#include "base/invariant.h"
#include "base/result.h"
#include "netfilter/abi/bucket_state.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <utility>

namespace relais::netfilter {

// Word: the map's value type, 4 or 8 bytes.
template <class Word>
class MappedArray {
 public:
  // `map_fd` need not stay open. Errors: not mmap-able, or smaller than `entries`.
  static Result<MappedArray> open(int map_fd, std::size_t entries) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t bytes = (entries * RELAIS_MAPPED_STRIDE + page - 1) / page * page;
    void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (memory == MAP_FAILED) return system_error("cannot map a BPF array into memory");
    return MappedArray(static_cast<std::byte*>(memory), bytes, entries);
  }

  MappedArray(MappedArray&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_), entries_(other.entries_) {}
  MappedArray& operator=(MappedArray&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    std::swap(entries_, other.entries_);
    return *this;
  }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;
  ~MappedArray() {
    if (memory_ != nullptr) ::munmap(memory_, bytes_);
  }

  std::size_t size() const { return entries_; }
  Word load(std::size_t index) const { return std::atomic_ref<Word>(at(index)).load(std::memory_order_acquire); }
  // Stores become visible in the order of the calls.
  void store(std::size_t index, Word value) {
    std::atomic_ref<Word>(at(index)).store(value, std::memory_order_release);
  }

 private:
  static_assert(sizeof(Word) <= RELAIS_MAPPED_STRIDE && std::atomic_ref<Word>::is_always_lock_free);

  MappedArray(std::byte* memory, std::size_t bytes, std::size_t entries)
      : memory_(memory), bytes_(bytes), entries_(entries) {}
  Word& at(std::size_t index) const {
    INVARIANT(index < entries_, "index within the map");
    return *reinterpret_cast<Word*>(memory_ + index * RELAIS_MAPPED_STRIDE);
  }

  std::byte* memory_;
  std::size_t bytes_;
  std::size_t entries_;
};

}  // namespace relais::netfilter
