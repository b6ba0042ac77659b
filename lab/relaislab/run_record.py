"""Notes what a cluster does while a run goes on: owners of buckets and each node's own states, when they change; faults
as they begin and end. A thread asks the running nodes' control API, one node after the other.
"""

import itertools
import json
import threading
import time

from . import api
from .buckets import BUCKETS
from .shell import LabError

POLL_S = 0.15         # one node each time
ANSWER_S = 0.5        # longer than any relaisd that runs needs
SILENT_REST_S = 1.0   # a node that did not answer is left alone for so long
STALE_MS = 3000
OFF, SILENT = "off", "silent"


def wall_ms():
    return time.time_ns() // 1_000_000


def run_lengths(values):
    """[[value, how often in a row], …]."""
    return [[value, len(list(group))] for value, group in itertools.groupby(values)]


class History:
    """What was seen, in order of time (Unix ms). Pure: see what the thread below feeds it."""

    def __init__(self, begin_ms):
        self.begin_ms = begin_ms
        self.maps = []     # (ms, vip, owners)
        self.states = []   # (ms, node, vip, states)
        self.faults = []   # dicts
        self.last = {}
        self.newest = (0, 0)   # (epoch, ms) of the newest owners

    def changed(self, key, value):
        if self.last.get(key) == value:
            return False
        self.last[key] = value
        return True

    def see_owners(self, at_ms, status):
        """Not from a node that lags behind what another one said a moment ago: just woken up, or cut off."""
        known_epoch, known_ms = self.newest
        if status["epoch"] < known_epoch and at_ms - known_ms < STALE_MS:
            return
        self.newest = (status["epoch"], at_ms)
        for vip in status["vips"]:
            owners = [bucket["owner"] for bucket in vip["buckets"]]
            if self.changed(("owners", vip["name"]), owners):
                self.maps.append((at_ms, vip["name"], owners))

    def see_states(self, at_ms, node, status):
        for vip in status["vips"]:
            if self.changed((node, vip["name"]), vip["local_states"]):
                self.states.append((at_ms, node, vip["name"], vip["local_states"]))

    def see_nothing(self, at_ms, node, vips, word):
        """A node does not answer: off, or silent."""
        for vip in vips:
            if self.changed((node, vip), word):
                self.states.append((at_ms, node, vip, [word] * BUCKETS))

    def states_around(self, vip, bucket, from_ms, to_ms):
        """{node: "serve", or all its states of that bucket in that time: "foreign > adopt > serve"}."""
        found = {}
        for at_ms, node, of_vip, states in self.states:
            if of_vip != vip or at_ms > to_ms or len(states) <= bucket:
                continue
            words = found.setdefault(node, [])
            if at_ms <= from_ms:
                words.clear()   # an earlier state, replaced before the time that is asked for
            if not words or words[-1] != states[bucket]:
                words.append(states[bucket])
        return {node: " > ".join(words) for node, words in sorted(found.items())}

    def begin_fault(self, at_ms, text, kind, node):
        self.faults.append({"text": text, "kind": kind, "node": node, "begin_ms": at_ms, "done_ms": None,
                            "end_ms": None, "over_ms": None})
        return len(self.faults) - 1

    def note_fault(self, at_ms, number, what):
        """what: "done_ms", the fault is there; "end_ms", it has ended; "over_ms", the cluster has come to rest."""
        self.faults[number][what] = at_ms

    def to_json(self, nodes, vips):
        """The run file: times in ms after begin_wall_ms; states run-length coded, [["serve", 85], …]."""
        since = lambda at_ms: None if at_ms is None else at_ms - self.begin_ms
        return {
            "begin_wall_ms": self.begin_ms, "vips": vips, "nodes": nodes,
            "faults": [{name: since(value) if name.endswith("_ms") else value for name, value in fault.items()}
                       for fault in self.faults],
            "maps": [{"at_ms": since(at_ms), "vip": vip, "owners": owners} for at_ms, vip, owners in self.maps],
            "states": [{"at_ms": since(at_ms), "node": node, "vip": vip, "states": run_lengths(words)}
                       for at_ms, node, vip, words in self.states],
        }


class RunRecord:
    """Fills a History while a run goes on. state_of() gives the lab's state, or None without a lab."""

    def __init__(self, state_of):
        self.state_of = state_of
        self.history = History(wall_ms())
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.poll_all, daemon=True, name="run-record")
        self.vips = []
        self.rest_until = {}

    def start(self):
        self.thread.start()

    def stop(self):
        self.over.set()
        if self.thread.is_alive():
            self.thread.join(10)

    def poll_all(self):
        for number in itertools.count():
            if self.over.wait(POLL_S):
                return
            state = self.state_of()
            if state is not None:
                names = state.plan.node_names()
                self.poll(state, names[number % len(names)])

    def poll(self, state, node):
        init = dict(state.nodes).get(node)   # a copy: another thread changes it
        if init is None or not init.alive():
            with self.lock:
                self.history.see_nothing(wall_ms(), node, self.vips, OFF)
            return
        if time.monotonic() < self.rest_until.get(node, 0):
            return
        try:
            status = api.status(init, ANSWER_S)
        except LabError:
            self.rest_until[node] = time.monotonic() + SILENT_REST_S
            with self.lock:
                self.history.see_nothing(wall_ms(), node, self.vips, SILENT)
            return
        self.vips = [vip["name"] for vip in status["vips"]]
        with self.lock:
            if status["role"] == "member":
                self.history.see_owners(wall_ms(), status)
            self.history.see_states(wall_ms(), node, status)

    def states_around(self, vip, bucket, from_ms, to_ms):
        with self.lock:
            return self.history.states_around(vip, bucket, from_ms, to_ms)

    def begin_fault(self, text, kind, node):
        """Returns the fault's number."""
        with self.lock:
            return self.history.begin_fault(wall_ms(), text, kind, node)

    def done_fault(self, number):
        """The fault is there: carried out."""
        with self.lock:
            self.history.note_fault(wall_ms(), number, "done_ms")

    def end_fault(self, number):
        with self.lock:
            self.history.note_fault(wall_ms(), number, "end_ms")

    def settle_faults(self, numbers):
        """The cluster has come to rest after them."""
        with self.lock:
            for number in numbers:
                self.history.note_fault(wall_ms(), number, "over_ms")

    def write(self, path, nodes):
        """Writes the run file, and returns what it holds."""
        with self.lock:
            run = self.history.to_json(nodes, self.vips)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(run, file)
        return run


def write_json(path, value):
    """The other files of a run's directory: small, and read by people too."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
