// Runs corosync-qdevice: see arbiter.h.
#include "ha/corosync/arbiter.h"

#include "base/invariant.h"
#include "ha/corosync/files.h"
#include "ha/corosync/kept_program.h"
#include "ha/corosync/run_record.h"
#include "ha/corosync/spawn.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>
#include <vector>

namespace relais::corosync {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

constexpr std::string_view kQuestion = "status\n";
constexpr std::size_t kMaxAnswer = 16384;
constexpr std::string_view kHowToCertify =
    "make them with corosync-qdevice-net-certutil: relais.toml(5), ARBITER CERTIFICATES";

// Both bounds, because corosync-qdevice derives its heartbeat from the vote's timeout and keeps it within them.
std::string advanced_options(const ArbiterSettings& settings) {
  const std::string heartbeat = std::to_string(to_ms(settings.arbiter.heartbeat));
  std::string text = "net_heartbeat_interval_min=" + heartbeat + ",net_heartbeat_interval_max=" + heartbeat;
  if (settings.arbiter.tls == ArbiterTls::required) text += ",net_nss_db_dir=" + settings.certificates.string();
  return text;
}

}  // namespace

ArbiterState state_in(std::string_view status_text) {
  const std::size_t label = status_text.find("State:");
  if (label == std::string_view::npos) return ArbiterState::apart;
  const std::string_view line = status_text.substr(label, status_text.find('\n', label) - label);
  const std::size_t word = line.find_first_not_of(" \t", 6);
  const bool is_connected = word != std::string_view::npos && line.substr(word) == "Connected";
  return is_connected ? ArbiterState::connected : ArbiterState::apart;
}

// Shared with its pending asio handlers. The timer has one purpose at a time: the next try, the next question, or the
// end of patience with a process that is to end.
class ArbiterClient::Runner : public std::enable_shared_from_this<Runner> {
 public:
  Runner(asio::io_context& io, ArbiterSettings settings, std::function<bool()> corosync_runs,
         std::function<void(ha::Report)> report)
      : settings_(std::move(settings)),
        corosync_runs_(std::move(corosync_runs)),
        report_(std::move(report)),
        watched_(io),
        socket_(io),
        timer_(io),
        retry_after_(settings_.first_retry) {}

  void attempt() {
    if (!corosync_runs_()) return wait_for_corosync();
    if (const auto ready = check_certificates(); !ready) return fail(ready.error());
    auto found = find_running(program());
    if (!found) return fail(found.error());
    if (!*found) return launch();
    RunningProgram& running = **found;
    if (running.fingerprint == wanted_fingerprint()) return watch(std::move(running.process));
    process_ = std::move(running.process);
    end_process();
  }

  void close() {
    stop_watching();
    closed_ = true;
  }

  ArbiterStatus status() const {
    if (state_ == ArbiterState::connected) return {.state = state_, .text = "connected"};
    if (process_.id != 0) return {.state = state_, .text = "no connection: " + reason()};
    return {.state = state_, .text = "not running: " + (last_error_.empty() ? "corosync does not run" : last_error_)};
  }

 private:
  template <class Action>
  auto guarded(Action action) {
    return [self = shared_from_this(), watch = watch_, action](const auto&...) {
      if (self->watch_ == watch && !self->closed_) action(*self);
    };
  }

  template <class Action>
  void after(Duration delay, Action action) {
    timer_.expires_after(std::chrono::duration_cast<asio::steady_timer::duration>(delay));
    timer_.async_wait([run = guarded(std::move(action))](const ErrorCode& error) {
      if (!error) run();  // else it was set for another purpose
    });
  }

  template <class Action>
  void when_ended(Action action) {
    watched_.assign(process_.pidfd.get());
    watched_.async_wait(asio::posix::stream_descriptor::wait_read, guarded(std::move(action)));
  }

  // The descriptor is the Process's own: asio lets go of it before it is closed.
  void stop_watching() {
    ++watch_;
    timer_.cancel();
    if (watched_.is_open()) watched_.release();
    ErrorCode ignored;
    socket_.close(ignored);
  }

  void wait_for_corosync() {
    after(settings_.first_retry, [](Runner& self) { self.attempt(); });
  }

  KeptProgram program() const {
    return {.name = "corosync-qdevice",
            .record_file = settings_.run_directory / "arbiter.started",
            .pid_file = settings_.own_directory / "corosync-qdevice.pid",
            .own_words = "net_heartbeat_interval_min="};
  }

  std::vector<std::string> arguments() const {
    return {settings_.program.string(), "-f", "-S", advanced_options(settings_)};
  }

  std::uint64_t wanted_fingerprint() const {
    return fingerprint_of(settings_.configuration + "\n" + advanced_options(settings_), {});
  }

  Result<> check_certificates() const {
    if (settings_.arbiter.tls == ArbiterTls::off) return {};
    if (std::error_code ignored; std::filesystem::exists(settings_.certificates / "cert9.db", ignored)) return {};
    return Error{
        .what = "no certificates for the arbiter in " + settings_.certificates.string(),
        .way_out = std::string(kHowToCertify) + "; on a network that nobody else reaches: arbiter_tls = \"off\""};
  }

  void launch() {
    std::error_code ignored;
    std::filesystem::create_directories(settings_.own_directory, ignored);
    const auto log = open_log(settings_.log_file);
    if (!log) return fail(log.error());
    auto process = spawn_in_own_session(arguments(), log->file.get());
    if (!process) {
      Error error = process.error();
      if (error.code == ENOENT) error.way_out = "apt-get install corosync-qdevice";
      return fail(error);
    }
    log_start_ = log->start;
    watch(std::move(*process));
    if (const auto recorded = record_start(program(), process_, wanted_fingerprint()); !recorded)
      note_error(recorded.error().to_string());
  }

  void watch(Process process) {
    process_ = std::move(process);
    when_ended([](Runner& self) { self.on_ended(); });
    after(settings_.first_retry, [](Runner& self) { self.ask(); });
  }

  // One question, one connection; the answer ends with the connection. A process that is stopped does not answer: the
  // timer asks again.
  void ask() {
    if (empty_long_log(settings_.log_file)) log_start_ = 0;  // refused, it writes some lines a second, for ever
    ErrorCode ignored;
    socket_.close(ignored);
    after(settings_.ask_every, [](Runner& self) {
      self.note(ArbiterState::apart);
      self.ask();
    });
    const auto path = (settings_.own_directory / "corosync-qdevice.sock").string();
    socket_.async_connect(asio::local::stream_protocol::endpoint(path),
                          [self = shared_from_this(), asked = watch_](const ErrorCode& error) {
                            if (!error && self->watch_ == asked && !self->closed_) self->send_question();
                          });
  }

  void send_question() {
    answer_.clear();
    ErrorCode error;
    asio::write(socket_, asio::buffer(kQuestion), error);  // a few bytes: the socket's buffer takes them
    if (error) return;
    asio::async_read(socket_, asio::dynamic_buffer(answer_, kMaxAnswer),
                     [self = shared_from_this(), asked = watch_](const ErrorCode& end, std::size_t) {
                       if (self->watch_ != asked || self->closed_ || end != asio::error::eof) return;
                       self->note(state_in(self->answer_));
                       self->after(self->settings_.ask_every, [](Runner& runner) { runner.ask(); });
                     });
  }

  void note(ArbiterState state) {
    const bool connected = state == ArbiterState::connected;
    if (connected) {
      retry_after_ = settings_.first_retry;
      last_error_.clear();
    }
    if (std::exchange(state_, state) == state) return;
    const std::string name = "the arbiter " + settings_.arbiter.host;
    if (connected) return report(ha::Severity::info, "arbiter-connected", name + " is connected");
    report(
        ha::Severity::warning, "arbiter-lost",
        name + " is not connected: serving goes on, but if a node is lost now, the half that is left answers nobody");
  }

  void on_ended() {
    stop_watching();
    const std::string status = take_exit_status(process_);
    process_ = {};
    note(ArbiterState::apart);
    // It ends with Corosync, whose end is seen a moment later, maybe.
    after(settings_.first_retry, [status](Runner& self) {
      if (!self.corosync_runs_()) return self.wait_for_corosync();
      self.fail_as_ended(status);
    });
  }

  void fail_as_ended(const std::string& status) {
    std::string what = "corosync-qdevice ended by itself";
    if (!status.empty()) what += " (" + status + ")";
    const std::string log = last_line();
    if (!log.empty()) what += ": " + log;
    // It reads its certificates when it starts, with a library of that name.
    if (log.find("init nss") == std::string::npos) {
      return fail({.what = std::move(what), .way_out = "see " + settings_.log_file.string()});
    }
    fail({.what = what + " Its certificates are in " + settings_.certificates.string(),
          .way_out = std::string(kHowToCertify)});
  }

  // A warning is no reason. With TLS it does not say when one side refuses the other's certificate: it could not read,
  // or, if the arbiter ends the connection after the handshake (the certificate is another cluster's), nothing at all.
  std::string reason() const {
    const std::string line = last_line();
    const bool is_error = line.find(" error ") != std::string::npos;
    if (is_error && line.find("reading from server") == std::string::npos) return line;
    std::string text = is_error ? line : "corosync-qdevice does not say why";
    if (settings_.arbiter.tls == ArbiterTls::off) return text;
    return text + "; if that lasts, the arbiter and the certificates in " + settings_.certificates.string() +
           " do not belong together: relais doctor";
  }

  std::string last_line() const { return last_lines(settings_.log_file, 1, log_start_); }

  void end_process() {
    send_signal(process_, SIGTERM);
    when_ended([](Runner& self) {
      self.stop_watching();
      take_exit_status(self.process_);
      self.process_ = {};
      self.attempt();
    });
    after(settings_.stop_limit, [](Runner& self) { send_signal(self.process_, SIGKILL); });
  }

  // Tries again later, less and less often.
  void fail(const Error& error) {
    process_ = {};
    note_error(error.to_string());
    after(retry_after_, [](Runner& self) { self.attempt(); });
    retry_after_ = std::min(2 * retry_after_, settings_.longest_retry);
  }

  void note_error(std::string text) {
    if (text == last_error_) return;
    last_error_ = text;
    report(ha::Severity::error, "arbiter-failed", std::move(text));
  }

  void report(ha::Severity severity, std::string kind, std::string text) {
    report_({.severity = severity, .kind = std::move(kind), .node = {}, .text = std::move(text)});
  }

  const ArbiterSettings settings_;
  const std::function<bool()> corosync_runs_;
  const std::function<void(ha::Report)> report_;
  asio::posix::stream_descriptor watched_;  // process_.pidfd, not owned
  asio::local::stream_protocol::socket socket_;
  asio::steady_timer timer_;
  Duration retry_after_;
  std::uint64_t watch_ = 0;  // handlers of an earlier watch do nothing
  bool closed_ = false;

  Process process_;
  ArbiterState state_ = ArbiterState::apart;
  std::string answer_;
  std::string last_error_;
  std::uintmax_t log_start_ = 0;  // where this process's output begins
};

ArbiterClient::ArbiterClient(asio::io_context& io, ArbiterSettings settings, std::function<bool()> corosync_runs,
                             std::function<void(ha::Report)> report)
    : runner_(std::make_shared<Runner>(io, std::move(settings), std::move(corosync_runs), std::move(report))) {}

ArbiterClient::~ArbiterClient() { runner_->close(); }

void ArbiterClient::start() { runner_->attempt(); }

ArbiterStatus ArbiterClient::status() const { return runner_->status(); }

}  // namespace relais::corosync
