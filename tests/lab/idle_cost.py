#!/usr/bin/env python3
"""What an idle three-node cluster costs: CPU and memory of relaisd, with Corosync's own beside it.

Usage: idle_cost.py [--preset normal] [--seconds 30] [--json FILE] [--build DIR]
Ends with 1 if a relaisd needs 2 % of one core or 30 MB, or more.
"""

import argparse
import json
import os
import sys
import time

import harness
from harness import Cluster, Need
from relaislab import node as nodes, topology
from relaislab.process import stat_fields
from relaislab.require import is_root

LIMIT_PERCENT, LIMIT_MB = 2.0, 30.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(process):
    """CPU seconds of a process with all its threads so far."""
    fields = stat_fields(process.pid)
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident_mb(process):
    with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:")) / 1024


def measure(cluster, seconds):
    """Rows {"node", "program", "cpu_percent", "resident_mb"}."""
    found = {(node, program): nodes.processes(cluster.state, node, program)[0]
             for node in cluster.running() for program in ("relaisd", "corosync")}
    before = {key: cpu_s(process) for key, process in found.items()}
    begin = time.monotonic()
    time.sleep(seconds)
    took_s = time.monotonic() - begin
    return [{"node": node, "program": program, "cpu_percent": 100 * (cpu_s(process) - before[node, program]) / took_s,
             "resident_mb": resident_mb(process)} for (node, program), process in found.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", default="normal", choices=topology.PRESETS)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", default="")
    parser.add_argument("--build", default=harness.options.build)
    parser.add_argument("--prefix", default="relais-idle")
    arguments = parser.parse_args()
    if not is_root():
        print("idle_cost: the lab needs root")
        return 77
    harness.options.build, harness.options.prefix = arguments.build, arguments.prefix
    try:
        cluster = Cluster.fitting(Need(timing=arguments.preset))
        time.sleep(3)
        rows = measure(cluster, arguments.seconds)
    finally:
        harness.end_lab()
    print(f"idle three-node cluster, preset {arguments.preset}, {arguments.seconds:g} s")
    print("node  program    CPU % of one core  resident MB")
    for row in rows:
        print(f"{row['node']:5} {row['program']:10} {row['cpu_percent']:17.2f} {row['resident_mb']:12.1f}")
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump({"preset": arguments.preset, "seconds": arguments.seconds, "rows": rows}, file, indent=1)
    over = [row for row in rows if row["program"] == "relaisd" and
            (row["cpu_percent"] >= LIMIT_PERCENT or row["resident_mb"] >= LIMIT_MB)]
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
