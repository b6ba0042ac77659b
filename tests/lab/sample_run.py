"""A run's directory as torture leaves it, made of fixed numbers: for tests of the report, and to look at its page.

Usage: sample_run.py DIRECTORY [--nodes N] [--seconds S] [--faults N]
"""

import argparse
import copy
import functools
import json
import os
import random
from dataclasses import dataclass

BEGIN_WALL_MS = 1_800_000_000_000
PROBE_LATER_MS = 250           # the probe begins so much after the run
SLOT_MS = 100
BUCKETS = 256
RATE = 20                      # connections per slot
DETECTION_MS = 240
FAULTS = (("crash", "n2 crashes", "n2", 4000), ("drain", "n3 is drained", "n3", 5000),
          ("cut", "n1 loses one heartbeat link", "n1", 3000), ("kill", "kill -9 of relaisd on n1", "n1", 0))


@dataclass(frozen=True)
class Shape:
    nodes: int = 3
    seconds: int = 60
    faults: int = 4


def names(shape):
    return [f"n{number}" for number in range(1, shape.nodes + 1)]


@functools.cache
def faults_of(shape):
    """run.json's faults: spread evenly, of all kinds in turn; those of a node that this size lacks hit n1."""
    step_ms = shape.seconds * 1000 / (shape.faults + 1)
    found = []
    for index in range(shape.faults):
        kind, text, node, lasts_ms = FAULTS[index % len(FAULTS)]
        node = node if node in names(shape) else "n1"
        begin_ms = round(step_ms * (index + 0.7))
        found.append({"kind": kind, "text": text, "node": node, "begin_ms": begin_ms,
                      "end_ms": begin_ms + min(lasts_ms, round(step_ms * 0.6))})
    return found


@functools.cache
def owners_without(shape, gone):
    """Owners of all buckets when the node `gone` (0: none) is out; nobody else's bucket moves."""
    left = [number for number in range(1, shape.nodes + 1) if number != gone]
    usual = [bucket * 7 % BUCKETS * shape.nodes // BUCKETS + 1 for bucket in range(BUCKETS)]
    return [left[bucket % len(left)] if owner == gone else owner for bucket, owner in enumerate(usual)]


def maps_of(shape, vip):
    changes = [{"at_ms": 0, "vip": vip, "owners": list(owners_without(shape, 0))}]
    for fault in faults_of(shape):
        gone = int(fault["node"][1:])
        if fault["kind"] not in ("crash", "drain"):
            continue
        begin_ms = fault["begin_ms"]
        if fault["kind"] == "crash":
            nobody = [0 if owner == gone else owner for owner in owners_without(shape, 0)]
            changes.append({"at_ms": begin_ms + 100, "vip": vip, "owners": nobody})
        changes.append({"at_ms": begin_ms + DETECTION_MS, "vip": vip, "owners": list(owners_without(shape, gone))})
        changes.append({"at_ms": fault["end_ms"] + 400, "vip": vip, "owners": list(owners_without(shape, 0))})
    return changes


def slot_of(shape, at_ms, chance):
    """One slot of the timeline at this time of the run."""
    on = [fault for fault in faults_of(shape) if fault["begin_ms"] <= at_ms < fault["end_ms"] + 400]
    hit = [fault for fault in on if fault["kind"] == "crash" and at_ms < fault["begin_ms"] + DETECTION_MS]
    gone = [int(fault["node"][1:]) for fault in on if fault["kind"] in ("crash", "drain")]
    owners = owners_without(shape, gone[0] if gone else 0)
    answers = {}
    for owner in chance.choices(owners, k=RATE):
        answers[f"n{owner}"] = answers.get(f"n{owner}", 0) + 1
    delayed = RATE // shape.nodes if hit else 0
    if delayed:
        first = next(iter(answers))
        answers[first] = max(answers[first] - delayed, 0)
    return {"answers": answers, "delayed": delayed, "lost": 0,
            "median_connect_ms": round(0.18 + 0.06 * chance.random(), 4),
            "slowest_connect_ms": 310 - (at_ms % 100) if hit else round(0.5 + 6 * chance.random() ** 6, 4)}


def phase(name, start_ms, end_ms, slots):
    delayed = sum(slot["delayed"] for slot in slots)
    return {"name": name, "start_ms": start_ms, "end_ms": end_ms, "attempts": len(slots) * RATE,
            "ok": len(slots) * RATE, "failed": 0, "refused": 0, "reset": 0, "delayed": delayed,
            "median_connect_ms": 0.21, "slowest_connect_ms": max(slot["slowest_connect_ms"] for slot in slots),
            "long": {"opened": 64, "broken": 21 if delayed else 0, "broken_by_node": {"n2": 21} if delayed else {}},
            "idle": {"opened": 200, "broken": 66 if delayed else 0, "broken_by_node": {"n2": 66} if delayed else {},
                     "median_after_ms": 310.5 if delayed else 0, "slowest_after_ms": 402.0 if delayed else 0},
            "troubles": []}


def probe_of(shape):
    chance = random.Random(20261123)
    count = shape.seconds * 1000 // SLOT_MS
    slots = [slot_of(shape, PROBE_LATER_MS + index * SLOT_MS, chance) for index in range(count)]
    return {"begin_wall_ms": BEGIN_WALL_MS + PROBE_LATER_MS, "duration_ms": count * SLOT_MS, "own_delay_ms": 3.5,
            "slot_ms": SLOT_MS, "timeline": slots, "total": phase("total", 0, count * SLOT_MS, slots),
            "phases": [phase("start", 0, count * SLOT_MS, slots)], "addresses": {}}


def findings_of(shape):
    late = {"wall_ms": BEGIN_WALL_MS + faults_of(shape)[0]["begin_ms"] + 120 if shape.faults else BEGIN_WALL_MS,
            "client": "203.0.113.77", "port": 40123, "vip": "198.51.100.100", "vip_name": "mail4", "bucket": 44,
            "transmissions": 2, "answers": ["n1"], "states": {"n1": "shadow", "n2": "serve"}}
    return {"openers": shape.seconds * 200, "answered": shape.seconds * 200, "none": [], "late": [late], "two": []}


def verdict_of(shape):
    return {"ok": True, "rows": [
        {"what": "openers that two nodes answered", "bound": "0", "measured": 0, "ok": True},
        {"what": "openers that nobody answered", "bound": "0", "measured": 0, "ok": True},
        {"what": "failed or reset connections of living nodes", "bound": "0", "measured": 0, "ok": True},
        {"what": "slowest connect after a crash", "bound": "≤ 440 ms", "measured": "310 ms", "ok": True},
        {"what": "settled again after each fault", "bound": "≤ 30 s", "measured": f"{shape.faults} of {shape.faults}",
         "ok": True}]}


def receipts_of(shape):
    found = [{"epoch": 10 + index, "time_ms": BEGIN_WALL_MS + fault["begin_ms"], "from": fault["node"], "to": "n1",
              "cause": fault["kind"], "buckets": 43, "detect_ms": 231.4, "takeover_ms": 8.2, "flows_kept": 0,
              "flows_lost": 12, "abandoned": False}
             for index, fault in enumerate(faults_of(shape)) if fault["kind"] in ("crash", "drain")]
    return {name: found for name in names(shape)}


def files_of(shape):
    """File name -> value, for the caller to change."""
    return copy.deepcopy(all_files(shape))


@functools.cache
def all_files(shape):
    vips = ["mail4", "mail6"]
    plan = [{"at_s": fault["begin_ms"] / 1000, "kind": fault["kind"], "node": fault["node"],
             "lasts_s": (fault["end_ms"] - fault["begin_ms"]) / 1000, "text": fault["text"]}
            for fault in faults_of(shape)]
    maps = sorted((change for vip in vips for change in maps_of(shape, vip)), key=lambda change: change["at_ms"])
    return {"run.json": {"begin_wall_ms": BEGIN_WALL_MS, "vips": vips, "nodes": names(shape),
                         "faults": faults_of(shape), "maps": maps, "states": []},
            "plan.json": {"seed": 7, "minutes": shape.seconds / 60, "timing": "fast", "nodes": shape.nodes,
                          "faults": plan},
            "probe.json": probe_of(shape), "exactly-one.json": findings_of(shape), "verdict.json": verdict_of(shape),
            "receipts.json": receipts_of(shape)}


def write(directory, shape=Shape(), **replaced):
    """Writes the files; `replaced` gives other values by the file's name without suffix, with _ for -; None leaves it
    out."""
    os.makedirs(directory, exist_ok=True)
    for name, value in all_files(shape).items():
        value = replaced.get(name.removesuffix(".json").replace("-", "_"), value)
        if value is None:
            continue
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("directory")
    for name, value in vars(Shape()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    arguments = parser.parse_args()
    write(arguments.directory, Shape(arguments.nodes, arguments.seconds, arguments.faults))


if __name__ == "__main__":
    main()
