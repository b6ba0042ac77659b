#!/usr/bin/env python3
"""Watches a cluster to which nothing happens, with two CPU burners beside it: no membership may change, no bucket move.

Usage: quiet.py [--minutes M] [--preset fast|normal|relaxed|all] [--burners N] [--build DIR]
"""

import argparse
import multiprocessing
import sys
import time

import harness
from harness import Cluster, Need
from relaislab import api, topology
from relaislab.require import is_root


def burn():
    while True:
        pass


def join_counts(cluster, node):
    """Corosync's own count of how often each member joined, as this node's Corosync has seen it."""
    lines = cluster.execute(node, ["corosync-cmapctl"]).splitlines()
    return {line.split(" ", 1)[0]: line.rsplit("=", 1)[1].strip() for line in lines
            if line.startswith("runtime.members.") and (".join_count" in line or ".status" in line)}


def picture(cluster):
    """All that must stay as it is, by node."""
    found = {}
    for node in cluster.running():
        status = cluster.status(node)
        found[node] = {
            "role": status["role"], "quorate": status["quorate"], "epoch": status["epoch"],
            "receipts": len(cluster.receipts(node)),
            "members": sorted(other["name"] for other in status["nodes"] if other["member"]),
            "joins": join_counts(cluster, node),
        }
    return found


def differences(before, after):
    return [f"{node}: {key} was {before[node][key]}, is {after[node][key]}"
            for node in before for key in before[node] if before[node][key] != after[node][key]]


def accounts(cluster):
    """What Corosync itself says of a change: a process that was not scheduled, a token that was lost, a new ring."""
    words = "not scheduled|failed or lost|new membership|Retransmit|link: .* is down"
    lines = []
    for node in cluster.running():
        found = cluster.execute(node, ["grep", "-hE", words, "/var/log/relais-corosync.log"], check=False).splitlines()
        lines += [f"{node}: {line}" for line in found[-10:]]
    return lines


def run_quiet(cluster, seconds, burners=2):
    """Watches for so long; returns what changed (empty is good)."""
    cluster.wait_settled()
    before = picture(cluster)
    processes = [multiprocessing.Process(target=burn, daemon=True) for _ in range(burners)]
    for process in processes:
        process.start()
    lease_ends = 0
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(1)
            for node in cluster.running():
                status = api.status_or_none(cluster.state.nodes[node], 5)
                lease_ends += status is None or status["lease_left_ms"] <= 0
    finally:
        for process in processes:
            process.terminate()
            process.join()
    findings = differences(before, picture(cluster))
    if lease_ends:
        findings.append(f"{lease_ends} times a node had no lease or did not answer")
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--preset", default="all", choices=(*topology.PRESETS, "all"))
    parser.add_argument("--burners", type=int, default=2)
    parser.add_argument("--build", default=harness.options.build)
    parser.add_argument("--prefix", default="relais-quiet")
    arguments = parser.parse_args()
    if not is_root():
        print("quiet: the lab needs root")
        return 77
    harness.options.build, harness.options.prefix = arguments.build, arguments.prefix
    bad = 0
    for preset in topology.PRESETS if arguments.preset == "all" else (arguments.preset,):
        try:
            cluster = Cluster.fitting(Need(timing=preset, fresh="yes"))
            findings = run_quiet(cluster, arguments.minutes * 60, arguments.burners)
            told = accounts(cluster) if findings else []
        finally:
            harness.end_lab()
        print(f"{preset}: {arguments.minutes:g} quiet minutes, {arguments.burners} CPU burners: "
              f"{'no false change' if not findings else '; '.join(findings)}", flush=True)
        for line in told:
            print(f"  {line}", flush=True)
        bad += len(findings)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
