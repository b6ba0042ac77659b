#!/usr/bin/env python3
"""Watches a cluster to which nothing happens, with busy processors beside it: no membership may change, no bucket move.

Usage: quiet.py [--minutes M] [--preset fast|normal|relaxed|all] [--burners N] [--simulation [--first-seed S]]
                [--build DIR]

The burners do nothing, or run the simulation on seeds that no run had before. A witness per processor says when the
machine itself stood still; a period that this spoilt is run again, twice at most.
"""

import argparse
import os
import sys
import time

import harness
from harness import Cluster, Need
from processor_load import Burners, Simulation
from quiet_judge import Change, Period, judge
from relaislab import topology
from relaislab.require import is_root
from relaislab.shell import LabError
from witness import Witness

SEEDS_PER_SECOND = 1000   # more than one machine runs: runs that begin at different seconds share no seed


def say(line):
    print(f"  {line}", flush=True)


def join_counts(cluster, node):
    """Corosync's own count of how often each member joined, as this node's Corosync has seen it."""
    lines = cluster.execute(node, ["corosync-cmapctl"]).splitlines()
    return {line.split(" ", 1)[0]: line.rsplit("=", 1)[1].strip() for line in lines
            if line.startswith("runtime.members.") and (".join_count" in line or ".status" in line)}


def look(cluster, node):
    """What must stay as it is, and may be asked every second."""
    try:
        status, receipts = cluster.status(node), len(cluster.receipts(node))
    except LabError as error:
        return {"answer": str(error)}
    return {"answer": "there", "lease": "valid" if status["lease_left_ms"] > 0 else "ended", "role": status["role"],
            "quorate": status["quorate"], "epoch": status["epoch"], "receipts": receipts,
            "members": sorted(other["name"] for other in status["nodes"] if other["member"])}


def picture(cluster):
    return {node: look(cluster, node) for node in cluster.running()}


def joins(cluster):
    return {node: join_counts(cluster, node) for node in cluster.running()}


def differences(before, after):
    return tuple(f"{node}: {key} was {was}, is {after[node][key]}" for node, found in before.items()
                 for key, was in found.items() if key in after[node] and was != after[node][key])


def accounts(cluster):
    """What Corosync itself says of a change: a process that was not scheduled, a token that was lost, a new ring."""
    words = "not scheduled|failed or lost|new membership|Retransmit|link: .* is down"
    lines = []
    for node in cluster.running():
        found = cluster.execute(node, ["grep", "-hE", words, "/var/log/relais-corosync.log"], check=False).splitlines()
        lines += [f"{node}: {line}" for line in found[-10:]]
    return lines


def watch(cluster, seconds, tend):
    """Looks each second until the time is up or something has changed; that Change, or None."""
    good = time.monotonic()
    before, joined = picture(cluster), joins(cluster)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(1)
        tend()
        asked = time.monotonic()
        found = differences(before, picture(cluster))
        if found:
            return aftermath(cluster, before, joined, Change(good, time.monotonic(), found))
        good = asked
    found = differences(joined, joins(cluster))
    return Change(None, time.monotonic(), found) if found else None


def aftermath(cluster, before, joined, change):
    """The change with what else it led to, once the cluster is at rest again."""
    unsettled = ""
    try:
        cluster.wait_settled()
    except (AssertionError, LabError) as error:
        unsettled = str(error)
    try:
        led_to = differences(before, picture(cluster)) + differences(joined, joins(cluster))
    except LabError as error:
        led_to = (str(error),)
    what = change.what + tuple(finding for finding in led_to if finding not in change.what)
    return Change(change.after, change.by, what, unsettled)


def run_period(cluster, seconds, load):
    """Watches once."""
    cluster.wait_settled()
    with Witness() as witness, load.beside(seconds):
        for reason in witness.refused:
            say(f"witness: {reason}")

        def tend():
            load.tend()
            witness.pauses()   # so that its pipe never fills

        change = watch(cluster, seconds, tend)
        period = Period(change, witness.pauses(), witness.cpus)
    for line in accounts(cluster) if change else ():
        say(line)
    return period


def run_quiet(cluster, seconds, load):
    """Watches for so long, again if the machine spoils it; returns what changed (empty is good), prints the account."""
    token_s = topology.TOKEN_MS[cluster.plan.timing] / 1000
    return judge(lambda: run_period(cluster, seconds, load), token_s, say)


def run_preset(preset, minutes, load):
    """A fresh cluster, watched; the line that sums it up, and whether it is a bad one ("ok", "bad")."""
    print(f"{preset}: {minutes:g} quiet minutes beside {load}, from {time.strftime('%H:%M:%S')} on", flush=True)
    try:
        findings = run_quiet(Cluster.fitting(Need(timing=preset, fresh="yes")), minutes * 60, load)
    finally:
        harness.end_lab()
    return (f"{preset}: {minutes:g} quiet minutes beside {load}: {'; '.join(findings) or 'no false change'}",
            "bad" if findings else "ok")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="for each preset (default 10)")
    parser.add_argument("--preset", default="all", choices=(*topology.PRESETS, "all"))
    parser.add_argument("--burners", type=int, default=len(os.sched_getaffinity(0)), help="default: one per processor")
    parser.add_argument("--simulation", action="store_true", help="the burners run the simulation; a violation fails")
    parser.add_argument("--first-seed", type=int, default=int(time.time()) * SEEDS_PER_SECOND, metavar="S",
                        help="of the simulation; default: drawn from the clock, and printed")
    parser.add_argument("--build", default=harness.options.build)
    parser.add_argument("--prefix", default="relais-quiet")
    return parser.parse_args()


def main():
    arguments = parse()
    if not is_root():
        print("quiet: the lab needs root")
        return 77
    harness.options.build, harness.options.prefix = arguments.build, arguments.prefix
    program = os.path.join(arguments.build, "tests", "simulation", "simulation")
    if arguments.simulation and not os.access(program, os.X_OK):
        print(f"quiet: there is no {program}: make build")
        return 2
    load = Simulation(program, arguments.first_seed, arguments.burners, say) if arguments.simulation \
        else Burners(arguments.burners)
    presets = topology.PRESETS if arguments.preset == "all" else (arguments.preset,)
    verdicts = [run_preset(preset, arguments.minutes, load) for preset in presets]
    print("\n".join([line for line, _ in verdicts] + load.summary()))
    return 0 if all(word == "ok" for _, word in verdicts) and not load.violations else 1


if __name__ == "__main__":
    sys.exit(main())
