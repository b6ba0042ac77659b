// Orders to a running probe.
#include "lab/probe/commands.h"

#include <fcntl.h>
#include <poll.h>

#include <array>

namespace relais::probe {

Result<CommandReader> CommandReader::open(const std::string& path) {
  if (path.empty()) return CommandReader(UniqueFd());
  // A FIFO is opened for both, so that its end is never seen while no writer is about.
  UniqueFd fd(path == "-" ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd)
    return system_error("cannot open " + path, errno, "make it with mkfifo, or use --control - for standard input");
  return CommandReader(std::move(fd));
}

std::vector<std::string> CommandReader::take() {
  std::vector<std::string> lines;
  pollfd ready{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  if (!fd_ || ::poll(&ready, 1, 0) <= 0) return lines;
  std::array<char, 1024> buffer{};
  const auto count = ::read(fd_.get(), buffer.data(), buffer.size());
  if (count <= 0) {
    fd_.reset();  // the giver of orders has gone; the run goes on
    return lines;
  }
  partial_.append(buffer.data(), static_cast<std::size_t>(count));
  for (auto end = partial_.find('\n'); end != std::string::npos; end = partial_.find('\n')) {
    lines.push_back(partial_.substr(0, end));
    partial_.erase(0, end + 1);
  }
  return lines;
}

}  // namespace relais::probe
