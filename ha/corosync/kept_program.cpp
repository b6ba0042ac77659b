// Finding and recording a kept program: see kept_program.h.
#include "ha/corosync/kept_program.h"

#include "ha/corosync/files.h"
#include "ha/corosync/run_record.h"

#include <cstdlib>
#include <utility>

namespace relais::corosync {
namespace {

constexpr std::size_t kShownByProc = 15;  // characters of a name
constexpr mode_t kSecret = 0600;

bool is_named(const std::optional<ProcessFacts>& facts, const KeptProgram& program) {
  return facts && facts->name == program.name.substr(0, kShownByProc);
}

std::optional<RunningProgram> find_recorded(const KeptProgram& program) {
  const auto text = read_small_file(program.record_file);
  const auto record = text ? parse_run_record(*text) : std::nullopt;
  if (!record) return std::nullopt;
  auto process = open_process(record->process);
  const auto facts = facts_of(record->process);
  if (!process || !is_named(facts, program) || facts->start_ticks != record->start_ticks) return std::nullopt;
  return RunningProgram{.process = std::move(*process), .fingerprint = record->fingerprint};
}

}  // namespace

Result<std::optional<RunningProgram>> find_running(const KeptProgram& program) {
  if (auto recorded = find_recorded(program)) return recorded;
  const auto text = read_small_file(program.pid_file);
  const auto id = text ? static_cast<pid_t>(std::strtol(text->c_str(), nullptr, 10)) : 0;
  if (id <= 0) return std::optional<RunningProgram>();
  auto process = open_process(id);
  if (!process || !is_named(facts_of(id), program)) return std::optional<RunningProgram>();
  if (command_line_of(id).find(program.own_words) != std::string::npos)
    return std::optional(RunningProgram{.process = std::move(*process), .fingerprint = std::nullopt});
  return Error{.what = "a " + program.name + " that relaisd did not start runs as process " + std::to_string(id),
               .way_out = "systemctl disable --now " + program.name +
                          " (relaisd starts its own), or end it with: kill " + std::to_string(id)};
}

Result<> record_start(const KeptProgram& program, const Process& process, std::uint64_t fingerprint) {
  const auto facts = facts_of(process.id);
  if (!facts && has_ended(process)) return {};
  if (!facts)
    return Error{.what = "/proc does not show " + program.name, .way_out = "mount /proc of this pid namespace"};
  const RunRecord record{.process = process.id, .start_ticks = facts->start_ticks, .fingerprint = fingerprint};
  return write_file_atomically(program.record_file, bytes_of(format_run_record(record)), kSecret);
}

}  // namespace relais::corosync
