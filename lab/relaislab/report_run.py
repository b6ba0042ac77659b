"""Reads the directory of a run: checks what is there and turns it into values on one time axis, milliseconds after the
run's begin. What is missing or damaged is named; the rest can be shown."""

import json
import math
import os
import re
from dataclasses import dataclass, field

from .buckets import BUCKETS
from .report_html import plain
from .shell import LabError

FILES = ("run.json", "probe.json", "plan.json", "verdict.json", "exactly-one.json", "receipts.json")
OPTIONAL = ("receipts.json",)
RECEIPT_KEY = ("epoch", "from", "to", "cause", "buckets")   # the same on every node
KINDS = ("two", "none", "late")   # findings, worst first
LARGEST_MS = 1e14


class Damaged(Exception):
    """A file does not hold what it should; the text names the place."""


@dataclass
class Fault:
    number: int
    text: str
    begin_ms: float
    end_ms: float


@dataclass
class Slot:
    """What started within one slot of the probe's timeline, or within several."""

    start_ms: float
    answers: dict
    delayed: int
    lost: int
    median_ms: float    # 0: none connected
    slowest_ms: float


@dataclass
class Probe:
    begin_ms: float
    end_ms: float
    slot_ms: float
    slots: list
    total: dict
    phases: list
    own_delay_ms: float


@dataclass
class Run:
    """All that is known of a run; a part that could not be read is None, and `missing` says why, by its file."""

    directory: str
    missing: dict = field(default_factory=dict)
    begin_wall_ms: float = 0
    nodes: list = field(default_factory=list)      # names
    faults: list = field(default_factory=list)
    maps: dict = field(default_factory=dict)       # VIP -> [(at_ms, owners by bucket)], in order of time
    probe: Probe = None
    plan: dict = None
    verdict: list = None                           # [(what, bound, measured, ok)]
    findings: dict = None                          # kind -> list
    openers: dict = None                           # counts of exactly-one.json
    receipts: list = None

    def span(self):
        """(first, last) ms of all that has a time; never empty."""
        times = [0] + [time for fault in self.faults for time in (fault.begin_ms, fault.end_ms)]
        times += [at for changes in self.maps.values() for at, _ in changes]
        if self.probe:
            times += [self.probe.begin_ms, self.probe.end_ms]
        return min(times), max(max(times), min(times) + 1000)

    def name(self, node_id):
        """The name of the node with this id; node 0 is nobody."""
        if node_id == 0:
            return "nobody"
        for index, name in enumerate(self.nodes, 1):
            digits = re.fullmatch(r"n(\d{1,6})", name)
            if (int(digits.group(1)) if digits else index) == node_id:
                return name
        return f"node {node_id}"


def is_number(value):
    return (isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            and abs(value) < LARGEST_MS)


CHECKS = {
    "a number": is_number,
    "a count": lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST_MS,
    "text": lambda value: isinstance(value, str),
    "a list": lambda value: isinstance(value, list),
    "an object": lambda value: isinstance(value, dict),
    "true or false": lambda value: isinstance(value, bool),
}
REQUIRED = object()


def take(data, name, kind, where, default=REQUIRED):
    """data[name], which must be of this kind; `where` says where `data` stands, for the error."""
    if not isinstance(data, dict):
        raise Damaged(f"{where} is not an object")
    if data.get(name) is None:
        if default is REQUIRED:
            raise Damaged(f"{where} has no \"{name}\"")
        return default
    if not CHECKS[kind](data[name]):
        raise Damaged(f"{where}: \"{name}\" is not {kind}")
    return data[name]


def take_list(data, name, kind, where, default=REQUIRED):
    """data[name], a list whose items must be of this kind."""
    items = take(data, name, "a list", where, default)
    for index, item in enumerate(items):
        if not CHECKS[kind](item):
            raise Damaged(f"{where}: {name}[{index}] is not {kind}")
    return items


def read_json(directory, name):
    """The file's value; Damaged if it cannot be had."""
    try:
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise Damaged(f"{name} is not there") from None
    except OSError as error:
        raise Damaged(f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{name} is damaged: {error}") from error


def fault_of(data, number, where):
    begin_ms = take(data, "begin_ms", "a number", where)
    end_ms = take(data, "end_ms", "a number", where, begin_ms)
    words = [take(data, key, "text", where, "") for key in ("kind", "node")]
    text = take(data, "text", "text", where, "") or " ".join(filter(None, words)) or "fault"
    return Fault(number, text, begin_ms, max(begin_ms, end_ms))


def read_run(run, data):
    """run.json: nodes, faults, maps."""
    run.begin_wall_ms = take(data, "begin_wall_ms", "a number", "run.json")
    nodes = take_list(data, "nodes", "text", "run.json", [])
    faults = [fault_of(fault, index + 1, f"run.json: faults[{index}]")
              for index, fault in enumerate(take(data, "faults", "a list", "run.json", []))]
    maps = {vip: [] for vip in take_list(data, "vips", "text", "run.json", [])}
    for index, change in enumerate(take(data, "maps", "a list", "run.json", [])):
        where = f"run.json: maps[{index}]"
        owners = take_list(change, "owners", "a count", where)
        if len(owners) != BUCKETS:
            raise Damaged(f"{where}: {len(owners)} owners instead of {BUCKETS}")
        at_ms = take(change, "at_ms", "a number", where)
        maps.setdefault(take(change, "vip", "text", where), []).append((at_ms, owners))
    run.nodes, run.maps = nodes, {vip: sorted(changes, key=lambda change: change[0]) for vip, changes in maps.items()}
    run.faults = [Fault(number, fault.text, fault.begin_ms, fault.end_ms)
                  for number, fault in enumerate(sorted(faults, key=lambda fault: fault.begin_ms), 1)]


def slot_of(data, start_ms, where):
    answers = take(data, "answers", "an object", where)
    for name in answers:
        take(answers, name, "a count", f"{where}: answers")
    return Slot(start_ms, answers, take(data, "delayed", "a count", where), take(data, "lost", "a count", where),
                take(data, "median_connect_ms", "a number", where, 0),
                take(data, "slowest_connect_ms", "a number", where, 0))


PHASE_COUNTS = ("attempts", "ok", "failed", "refused", "reset", "delayed")
PHASE_TIMES = ("median_connect_ms", "slowest_connect_ms")


def check_phase(phase, where):
    for name in PHASE_COUNTS:
        take(phase, name, "a count", where)
    for name in PHASE_TIMES:
        take(phase, name, "a number", where)
    take(phase, "name", "text", where)
    take_list(phase, "troubles", "an object", where, [])
    for group, names in (("long", ("opened", "broken")), ("idle", ("opened", "broken"))):
        data = take(phase, group, "an object", where, {})
        for name in names:
            take(data, name, "a count", f"{where}: {group}", 0)
        for name in ("median_after_ms", "slowest_after_ms"):
            take(data, name, "a number", f"{where}: {group}", 0)
        by_node = take(data, "broken_by_node", "an object", f"{where}: {group}", {})
        for name in by_node:
            take(by_node, name, "a count", f"{where}: {group}: broken_by_node")


def read_probe(run, data):
    """probe.json, moved to the run's begin. Without run.json the probe's own begin is the run's."""
    wall_ms = take(data, "begin_wall_ms", "a number", "probe.json")
    run.begin_wall_ms = run.begin_wall_ms or wall_ms
    begin_ms = wall_ms - run.begin_wall_ms
    slot_ms = take(data, "slot_ms", "a number", "probe.json")
    if slot_ms <= 0:
        raise Damaged("probe.json: \"slot_ms\" is not above 0")
    slots = [slot_of(slot, begin_ms + index * slot_ms, f"probe.json: timeline[{index}]")
             for index, slot in enumerate(take(data, "timeline", "a list", "probe.json"))]
    total = take(data, "total", "an object", "probe.json")
    check_phase(total, "probe.json: total")
    phases = take_list(data, "phases", "an object", "probe.json")
    for index, phase in enumerate(phases):
        check_phase(phase, f"probe.json: phases[{index}]")
    duration_ms = max(take(data, "duration_ms", "a number", "probe.json"), len(slots) * slot_ms)
    run.probe = Probe(begin_ms, begin_ms + duration_ms, slot_ms, slots, total, phases,
                      take(data, "own_delay_ms", "a number", "probe.json", 0))


def read_plan(run, data):
    """plan.json. Its faults count only where run.json does not say when they were: as planned."""
    faults = take(data, "faults", "a list", "plan.json", [])
    planned = []
    for index, fault in enumerate(faults):
        where = f"plan.json: faults[{index}]"
        begin_ms = take(fault, "at_s", "a number", where) * 1000
        lasts_ms = take(fault, "lasts_s", "a number", where, 0) * 1000
        planned.append(fault_of({**fault, "begin_ms": begin_ms, "end_ms": begin_ms + lasts_ms}, index + 1, where))
    if "run.json" in run.missing:
        run.faults = planned
    run.plan = data


def read_verdict(run, data):
    rows = []
    for index, row in enumerate(take(data, "rows", "a list", "verdict.json")):
        where = f"verdict.json: rows[{index}]"
        rows.append((take(row, "what", "text", where), row.get("bound"), row.get("measured"),
                     take(row, "ok", "true or false", where)))
    ok = take(data, "ok", "true or false", "verdict.json")
    if ok and not all(row[3] for row in rows):
        raise Damaged("verdict.json: \"ok\" is true although a row is not")
    run.verdict = [*rows] if ok or not all(row[3] for row in rows) else [*rows, ("the run as a whole", "ok", "not ok",
                                                                                  False)]


def read_exactly_one(run, data):
    findings = {kind: take_list(data, kind, "an object", "exactly-one.json", []) for kind in KINDS}
    for kind, items in findings.items():
        for index, item in enumerate(items):
            take(item, "wall_ms", "a number", f"exactly-one.json: {kind}[{index}]")
    run.openers = {name: take(data, name, "a count", "exactly-one.json") for name in ("openers", "answered")}
    run.findings = findings


def read_receipts(run, data):
    """receipts.json: {node: what the control API answers there}. All nodes tell of the same moves, as far back as they
    remember; each is taken once."""
    if not isinstance(data, dict):
        raise Damaged("receipts.json is not an object")
    found = {}
    for node in data:
        for item in take_list(data, node, "an object", "receipts.json"):
            found.setdefault(tuple(plain(item.get(key)) for key in RECEIPT_KEY), item)
    run.receipts = sorted(found.values(), key=lambda item: item["epoch"] if is_number(item.get("epoch")) else 0)


READERS = {"run.json": read_run, "probe.json": read_probe, "plan.json": read_plan, "verdict.json": read_verdict,
           "exactly-one.json": read_exactly_one, "receipts.json": read_receipts}


def read(directory):
    """The run in this directory. LabError if nothing in it can be read."""
    if not os.path.isdir(directory):
        raise LabError(f"{directory} is not a directory", "name the directory of a run, with run.json and probe.json")
    run = Run(directory)
    for name in FILES:
        try:
            READERS[name](run, read_json(directory, name))
        except Damaged as error:
            if name not in OPTIONAL or os.path.exists(os.path.join(directory, name)):
                run.missing[name] = str(error)
    if all(name in run.missing for name in ("run.json", "probe.json")):
        raise LabError(f"{directory} holds no run: {run.missing['run.json']}; {run.missing['probe.json']}",
                       "name the directory of a run that has ended; lab/lab torture makes one")
    known = [name for slot in (run.probe.slots if run.probe else []) for name in slot.answers]
    run.nodes = list(dict.fromkeys([*run.nodes, *sorted(set(known) - {"nobody"})]))
    return run


def newest(build):
    """The newest run directory of a build: below lab-results/torture*, or one of those itself."""
    results = os.path.join(build, "lab-results")
    found = []
    for top, directories, files in os.walk(results):
        if top == results:
            directories[:] = [name for name in directories if name.startswith("torture")]
        found += [os.path.join(top, name) for name in files if name in ("run.json", "probe.json")]
    if not found:
        raise LabError(f"there is no run below {results}/torture*",
                       "make one with lab/lab torture, or name a run's directory")
    return os.path.dirname(max(found, key=os.path.getmtime))
