// How the kernel keeps its neighbours (ARP, NDP) on the heartbeat links, by sysctl.
//
// A node that is plugged in again must reach all others at the same moment: a ring in which one member hears somebody
// whom another one does not cannot form (decision 1). By default the kernel forgets all neighbours of an interface that
// loses its carrier, and asks for each of them again once a second, so the first heartbeats after a pulled cable reach
// one node up to a second before another.
#pragma once

#include "base/address.h"
#include "base/result.h"

#include <filesystem>
#include <span>

namespace relais::netfilter {

// Lets the interfaces that have these addresses keep their neighbours without carrier, and ask for a missing one each
// 100 ms; they give up after three seconds as ever. What is so already is only read; like Corosync it outlives relaisd.
// Everything is tried; the first failure is returned. Cost: a dump of the addresses per link. `sysctls` is for tests.
Result<> keep_neighbours(std::span<const IpAddress> links, const std::filesystem::path& sysctls = "/proc/sys/net");

}  // namespace relais::netfilter
