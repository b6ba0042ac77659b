"""lab/bench-failover: it measures a peer, and leaves nothing behind."""

import json
import os
import signal
import subprocess

import harness
from harness import Scenario
from relaislab import lab as labs
from relaislab.shell import run

BENCH = os.path.join(harness.REPOSITORY, "lab", "bench-failover")


class Peers(Scenario):
    name = "peers"
    uses_lab = "no"
    timeout_s = 120

    def setUp(self):
        super().setUp()
        self.prefix = f"{harness.options.prefix}-peers"
        self.addCleanup(labs.down, self.prefix)

    def start(self, *words):
        process = subprocess.Popen([BENCH, "--prefix", self.prefix, "--build", harness.options.build, "--runs", "1",
                                    *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.stdout.close)
        return process

    def assert_gone(self):
        self.assertEqual(labs.remains(self.prefix), [])
        self.assertFalse(os.path.exists(f"/run/{self.prefix}-lab.lock"))

    def test_sharing_by_hand_costs_its_detection_time_and_breaks_the_share_twice(self):
        path = self.result_path("report.json")
        process = self.start("--only", "corosync-jhash", "--json", path)
        output, _ = process.communicate(timeout=90)
        self.assertEqual(process.returncode, 0, output)
        with open(path, encoding="utf-8") as file:
            (row,) = json.load(file)["rows"]
        (figures,) = row["runs"]
        self.assertEqual((row["name"], row["nodes"], figures["long"]), ("corosync-jhash", 2, 64))
        self.assertTrue(10 <= figures["lived"] <= 54, "two nodes share the clients")
        self.assertEqual((figures["broken_crash"], figures["broken_failback"]), (figures["lived"],) * 2)
        self.assertTrue(1800 <= figures["outage_ms"] <= 4000, figures["outage_ms"])
        self.assert_gone()

    def test_a_terminated_run_cleans_up(self):
        process = self.start("--only", "keepalived-0.1s")
        harness.wait_until(lambda: run(["ip", "netns", "pids", f"{self.prefix}-client"], check=False), 40, "no load")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30), 130)
        self.assert_gone()
