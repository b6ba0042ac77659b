// Reads and replaces cluster.state.
#include "daemon/node/state_file.h"

#include "base/unique_fd.h"
#include "ha/wire/codec.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

namespace relais::node {

namespace {

constexpr std::size_t kMaxStateBytes = 4'000'000;  // far above the largest cluster

std::string path_in(const std::string& directory) { return directory + "/cluster.state"; }

Result<void> write_all(const UniqueFd& file, const wire::Bytes& bytes, const std::string& path) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count = ::write(file.get(), bytes.data() + written, bytes.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return system_error("cannot write " + path, errno, "make room on its file system");
    written += static_cast<std::size_t>(count);
  }
  if (::fsync(file.get()) != 0) return system_error("cannot write " + path, errno, "check its file system");
  return {};
}

}  // namespace

Result<ha::Cluster> load_state(const std::string& directory) {
  const std::string path = path_in(directory);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT) return ha::Cluster{};
  if (!file) return system_error("cannot open " + path);
  wire::Bytes bytes(kMaxStateBytes);
  std::size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t count = ::read(file.get(), bytes.data() + size, bytes.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("cannot read " + path);
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  bytes.resize(size);
  Result<ha::Cluster> cluster = wire::decode_cluster_file(bytes);
  if (cluster.has_error()) return std::move(cluster).error().with_context(path);
  return cluster;
}

Result<void> save_state(const std::string& directory, const ha::Cluster& cluster) {
  std::error_code ignored;  // if it cannot be created, opening the file below says why
  std::filesystem::create_directories(directory, ignored);
  const std::string path = path_in(directory);
  const std::string fresh = path + ".new";
  const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return system_error("cannot create " + fresh, errno, "check the state directory");
  const Result<void> written = write_all(file, wire::encode_cluster_file(cluster), fresh);
  if (written.has_error()) {
    ::unlink(fresh.c_str());
    return written.error();
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_error("cannot replace " + path);
  return {};
}

}  // namespace relais::node
