// Runs corosync-qdevice, which asks an arbiter (corosync-qnetd, on another machine) for its vote: starts it when
// Corosync runs, watches it, and starts it again. It outlives relaisd as Corosync does, and ends when Corosync ends.
#pragma once

#include "base/time.h"
#include "ha/core/action.h"
#include "ha/corosync/render.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace boost::asio {
class io_context;
}

namespace relais::corosync {

struct ArbiterSettings {
  Arbiter arbiter;
  std::string configuration;           // text of corosync.conf: another one, another corosync-qdevice
  std::filesystem::path certificates;  // NSS database; with TLS only
  std::filesystem::path program = "/usr/sbin/corosync-qdevice";
  std::filesystem::path own_directory = "/var/run/corosync-qdevice";  // its lock and its socket
  std::filesystem::path run_directory = "/run/relais";                // gets the record of what was started
  std::filesystem::path log_file =
      "/var/log/relais-arbiter.log";                      // its output, a megabyte at most; one older file is kept
  Duration first_retry = std::chrono::milliseconds(200);  // doubled with each failure in a row
  Duration longest_retry = std::chrono::seconds(5);
  Duration ask_every = std::chrono::seconds(1);   // for the state of its connection
  Duration stop_limit = std::chrono::seconds(2);  // from SIGTERM to SIGKILL
};

enum class ArbiterState : std::uint8_t { apart, connected };

// What the client's own status says about its connection, or why there is none.
struct ArbiterStatus {
  ArbiterState state = ArbiterState::apart;
  std::string text;  // "connected", "not running: WHY", "no connection: WHY"
};

// Of the text that corosync-qdevice answers to "status".
ArbiterState state_in(std::string_view status_text);

class ArbiterClient {
 public:
  // `corosync_runs` tells whether there is a Corosync that takes connections. Kinds of reports: "arbiter-connected"
  // (info), "arbiter-lost" (warning), "arbiter-failed" (error: cannot be started, with the reason and the way out, once
  // per reason).
  ArbiterClient(boost::asio::io_context& io, ArbiterSettings settings, std::function<bool()> corosync_runs,
                std::function<void(ha::Report)> report);

  ArbiterClient(const ArbiterClient&) = delete;
  ArbiterClient& operator=(const ArbiterClient&) = delete;

  // Stops watching; the process goes on.
  ~ArbiterClient();

  // Adopts or starts, and keeps it running from then on. Returns at once. Call once.
  void start();

  ArbiterStatus status() const;

 private:
  class Runner;
  std::shared_ptr<Runner> runner_;
};

}  // namespace relais::corosync
