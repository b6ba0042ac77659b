"""`make run`: three nodes under load; one crashes and returns, another is drained and resumed. Shows what clients saw
on the terminal and on a page, and leaves the cluster running."""

import argparse
import os
import shutil
import sys
import time

from . import api, faults, lab, picture, report, topology, torture_judge
from . import node as nodes
from . import state as states
from .commands import REPOSITORY
from .load import Load
from .require import require_root
from .run_record import RunRecord, write_json
from .shell import LabError, say, tell

RATE, LONG_LIVED = 200, 60
EXPLAIN = {
    "steady": "three nodes share two addresses",
    "crash": "n2 crashes (links gone, all killed)",
    "return": "n2 boots again and gets its share back",
    "drain": "n3 is drained",
    "resume": "n3 is resumed",
}
NEXT = """Next, as root:
  LAB exec n1 -- relais status         nodes, shares, the map of buckets
  LAB exec n1 -- relais watch          the same, live
  LAB exec n1 -- relais who 203.0.113.42
  LAB exec n1 -- relais receipts       what every move cost
  LAB crash n2   and   LAB start n2
  LAB probe load --rate 200 --duration 10 --long 20
  LAB shell n1                         look around inside of a node
  LAB down                             end the lab"""


def begin_phase(load, name):
    say(f"  {EXPLAIN[name]}")
    load.phase(name)


def order_node(state, word, node):
    api.request(state.nodes["n1"], "POST", f"/v1/{word}", {"node": node})


def settle(state):
    """Waits until nothing moves, then lets the picture show it for a while."""
    lab.wait_until_serving(state)
    time.sleep(2.5)


def play(state, load, record):
    time.sleep(1)
    begin_phase(load, "steady")
    time.sleep(3)
    begin_phase(load, "crash")
    crash = record.begin_fault("n2 crashes, and boots again", "crash", "n2")
    faults.crash(state, "n2")
    record.done_fault(crash)
    time.sleep(5)
    begin_phase(load, "return")
    nodes.boot(state, "n2")
    record.end_fault(crash)
    settle(state)
    record.settle_faults([crash])
    begin_phase(load, "drain")
    drain = record.begin_fault("n3 is drained, and resumed", "drain", "n3")
    order_node(state, "drain", "n3")
    record.done_fault(drain)
    settle(state)
    begin_phase(load, "resume")
    order_node(state, "resume", "n3")
    record.end_fault(drain)
    settle(state)
    record.settle_faults([drain])
    return load.report()


def play_recorded(state, out):
    """What the probe saw; all that the page is made of is in the directory `out`."""
    record = RunRecord(lambda: state)
    record.start()
    try:
        with Load(state, os.path.join(out, "probe.json"), RATE, LONG_LIVED) as load:
            seen = play(state, load, record)
    finally:
        record.stop()
    run = record.write(os.path.join(out, "run.json"), state.plan.node_names())
    rows = torture_judge.probe_rows(seen, torture_judge.excuses_of(run, state.plan.timing), run)
    for name, value in (("plan", {"title": "Demo", "timing": state.plan.timing}),
                        ("verdict", torture_judge.verdict_of(rows)), ("receipts", api.receipts_of_all(state))):
        write_json(os.path.join(out, f"{name}.json"), value)
    return seen


def show(state, seen, page):
    say("\nWhat clients saw (new connections from 480 addresses, IPv4 and IPv6):\n")
    for line in picture.timeline(seen, EXPLAIN) + [""] + picture.table(seen, EXPLAIN):
        say(line)
    crash = next(phase for phase in seen["phases"] if phase["name"] == "crash")
    planned = sum(phase["long"]["broken"] for phase in seen["phases"] if phase["name"] != "crash")
    of_n2 = crash["long"]["broken_by_node"].get("n2", 0)
    say(f"\nThe crash broke {of_n2} of {LONG_LIVED} long-lived connections, which n2 had, and "
        f"{crash['long']['broken'] - of_n2} of other nodes; its return, the drain and the resume broke {planned}.")
    say(f"The cluster goes on: {len(state.running())} nodes serve {topology.VIP4} and {topology.VIP6}, "
        f"port {topology.SERVICE_PORT}.\n")
    say(f"The same as a page: {page}\n")
    say(NEXT.replace("LAB", topology.lab_command(state.plan.prefix)))


def run_demo(prefix, build, timing):
    plan = topology.Plan(prefix=prefix, nodes=3, timing=timing, build=os.path.abspath(build))
    with states.locked(prefix):
        lab.down(prefix)
        say(f"Booting three nodes (timing {timing}) …")
        state = lab.up(plan)
        took_s = lab.wait_until_serving(state)
        say(f"They serve after {took_s:.1f} s. {RATE} new connections/s and {LONG_LIVED} long-lived ones, while:")
        out = os.path.join(plan.build, "lab-results", "demo")
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(out)
        seen = play_recorded(state, out)
    page, _ = report.write(out)
    show(state, seen, page)
    return 0


def main():
    parser = argparse.ArgumentParser(prog="lab/demo", description=__doc__)
    parser.add_argument("--prefix", default=topology.DEFAULT_PREFIX)
    parser.add_argument("--timing", default="normal", choices=topology.PRESETS)
    parser.add_argument("--build", default=os.environ.get("RELAIS_BUILD", os.path.join(REPOSITORY, "build")))
    arguments = parser.parse_args()
    try:
        require_root()
        return run_demo(arguments.prefix, arguments.build, arguments.timing)
    except LabError as error:
        tell("demo", error)
        return 1
    except KeyboardInterrupt:
        print(f"demo: interrupted (end the lab with: {topology.lab_command(arguments.prefix)} down)", file=sys.stderr)
        return 130
