// Runs a fuzz target without a fuzzer: every file of the corpus directory in argv[1], then seeded mutations of each. So
// that every `make test` has tried what once failed, with any compiler.
#include "base/prng.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr int kMutationsPerInput = 2000;  // a second or two in all

Bytes read_input(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Up to eight small edits: a changed bit, a changed byte, a cut end, an inserted byte.
Bytes mutate(Bytes bytes, relais::Prng& prng) {
  for (std::uint64_t edits = 1 + prng.below(8); edits > 0; --edits) {
    if (bytes.empty()) bytes.push_back(0);
    const std::size_t at = prng.below(bytes.size());
    switch (prng.below(4)) {
      case 0: bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ (1U << prng.below(8))); break;
      case 1: bytes[at] = static_cast<std::uint8_t>(prng.below(256)); break;
      case 2: bytes.resize(at); break;
      default:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(prng.below(256)));
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !std::filesystem::is_directory(argv[1])) {
    std::cerr << "usage: " << argv[0] << " CORPUS_DIRECTORY\n";
    return 2;
  }
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
    const Bytes input = read_input(entry.path());
    std::cout << "replaying " << entry.path().filename().string() << std::endl;  // flushed: the last line names a crash
    LLVMFuzzerTestOneInput(input.data(), input.size());
    relais::Prng prng(input.size());
    for (int i = 0; i < kMutationsPerInput; ++i) {
      const Bytes mutated = mutate(input, prng);
      LLVMFuzzerTestOneInput(mutated.data(), mutated.size());
    }
    ++files;
  }
  std::cout << files << " inputs and " << kMutationsPerInput << " mutations of each: no crash\n";
  return files > 0 ? 0 : 1;
}
