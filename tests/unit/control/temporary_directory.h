// A directory that others may enter, removed with all that is in it.
#pragma once

#include "base/invariant.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace relais::control {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    INVARIANT(mkdtemp(path_.data()) != nullptr, "a test needs a temporary directory");
    INVARIANT(chmod(path_.c_str(), 0755) == 0, "the owner may change the mode");
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_ = "/tmp/relais-control-XXXXXX";
};

}  // namespace relais::control
