"""What every lab scenario stands on: a lab that fits, questions to its nodes, load from its clients.

Scenarios share a lab when they need the same one and the last one left it healthy; otherwise a new one is made.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import unittest
from dataclasses import dataclass, field

sys.dont_write_bytecode = True
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAB = os.path.join(REPOSITORY, "lab", "lab")
sys.path.insert(0, os.path.join(REPOSITORY, "lab"))

from relaislab import api, faults, lab, node as nodes, settled, state as states, topology, torture_plan  # noqa: E402
from relaislab.exactly_one import ExactlyOne  # noqa: E402
from relaislab.load import Load  # noqa: E402
from relaislab.shell import LabError  # noqa: E402

SETTLE_S = 30
MOST_CONNECTIONS = 20  # in a message
# Always the same, so that the same addresses fall into the same buckets in every run; choose_key.py says why this one.
KEY = hashlib.sha256(b"relais lab key 2").hexdigest()


@dataclass
class Options:
    """Set once by run.py."""

    prefix: str = "relais-test"
    build: str = os.environ.get("RELAIS_BUILD", os.path.join(REPOSITORY, "build"))
    results: str = ""   # directory for reports and logs, each test in its own below it; default BUILD/lab-results


options = Options()


@dataclass(frozen=True)
class Need:
    """The lab that a scenario needs."""

    timing: str = "normal"
    nodes: int = 3
    start: int = 0          # boot only so many; 0: all
    weights: tuple = ()     # (("n1", 2), …)
    two_node: str = "none"
    fresh: str = "no"       # "yes": made for this scenario, whatever is up


def wait_until(condition, timeout_s, what):
    """Waits until condition() is true and returns the seconds that it took; AssertionError with `what` after the
    time."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > timeout_s:
            raise AssertionError(f"not within {timeout_s} s: {what() if callable(what) else what}")
        time.sleep(0.05)
    return time.monotonic() - begin


def end_lab():
    with states.locked(options.prefix):
        lab.down(options.prefix)


class Cluster:
    """A running lab, with the questions and faults that scenarios use."""

    def __init__(self, state):
        self.state = state
        self.plan = state.plan

    @staticmethod
    def fitting(need):
        """The lab that is up if it fits and is healthy; else a new one."""
        plan = topology.Plan(prefix=options.prefix, nodes=need.nodes, timing=need.timing, weights=dict(need.weights),
                             build=os.path.abspath(options.build), key=KEY, two_node=need.two_node)
        wanted = need.start or need.nodes
        with states.locked(options.prefix):
            try:
                state = states.load(options.prefix)
            except LabError:
                state = None
            if state and (need.fresh == "yes" or state.plan != plan or len(state.running()) != wanted or
                          Cluster(state).ill()):
                state = None
            if state is None:
                lab.down(options.prefix)
                state = lab.up(plan, wanted)
        lab.wait_until_serving(state)
        cluster = Cluster(state)
        cluster.wait_settled()
        return cluster

    def ill(self):
        """Why this lab is not as a new one, or None."""
        if self.state.cuts:
            return "links are cut"
        try:
            self.wait_settled(15)
        except AssertionError as error:
            return str(error)
        return None

    def running(self):
        return self.state.running()

    def status(self, node):
        return api.status(self.state.nodes[node])

    def ask(self, node, method, path, body=None):
        return api.request(self.state.nodes[node], method, path, body)

    def receipts(self, node):
        return api.receipts(self.state.nodes[node])

    def events(self, node, after=0):
        return self.ask(node, "GET", f"/v1/events?after={after}")["events"]

    def relais(self, node, *words, timeout_s=60):
        """Runs the relais command in a node: (exit code, output, errors)."""
        done = subprocess.run(nodes.exec_argv(self.state, node, ["relais", *words]), text=True, capture_output=True,
                              env=nodes.exec_environment(self.plan), timeout=timeout_s, check=False)
        return done.returncode, done.stdout, done.stderr

    def execute(self, place, argv, check=True, timeout_s=60):
        """Runs a program in a place of the lab; its standard output."""
        done = subprocess.run(nodes.exec_argv(self.state, place, argv), text=True, capture_output=True,
                              env=nodes.exec_environment(self.plan), timeout=timeout_s, check=False)
        if check and done.returncode != 0:
            raise LabError(f"in {place}: '{' '.join(argv)}' failed: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def crash(self, node):
        faults.crash(self.state, node)

    def boot(self, node):
        nodes.boot(self.state, node)

    def owners(self, node, vip):
        """Owner (node id) of each bucket of the VIP with this index, as one node sees it."""
        return [bucket["owner"] for bucket in self.status(node)["vips"][vip]["buckets"]]

    def shares(self, node, vip=0):
        """Number of buckets by node name, as one node sees it."""
        names = {topology.number_of(name): name for name in self.plan.node_names()}
        counts = {name: 0 for name in self.plan.node_names()}
        for owner in self.owners(node, vip):
            if owner:
                counts[names[owner]] += 1
        return counts

    def unsettled(self):
        """Why the cluster is not at rest, or None: as below, and no earlier owner has connections left."""
        reason = self.unsettled_but_leftovers()
        if reason is None:
            for vip in self.status(self.running()[0])["vips"]:
                if any(bucket["leftovers"] for bucket in vip["buckets"]):
                    return f"leftovers in {vip['name']}"
        return reason

    def unsettled_but_leftovers(self):
        """Why not, or None: all running nodes are members and agree; shares follow the weights; nothing moves or is
        drained."""
        return settled.why_lab_unsettled(self.state)

    def wait_settled(self, timeout_s=SETTLE_S):
        return wait_until(lambda: self.unsettled() is None, timeout_s, self.why_still_unsettled)

    def why_still_unsettled(self):
        """For a message: the reason with the connections that the nodes have."""
        reason = self.unsettled() or "just now"
        sockets = ["ss", "-Hnteo", "sport", "=", f":{topology.SERVICE_PORT}"]
        connections = [f"{node}: {line}" for node in self.running()
                       for line in self.execute(node, sockets).splitlines()]
        return "\n".join([reason, *connections[:MOST_CONNECTIONS]])

    def detection_ms(self):
        return torture_plan.DETECTION_MS[self.plan.timing]


class ProbeRun(Load):
    """A running probe in the client namespace. `phase` begins a phase; `finish` ends the run and returns its report."""

    def __init__(self, cluster, path, rate=200, long_lived=0, idle=0, payload=16, families="46", udp="no"):
        vips = [vip for family, vip in (("4", topology.VIP4), ("6", topology.VIP6)) if family in families]
        options = ["--payload", str(payload)] + (["--udp"] if udp == "yes" else [])
        super().__init__(cluster.state, path, rate, long_lived, idle, vips, options=options)

    def finish(self):
        """Waits for what is under way and returns the report; prints its table."""
        data = self.report()
        print(self.table, end="")
        return Report(data)


class AnswerCount(ExactlyOne):
    """The checker, for scenarios that only want to know who was answered more than once."""

    def finish(self, record=None):
        """(number of openers answered, findings of those answered more than once)."""
        verdict = super().finish(record)
        return verdict.answered, verdict.two


@dataclass
class Report:
    """The probe's JSON report."""

    data: dict
    total: dict = field(init=False)

    def __post_init__(self):
        self.total = self.data["total"]

    def phase(self, name):
        return next(phase for phase in self.data["phases"] if phase["name"] == name)

    def answered(self, family):
        """Client address -> set of the nodes that answered it."""
        return {address: set(found) for address, found in self.data["addresses"].items()
                if (":" in address) == (family == "6")}


class Scenario(unittest.TestCase):
    """One scenario: `name` on the command line, `need` is its lab. Reports, captures and the nodes' logs are kept in
    `results`."""

    name = ""
    need = Need()
    timeout_s = 120
    uses_lab = "yes"

    def setUp(self):
        self.begin = time.monotonic()
        self.runs = 0
        self.results = os.path.join(options.results or os.path.join(options.build, "lab-results"), self.name,
                                    self.id().rpartition(".test_")[2])
        shutil.rmtree(self.results, ignore_errors=True)
        os.makedirs(self.results)
        if self.uses_lab == "yes":
            self.cluster = Cluster.fitting(self.need)

    def load(self, **settings):
        """Starts the probe; see ProbeRun."""
        self.runs += 1
        run = ProbeRun(self.cluster, self.result_path(f"probe{self.runs}.json"), **settings)
        self.addCleanup(run.abandon)
        return run

    def count_answers(self):
        """Starts to count the answers that clients get."""
        count = AnswerCount(self.cluster.state, self.results)
        self.addCleanup(count.abandon)
        return count

    def result_path(self, name):
        return os.path.join(self.results, name)

    def tearDown(self):
        if self.uses_lab == "yes":
            shutil.copytree(self.cluster.state.path("log"), self.result_path("logs"))
        print(f"{self.name}: {time.monotonic() - self.begin:.0f} s")

    def assert_no_harm(self, report):
        """No connection failed, was refused, reset or broken, in the whole run."""
        total = report.total
        troubles = json.dumps(total["troubles"][:5])
        self.assertEqual((total["failed"], total["refused"], total["reset"]), (0, 0, 0), troubles)
        self.assertEqual(total["long"]["broken"], 0, f"long-lived broken: {total['long']['broken_by_node']}")

    def assert_one_owner_per_bucket(self):
        """All nodes name the same owners, and every bucket has one."""
        running = self.cluster.running()
        for vip in (0, 1):
            first = self.cluster.owners(running[0], vip)
            self.assertNotIn(0, first, "a bucket without owner")
            for node in running[1:]:
                self.assertEqual(self.cluster.owners(node, vip), first, f"{node} and {running[0]} disagree")
