"""`make bench-failover`: each contestant in the same network under the same load; a node crashes and returns. Prints
one table, and ends with 1 if relais is behind a peer anywhere."""

import argparse
import json
import os
import platform
import signal
import sys
import time

from relaislab import faults, lab, node as nodes, topology
from relaislab import state as states
from relaislab.commands import REPOSITORY
from relaislab.load import Load
from relaislab.require import missing_tools, require_root
from relaislab.shell import LabError, interrupted, run, say, tell

from . import figures
from .contestants import CONTESTANTS, VICTIM

RATE, LONG_LIVED = 200, 64
PLACE_TIMEOUT_S = 45
STEADY_S, CRASH_S, RETURNED_S = 2, 8, 3   # a crash is watched for twice the longest outage: SYNs retry for long
POLL_S = 0.2
TOOLS = ("ip", "tc", "nsenter", "corosync", "keepalived", "nft")
EPILOG = """Every run: 2 s of load, then n2's links are gone and all of it is killed; 8 s later it boots again; the run
ends 3 s after everything is back where it belongs. What the columns mean: docs/benchmarks.md.
"""


def cpu_pressure_s():
    """Seconds in which something waited for a processor, since boot; 0 where the kernel does not count them."""
    try:
        with open("/proc/pressure/cpu", encoding="utf-8") as file:
            return int(file.readline().rpartition("total=")[2]) / 1e6
    except (OSError, ValueError):
        return 0.0


def wait_for(reason_of, what):
    """Waits until reason_of() is None; returns the seconds that it took."""
    begin = time.monotonic()
    while (reason := reason_of()) is not None:
        if time.monotonic() - begin > PLACE_TIMEOUT_S:
            raise LabError(f"{what} after {PLACE_TIMEOUT_S} s: {reason}")
        time.sleep(POLL_S)
    return time.monotonic() - begin


def play(state, contestant, load):
    """The run itself; returns the seconds from boot to the end of the failback."""
    time.sleep(STEADY_S)
    load.phase(figures.CRASH)
    faults.crash(state, VICTIM)
    time.sleep(CRASH_S)
    load.phase(figures.RETURN)
    nodes.boot(state, VICTIM, contestant.software(VICTIM))
    took_s = wait_for(lambda: contestant.displaced(state), "no failback")
    time.sleep(RETURNED_S)
    return took_s


def measure(state, contestant):
    """One run: its figures."""
    wait_for(lambda: contestant.restless(state), "not ready for a run")
    time.sleep(1)
    pressure_s, begin = cpu_pressure_s(), time.monotonic()
    with Load(state, state.path("report.json"), RATE, LONG_LIVED, vips=(topology.VIP4,)) as load:
        failback_s = play(state, contestant, load)
        found = figures.figures_of(load.report(), VICTIM)
    busy = 100 * (cpu_pressure_s() - pressure_s) / (time.monotonic() - begin)
    return {**found, "failback_s": round(failback_s, 1), "cpu_pressure_percent": round(busy)}


def runs_of(contestant, arguments):
    """All runs of one contestant, in a lab of its own."""
    with states.locked(arguments.prefix):
        try:
            state = lab.up(contestant.plan(arguments.prefix, arguments.build), start=0)
            contestant.prepare(state)
            for node in state.plan.node_names():
                nodes.boot(state, node, contestant.software(node))
                time.sleep(lab.STAGGER_S)
            return [shown(contestant, number, measure(state, contestant)) for number in range(1, arguments.runs + 1)]
        except LabError as error:
            keep = keep_logs(arguments, contestant)
            raise LabError(f"{contestant.name}: {error.what}", error.way_out or f"read {keep}") from error
        finally:
            lab.down(arguments.prefix)


def keep_logs(arguments, contestant):
    """`down` removes the nodes' logs; those of a failed run stay in the build directory."""
    target = os.path.join(arguments.build, "bench-failover", contestant.name)
    os.makedirs(target, exist_ok=True)
    run(["cp", "-r", os.path.join(states.directory(arguments.prefix), "log"), target], check=False)
    return target


def shown(contestant, number, found):
    words = [f"{column.title} {figures.number(found[column.key])}" for column in figures.COLUMNS]
    say(f"  {contestant.name} {number}: {', '.join(words)}; lived there {found['lived']}; "
        f"failback after {found['failback_s']} s; CPU pressure {found['cpu_pressure_percent']} %")
    return found


def versions():
    """Of the programs beside us, as they say it."""
    keepalived = run(["sh", "-c", "keepalived --version 2>&1"]).split("\n")[0]
    return {"kernel": platform.release(), "processors": os.cpu_count(), "keepalived": keepalived,
            "corosync": run(["corosync", "-v"]).split("\n")[0], "nft": run(["nft", "--version"]).strip()}


def write_report(rows, path):
    """Nothing without a path. After each contestant, so that nothing is lost when a later one fails; a path that cannot
    be written is found out before the first."""
    if not path:
        return
    told = [{"relais": row["name"], "peer": peer["name"], "column": column.key}
            for row, peer, column in figures.judge(rows) or ()]
    try:
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"date": time.strftime("%Y-%m-%d"), "machine": versions(), "rate": RATE, "long": LONG_LIVED,
                       "rows": rows, "behind": told}, file, indent=1)
            file.write("\n")
    except OSError as error:
        raise LabError(f"cannot write {path}: {error.strerror}", "name another file with --json") from error


def show(rows):
    """The table and the verdict; returns the exit status."""
    behind = figures.judge(rows)
    say("")
    for line in figures.table(rows, behind) + [""] + figures.verdict(behind) + [figures.calm(rows)]:
        say(line)
    return 1 if behind else 0


def row_of(contestant, runs):
    return {"name": contestant.name, "title": contestant.title, "nodes": contestant.nodes, "ours": contestant.ours,
            "runs": runs}


def rows_from(paths):
    """Rows of earlier reports; a later file's row replaces an earlier one's."""
    rows = {}
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                found = json.load(file)["rows"]
            figures.table(found, None)   # what cannot be shown is no report
            rows |= {row["name"]: row for row in found}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise LabError(f"{path} is no report of this program: {error}", "make one with --json FILE") from error
    order = [contestant.name for contestant in CONTESTANTS]
    return sorted(rows.values(), key=lambda row: order.index(row["name"]) if row["name"] in order else len(order))


def positive(text):
    if not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"'{text}': expected a number from 1 on")
    return int(text)


def parse(argv=None):
    names = [contestant.name for contestant in CONTESTANTS]
    parser = argparse.ArgumentParser(prog="lab/bench-failover", description=__doc__, epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=positive, default=3, metavar="N", help="runs of each (default 3)")
    parser.add_argument("--only", action="append", choices=names, metavar="NAME",
                        help=f"may be repeated; one of {', '.join(names)}")
    parser.add_argument("--json", default="", metavar="FILE", help="write every run's figures to this file")
    parser.add_argument("--from", dest="reports", nargs="+", default=[], metavar="FILE",
                        help="measure nothing: judge what --json wrote before")
    parser.add_argument("--prefix", default="relais-bench", help="name of the lab that is made and taken down")
    parser.add_argument("--build", default=os.environ.get("RELAIS_BUILD", os.path.join(REPOSITORY, "build")))
    arguments = parser.parse_args(argv)
    if arguments.reports and (arguments.json or arguments.only):
        parser.error("--from only prints: without --json and --only")
    return arguments


def measured(arguments):
    """The rows of all contestants that were asked for, one after the other."""
    require_root()
    missing = missing_tools(TOOLS)
    if missing:
        raise LabError("missing programs: " + ", ".join(missing), "make deps")
    if states.load(arguments.prefix):
        raise LabError(f"a lab '{arguments.prefix}' is up", f"lab/lab --prefix {arguments.prefix} down")
    arguments.build = os.path.abspath(arguments.build)
    say(f"{RATE} new connections/s and {LONG_LIVED} long-lived ones, IPv4; {VICTIM} crashes and returns")
    rows = []
    write_report(rows, arguments.json)
    for contestant in CONTESTANTS:
        if not arguments.only or contestant.name in arguments.only:
            rows.append(row_of(contestant, runs_of(contestant, arguments)))
            write_report(rows, arguments.json)
    return rows


def main():
    signal.signal(signal.SIGTERM, interrupted)
    arguments = parse()
    try:
        return show(rows_from(arguments.reports) if arguments.reports else measured(arguments))
    except LabError as error:
        tell("bench-failover", error)
        return 2
    except KeyboardInterrupt:
        print("bench-failover: interrupted", file=sys.stderr)
        return 130
