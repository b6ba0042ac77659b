// Realtime scheduling and the service manager.
#include "daemon/node/process.h"

#include <sched.h>
#include <systemd/sd-daemon.h>

namespace relais::node {

namespace {

constexpr int kPriority = 40;  // Corosync runs at 99, its library thread in this process below that (ha/corosync/link)

}  // namespace

Result<void> become_realtime() {
  sched_param parameter{};
  parameter.sched_priority = kPriority;
  if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameter) == 0) return {};
  return system_error("cannot get realtime priority", errno,
                      "grant CAP_SYS_NICE and a realtime budget, or expect missed leases on a busy machine");
}

void notify_service_manager(const std::string& state) { sd_notify(0, state.c_str()); }

}  // namespace relais::node
