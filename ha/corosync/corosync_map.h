// One connection to Corosync's map of values (cmap), as its readers in this room use it. Every call blocks for ever
// while Corosync is frozen: for threads that may.
#pragma once

#include <corosync/cmap.h>
#include <corosync/corotypes.h>

#include <cstdint>
#include <optional>
#include <string>

namespace relais::corosync {

class CorosyncMap {
 public:
  // `map`: CMAP_MAP_ICMAP (what is configured) or CMAP_MAP_STATS.
  explicit CorosyncMap(cmap_map_t map) : code_(cmap_initialize_map(&handle_, map)) {}
  CorosyncMap(const CorosyncMap&) = delete;
  CorosyncMap& operator=(const CorosyncMap&) = delete;
  ~CorosyncMap() {
    if (code_ == CS_OK) cmap_finalize(handle_);
  }

  // Of the connection; read nothing unless it is CS_OK.
  cs_error_t code() const { return code_; }

  // Empty: the key is absent, or Corosync is gone.
  std::optional<std::uint32_t> number(const std::string& key) const {
    std::uint32_t value = 0;
    if (cmap_get_uint32(handle_, key.c_str(), &value) != CS_OK) return std::nullopt;
    return value;
  }
  std::optional<bool> flag(const std::string& key) const {
    std::uint8_t value = 0;
    if (cmap_get_uint8(handle_, key.c_str(), &value) != CS_OK) return std::nullopt;
    return value != 0;
  }

 private:
  cmap_handle_t handle_{};
  cs_error_t code_;
};

}  // namespace relais::corosync
