// Runs the node's Corosync: writes its files, checks them with `corosync -t`, starts it, watches it and starts it
// again. Corosync is a process in a session of its own that outlives relaisd: when relaisd comes back, it adopts the
// Corosync that runs, and the ring has noticed nothing. One that was started with other settings is ended first.
#pragma once

#include "base/result.h"
#include "base/time.h"
#include "ha/core/action.h"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace relais::corosync {

struct ProcessSettings {
  std::string configuration;  // text of corosync.conf; its `keyfile` is directory/authkey
  std::vector<std::uint8_t> authkey;
  std::filesystem::path program = "/usr/sbin/corosync";
  std::filesystem::path directory = "/etc/corosync";                // gets corosync.conf and authkey, both 0600
  std::filesystem::path run_directory = "/run/relais";              // gets the record of what was started
  std::filesystem::path log_file = "/var/log/relais-corosync.log";  // Corosync's output; one older file is kept
  std::filesystem::path lock_file = "/var/run/corosync.pid";        // where Corosync itself writes its process id
  Duration first_retry = std::chrono::milliseconds(200);            // doubled with each failure in a row
  Duration longest_retry = std::chrono::seconds(10);
  Duration stable_after = std::chrono::seconds(30);  // having run so long, it did not fail in a row
  Duration check_limit = std::chrono::seconds(10);   // for `corosync -t`
  Duration stop_limit = std::chrono::seconds(5);     // from SIGTERM to SIGKILL
};

enum class ProcessPhase : std::uint8_t {
  idle,       // not started, or stopped
  replacing,  // one with other settings is being ended
  checking,   // corosync -t
  running,
  waiting,  // for the next try
  stopping,
};

std::string_view to_string(ProcessPhase phase);

struct ProcessStatus {
  ProcessPhase phase = ProcessPhase::idle;
  pid_t process = 0;         // 0: none
  bool adopted = false;      // was running when relaisd came
  std::uint64_t starts = 0;  // by this relaisd
  std::string last_error;    // of the last failure; stays until it runs stably
};

class CorosyncProcess {
 public:
  // Kinds of reports: "corosync-started", "corosync-adopted", "corosync-replaced" (info); "corosync-failed" (error:
  // cannot be started or ended by itself, with the reason and the way out, once per reason), "corosync-stopped" (info).
  CorosyncProcess(boost::asio::io_context& io, ProcessSettings settings, std::function<void(ha::Report)> report);

  CorosyncProcess(const CorosyncProcess&) = delete;
  CorosyncProcess& operator=(const CorosyncProcess&) = delete;

  // Stops watching; Corosync goes on.
  ~CorosyncProcess();

  // Adopts or starts, and keeps it running from then on. Returns at once. Call once.
  void start();

  // Ends Corosync (SIGTERM; SIGKILL after stop_limit) and calls `done` on the io_context when it is gone.
  void stop(std::function<void()> done);

  ProcessStatus status() const;

 private:
  class Runner;
  std::shared_ptr<Runner> runner_;
};

}  // namespace relais::corosync
