// Orders to a running probe: lines on standard input or a FIFO.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

#include <string>
#include <vector>

namespace relais::probe {

class CommandReader {
 public:
  // "-" is standard input; "" is none; anything else a FIFO or file.
  static Result<CommandReader> open(const std::string& path);
  // The complete lines that have arrived since the last call.
  std::vector<std::string> take();

 private:
  explicit CommandReader(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::string partial_;
};

}  // namespace relais::probe
