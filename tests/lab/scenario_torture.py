"""The proof's own tools: the checker sees a double and a missing answer, a flood leaves half-open connections, and a
short torture passes."""

import json
import os
import subprocess
import time

import harness
from harness import LAB, Scenario, wait_until
from relaislab import buckets, torture_plan, topology
from relaislab.exactly_one import ExactlyOne
from relaislab.run_record import RunRecord

CLIENT = "203.0.113.77"
BUCKET_MAP = "/sys/fs/bpf/relais/eth0/maps/buckets"
FOREIGN, SERVE = 0, 4   # netfilter/abi/bucket_state.h
HALF_OPEN_S = 20   # TCP itself gives up after 63 s


class Checker(Scenario):
    name = "exactly_one"
    timeout_s = 150

    def setUp(self):
        super().setUp()
        self.bucket = buckets.bucket_of(buckets.hash_key(harness.KEY), CLIENT)
        owner = self.cluster.owners("n1", 0)[self.bucket]
        self.owner = f"n{owner}"
        self.other = next(node for node in self.cluster.running() if node != self.owner)

    def watch(self):
        record = RunRecord(lambda: self.cluster.state)
        record.start()
        self.addCleanup(record.stop)
        check = ExactlyOne(self.cluster.state, self.results)
        self.addCleanup(check.abandon)
        time.sleep(1)   # the record has asked every node
        return check, record

    def load_from(self, sources, count):
        """Connections to the IPv4 VIP, given up after a second; how many were tried."""
        path = self.result_path("probe.json")
        self.cluster.execute("client", ["probe", "load", "--vip", topology.VIP4, "--sources", sources, "--rate", "100",
                                        "--count", str(count), "--connect-timeout", "1", "--json", path])
        with open(path, encoding="utf-8") as file:
            return json.load(file)["total"]["attempts"]

    def force(self, node, state):
        """Writes a bucket's state into a node's data plane, behind relaisd's back."""
        self.cluster.execute(node, ["bpftool", "map", "update", "pinned", BUCKET_MAP, "key", "hex",
                                    f"{self.bucket:02x}", "00", "00", "00", "value", "hex", f"{state:02x}", "00", "00",
                                    "00"])

    def verdict(self, node, state, back):
        """What the checker says while a node's data plane has another state for the client's bucket."""
        check, record = self.watch()
        self.force(node, state)
        self.addCleanup(self.force, node, back)
        tried = self.load_from(CLIENT, 20)
        verdict = check.finish(record)
        self.assertEqual(verdict.openers, tried)
        return verdict

    def test_a_healthy_cluster_answers_every_opener_once(self):
        check, record = self.watch()
        tried = self.load_from(topology.CLIENT_RANGE4, 200)
        verdict = check.finish(record)
        self.assertEqual((verdict.openers, verdict.answered, verdict.findings()), (tried, tried, []))

    def test_two_nodes_that_answer_one_opener_are_seen_and_named(self):
        verdict = self.verdict(self.other, SERVE, FOREIGN)
        self.assertEqual(len(verdict.two), verdict.openers)
        for item in verdict.two:
            self.assertEqual((item["client"], item["bucket"], item["vip_name"]), (CLIENT, self.bucket, "mail4"))
            self.assertEqual({answer["node"] for answer in item["answers"]}, {self.owner, self.other})
            self.assertEqual(set(item["states"]), set(self.cluster.running()))
        self.assertEqual(verdict.none, [])

    def test_an_opener_that_nobody_answers_is_seen(self):
        verdict = self.verdict(self.owner, FOREIGN, SERVE)
        self.assertEqual((len(verdict.none), verdict.answered), (verdict.openers, 0))
        self.assertEqual({item["bucket"] for item in verdict.none}, {self.bucket})

    def test_the_command_says_what_it_saw_and_ends_with_1_on_a_finding(self):
        command = [os.path.join(harness.REPOSITORY, "lab", "exactly-one"), "--prefix", harness.options.prefix]
        for state, code in ((SERVE, 0), (FOREIGN, 1)):
            path = self.result_path(f"exactly-one-{code}.json")
            self.force(self.owner, state)
            self.addCleanup(self.force, self.owner, SERVE)
            with subprocess.Popen([*command, "--duration", "4", "--json", path], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True) as process:
                self.assertIn("watching", process.stdout.readline())
                self.load_from(CLIENT, 5)
                output, _ = process.communicate(timeout=60)
            print(output)
            self.assertEqual(process.returncode, code, output)
            with open(path, encoding="utf-8") as file:
                self.assertEqual(len(json.load(file)["none"]), 5 * code)


class Flood(Scenario):
    name = "flood"

    def half_open(self):
        return sum(len(self.cluster.execute(node, ["ss", "-Hnt", "state", "syn-recv"]).splitlines())
                   for node in self.cluster.running())

    def leave_half_open(self, *words):
        """A second of flood, slow enough that no node needs SYN cookies."""
        done = subprocess.run([LAB, "--prefix", harness.options.prefix, "flood", "--rate", "500", "--duration", "1",
                               *words], text=True, capture_output=True, check=False, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)

    def resets_of_clients(self):
        """TCP's OutRsts in the clients' network."""
        lines = [line.split() for line in self.cluster.execute("client", ["cat", "/proc/net/snmp"]).splitlines()
                 if line.startswith("Tcp:")]
        return int(lines[1][lines[0].index("OutRsts")])

    def test_a_flood_leaves_half_open_connections_and_nobody_resets_them(self):
        before = self.resets_of_clients()
        self.leave_half_open("--json", self.result_path("flood.json"))
        with open(self.result_path("flood.json"), encoding="utf-8") as file:
            self.assertGreater(json.load(file)["sent"], 300)
        self.assertGreater(self.half_open(), 100)
        self.assertEqual(self.resets_of_clients(), before)

    def test_what_is_half_open_when_its_bucket_moves_is_ended_soon(self):
        self.leave_half_open()
        self.assertGreater(self.half_open(), 100)
        self.assertEqual(self.cluster.relais("n1", "drain", "n2", "--no-wait")[0], 0)
        wait_until(lambda: self.left_over_of("n2"), 5, "the drained node has no leftovers")
        wait_until(lambda: not self.left_over_of("n2"), HALF_OPEN_S, "the drained node keeps what is half open")
        self.assertEqual(self.cluster.relais("n1", "resume", "n2", "--no-wait")[0], 0)
        self.cluster.wait_settled()

    def left_over_of(self, node):
        """Whether the node has connections in buckets of others, as n1 sees it."""
        number = topology.number_of(node)
        return any(number in bucket["leftovers"] for vip in self.cluster.status("n1")["vips"]
                   for bucket in vip["buckets"])

    def test_clients_get_in_beside_a_flood(self):
        run = self.load(rate=100, long_lived=16)
        flood = subprocess.run([LAB, "--prefix", harness.options.prefix, "flood", "--rate", "5000", "--duration", "3"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=30)
        print(flood.stdout, end="")
        self.assertEqual(flood.returncode, 0, flood.stdout)
        report = run.finish()
        self.assert_no_harm(report)
        wait_until(lambda: self.cluster.unsettled_but_leftovers() is None, 15, self.cluster.unsettled_but_leftovers)


class Torture(Scenario):
    name = "torture"
    uses_lab = "no"
    timeout_s = 240
    SEED = 6

    def setUp(self):
        super().setUp()
        self.prefix = f"{harness.options.prefix}-torture"

    def torture(self, *words):
        out = self.result_path("run")
        done = subprocess.run([LAB, "--prefix", self.prefix, "torture", "--seed", str(self.SEED), "--minutes", "1",
                               "--build", harness.options.build, "--out", out, *words], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200)
        print(done.stdout)
        return done, out

    def test_a_minute_of_faults_passes_and_leaves_no_lab(self):
        done, out = self.torture()
        plan = torture_plan.draw(torture_plan.Request(self.SEED, 1.0))
        self.assertTrue(done.stdout.startswith(f"Plan of seed {self.SEED}: "), "the plan is not printed first")
        with open(os.path.join(out, "plan.json"), encoding="utf-8") as file:
            self.assertEqual([fault["text"] for fault in json.load(file)["faults"]], [fault.text for fault in plan])
        for name in ("probe", "run", "exactly-one", "idle", "receipts", "verdict"):
            self.assertTrue(os.path.exists(os.path.join(out, f"{name}.json")), name)
        self.assertEqual(harness.lab.remains(self.prefix), [])
        self.assertEqual(done.returncode, 0, "a bound was not kept")

    def test_a_run_that_cannot_begin_says_why_and_how_to_repeat_it(self):
        done, _ = self.torture("--build", "/nonexistent")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not built", done.stdout)
        self.assertIn(f"lab/lab torture --minutes 1 --seed {self.SEED}", done.stdout)
        self.assertEqual(harness.lab.remains(self.prefix), [])
