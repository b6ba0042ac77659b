// Collects what libbpf would print to standard error, so that an error can say why the kernel refused.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace relais::netfilter {

// While one lives, libbpf's warnings of this thread go into it. One at a time.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The last few lines since the previous call, joined by " | ".
  std::string take();

  // Error for a failed libbpf call that returned `result` (negative errno), with what libbpf said about it.
  Error error(std::string_view what, int result, std::string_view way_out = {});
};

}  // namespace relais::netfilter
