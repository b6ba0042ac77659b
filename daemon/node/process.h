// This process's standing with the machine: realtime priority and the service manager.
#pragma once

#include "base/result.h"

#include <string>

namespace relais::node {

// SCHED_RR below Corosync's 99 for the calling thread, not inherited by children or new threads: the lease must be
// renewed also on a busy machine. Error: not permitted (no CAP_SYS_NICE, or no realtime budget in the cgroup); the
// thread then runs on as it is.
Result<void> become_realtime();

// Tells the service manager, if there is one (sd_notify): "READY=1", "STATUS=…", "STOPPING=1". Never fails visibly.
void notify_service_manager(const std::string& state);

}  // namespace relais::node
