// Runs the node's Corosync: see process.h.
#include "ha/corosync/process.h"

#include "base/clock.h"
#include "base/invariant.h"
#include "ha/corosync/files.h"
#include "ha/corosync/kept_program.h"
#include "ha/corosync/run_record.h"
#include "ha/corosync/spawn.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <utility>

namespace relais::corosync {
namespace {

namespace asio = boost::asio;

constexpr mode_t kSecret = 0600;

// A file in memory that takes a program's output.
UniqueFd open_memory_file() { return UniqueFd(::memfd_create("relais-output", MFD_CLOEXEC)); }

std::string content_of(const UniqueFd& file) {
  std::array<char, 4096> buffer{};
  const ssize_t count = ::pread(file.get(), buffer.data(), buffer.size(), 0);
  std::string text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

std::string_view to_string(ProcessPhase phase) {
  switch (phase) {
    case ProcessPhase::idle: return "idle";
    case ProcessPhase::replacing: return "replacing";
    case ProcessPhase::checking: return "checking";
    case ProcessPhase::running: return "running";
    case ProcessPhase::waiting: return "waiting";
    case ProcessPhase::stopping: return "stopping";
  }
  return "?";
}

// Shared with its pending asio handlers. At any time at most one process is watched (the
// checker, or Corosync) and the timer has one purpose: both follow from the phase.
class CorosyncProcess::Runner : public std::enable_shared_from_this<Runner> {
  // A handler that keeps the runner alive, and does nothing if stop_watching() came first: it may have been on its way.
  template <class Action>
  auto guarded(Action action) {
    return [self = shared_from_this(), watch = watch_, action](const auto&...) {
      if (self->watch_ == watch) action(*self);
    };
  }

  template <class Action>
  void after(Duration delay, Action action) {
    timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(delay));
    timer_.async_wait(guarded(std::move(action)));
  }

  template <class Action>
  void when_ended(Process process, Action action) {
    process_ = std::move(process);
    watched_.assign(process_.pidfd.get());
    watched_.async_wait(asio::posix::stream_descriptor::wait_read, guarded(std::move(action)));
  }

 public:
  Runner(asio::io_context& io, ProcessSettings settings, std::function<void(ha::Report)> report)
      : settings_(std::move(settings)),
        report_(std::move(report)),
        watched_(io),
        timer_(io),
        retry_after_(settings_.first_retry) {}

  void begin() {
    INVARIANT(phase_ == ProcessPhase::idle, "started once");
    attempt();
  }

  void stop(std::function<void()> done) {
    on_stopped_ = std::move(done);
    stop_watching();
    if (process_.id != 0) return end_process(ProcessPhase::stopping);
    phase_ = ProcessPhase::stopping;
    asio::post(timer_.get_executor(), guarded([](Runner& self) { self.finish_stop(); }));
  }

  void close() { stop_watching(); }

  ProcessStatus status() const {
    return {.phase = phase_, .process = process_.id, .adopted = adopted_, .starts = starts_, .last_error = last_error_};
  }

 private:
  // The descriptor is the Process's own: asio lets go of it before it is closed.
  void stop_watching() {
    ++watch_;
    timer_.cancel();
    if (watched_.is_open()) watched_.release();
  }

  std::filesystem::path configuration_file() const { return settings_.directory / "corosync.conf"; }
  KeptProgram program() const {
    return {.name = "corosync",
            .record_file = settings_.run_directory / "corosync.started",
            .pid_file = settings_.lock_file,
            .own_words = "-c " + configuration_file().string()};
  }

  void attempt() {
    auto found = find_running(program());
    if (found.has_error()) return fail(found.error());
    std::optional<RunningProgram>& running = *found;
    adopted_ = running && running->fingerprint == wanted_fingerprint();
    if (!running) return check();
    if (adopted_) {
      watch_corosync(std::move(running->process));
      report(ha::Severity::info, "corosync-adopted", "corosync runs as process " + std::to_string(process_.id));
    } else {
      process_ = std::move(running->process);
      report(ha::Severity::info, "corosync-replaced", "corosync runs with other settings and is started again");
      end_process(ProcessPhase::replacing);
    }
  }

  std::uint64_t wanted_fingerprint() const { return fingerprint_of(settings_.configuration, settings_.authkey); }

  Result<> write_files() const {
    auto written = write_file_atomically(settings_.directory / "authkey", settings_.authkey, kSecret);
    if (written) written = write_file_atomically(configuration_file(), bytes_of(settings_.configuration), kSecret);
    return written;
  }

  void check() {
    if (const auto written = write_files(); !written) return fail(written.error());
    check_output_ = open_memory_file();
    if (!check_output_) return fail(system_error("cannot make a file in memory"));
    auto checker = spawn_in_own_session({settings_.program.string(), "-t", "-c", configuration_file().string()},
                                        check_output_.get());
    if (!checker) return fail(explain_spawn(checker.error()));
    phase_ = ProcessPhase::checking;
    when_ended(std::move(*checker), [](Runner& self) { self.on_checked(); });
    after(settings_.check_limit, [](Runner& self) { send_signal(self.process_, SIGKILL); });
  }

  static Error explain_spawn(Error error) {
    if (error.code == ENOENT) error.way_out = "apt-get install corosync";
    return error;
  }

  void on_checked() {
    stop_watching();
    const std::string status = take_exit_status(process_);
    process_ = {};
    if (status == "exited with status 0") return launch();
    fail({.what =
              "corosync refuses " + configuration_file().string() + " (" + status + "): " + content_of(check_output_),
          .way_out = "correct the cluster's configuration"});
  }

  void launch() {
    const auto log = open_log(settings_.log_file);
    if (!log) return fail(log.error());
    log_start_ = log->start;
    auto process =
        spawn_in_own_session({settings_.program.string(), "-f", "-c", configuration_file().string()}, log->file.get());
    if (!process) return fail(explain_spawn(process.error()));
    adopted_ = false;
    ++starts_;
    watch_corosync(std::move(*process));
    if (const auto recorded = record_start(program(), process_, wanted_fingerprint()); !recorded) {
      note_error(recorded.error().to_string());  // it runs; the next relaisd will start it again instead of adopting it
    }
    report(ha::Severity::info, "corosync-started", "corosync runs as process " + std::to_string(process_.id));
  }

  void watch_corosync(Process process) {
    phase_ = ProcessPhase::running;
    running_since_ = boot_now();
    when_ended(std::move(process), [](Runner& self) { self.on_corosync_ended(); });
    after(settings_.stable_after, [](Runner& self) { self.on_stable(); });
  }

  void on_stable() {
    retry_after_ = settings_.first_retry;
    last_error_.clear();
  }

  void on_corosync_ended() {
    stop_watching();
    const std::string status = take_exit_status(process_);
    const std::string log = last_lines(settings_.log_file, 3, adopted_ ? 0 : log_start_);
    process_ = {};
    std::string what = "corosync ended by itself";
    if (!status.empty()) what += " (" + status + ")";
    what += " after " + std::to_string(to_ms(boot_now() - running_since_)) + " ms";
    if (!log.empty()) what += "; its log ends: " + log;
    fail({.what = std::move(what), .way_out = "see " + settings_.log_file.string()});
  }

  // SIGTERM, then SIGKILL. Nothing withstands that, so `phase` ends when the process has.
  void end_process(ProcessPhase phase) {
    phase_ = phase;
    send_signal(process_, SIGTERM);
    when_ended(std::move(process_), [](Runner& self) { self.on_process_gone(); });
    after(settings_.stop_limit, [](Runner& self) { send_signal(self.process_, SIGKILL); });
  }

  void on_process_gone() {
    stop_watching();
    take_exit_status(process_);
    process_ = {};
    if (phase_ == ProcessPhase::stopping) return finish_stop();
    attempt();
  }

  void finish_stop() {
    phase_ = ProcessPhase::idle;
    process_ = {};
    std::error_code ignored;
    std::filesystem::remove(program().record_file, ignored);
    report(ha::Severity::info, "corosync-stopped", "corosync was stopped");
    if (on_stopped_) std::exchange(on_stopped_, nullptr)();
  }

  // Tries again later, less and less often.
  void fail(const Error& error) {
    phase_ = ProcessPhase::waiting;
    process_ = {};
    note_error(error.to_string());
    after(retry_after_, [](Runner& self) { self.attempt(); });
    retry_after_ = std::min(2 * retry_after_, settings_.longest_retry);
  }

  void note_error(std::string text) {
    if (text == last_error_) return;
    last_error_ = text;
    report(ha::Severity::error, "corosync-failed", std::move(text));
  }

  void report(ha::Severity severity, std::string kind, std::string text) {
    report_({.severity = severity, .kind = std::move(kind), .node = {}, .text = std::move(text)});
  }

  const ProcessSettings settings_;
  const std::function<void(ha::Report)> report_;
  asio::posix::stream_descriptor watched_;  // process_.pidfd, not owned
  asio::steady_timer timer_;
  Duration retry_after_;
  std::uint64_t watch_ = 0;  // handlers of an earlier watch do nothing

  ProcessPhase phase_ = ProcessPhase::idle;
  Process process_;
  bool adopted_ = false;
  std::uint64_t starts_ = 0;
  std::string last_error_;
  Instant running_since_{};
  std::uintmax_t log_start_ = 0;  // where this Corosync's output begins
  UniqueFd check_output_;
  std::function<void()> on_stopped_;
};

CorosyncProcess::CorosyncProcess(asio::io_context& io, ProcessSettings settings, std::function<void(ha::Report)> report)
    : runner_(std::make_shared<Runner>(io, std::move(settings), std::move(report))) {}

CorosyncProcess::~CorosyncProcess() { runner_->close(); }

void CorosyncProcess::start() { runner_->begin(); }

void CorosyncProcess::stop(std::function<void()> done) { runner_->stop(std::move(done)); }

ProcessStatus CorosyncProcess::status() const { return runner_->status(); }

}  // namespace relais::corosync
