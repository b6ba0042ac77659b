"""The lab itself: it comes and goes without a trace, however it is treated, without relaisd; and the demo."""

import os
import re
import signal
import subprocess
import time
import unittest

import harness
from harness import LAB, Cluster, Scenario
from relaislab import lab as labs, report_run, state as states, topology

DEMO = os.path.join(harness.REPOSITORY, "lab", "demo")


class LabScenario(Scenario):
    name = "lab_itself"
    uses_lab = "no"
    timeout_s = 240

    def setUp(self):
        super().setUp()
        self.one, self.two = (f"{harness.options.prefix}-{number}" for number in (1, 2))
        for prefix in (self.one, self.two):
            self.lab(prefix, "down")
            self.addCleanup(self.lab, prefix, "down")

    def lab(self, prefix, *words):
        """(exit code, output and errors) of a lab command."""
        done = subprocess.run([LAB, "--prefix", prefix, *words], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, timeout=90)
        return done.returncode, done.stdout

    def up(self, prefix, *words):
        code, output = self.lab(prefix, "up", "--no-relaisd", "--build", harness.options.build, *words)
        self.assertEqual(code, 0, output)

    def assert_gone(self, prefix):
        self.assertEqual(labs.remains(prefix), [])
        self.assertFalse(os.path.exists(f"/run/{prefix}-lab.lock"))

    def test_up_and_down_may_be_repeated_and_leave_nothing(self):
        for _ in range(2):
            self.up(self.one)
            self.up(self.one)
            for _ in range(2):
                self.assertEqual(self.lab(self.one, "down")[0], 0)
            self.assert_gone(self.one)

    def test_two_labs_run_side_by_side(self):
        self.up(self.one, "--nodes", "2")
        self.up(self.two, "--nodes", "2")
        self.assertEqual(self.lab(self.one, "down")[0], 0)
        code, output = self.lab(self.two, "exec", "n2", "--", "hostname")
        self.assertEqual((code, output.strip()), (0, "n2"))
        self.assertEqual(self.lab(self.two, "down")[0], 0)
        self.assert_gone(self.two)

    def test_a_terminated_up_cleans_up(self):
        process = subprocess.Popen([LAB, "--prefix", self.one, "up", "--no-relaisd", "--nodes", "8", "--build",
                                    harness.options.build], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_until(lambda: os.path.exists(f"/run/netns/{self.one}-n2"), 20, "n2 does not come")
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        self.assert_gone(self.one)

    def test_down_cleans_up_after_a_killed_up(self):
        process = subprocess.Popen([LAB, "--prefix", self.one, "up", "--no-relaisd", "--nodes", "8", "--build",
                                    harness.options.build], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_until(lambda: os.path.exists(f"/run/netns/{self.one}-n2"), 20, "n2 does not come")
        process.kill()
        process.wait(30)
        self.assertEqual(self.lab(self.one, "down")[0], 0)
        self.assert_gone(self.one)

    def test_crash_start_and_stop_may_be_repeated(self):
        self.up(self.one)
        for command in ("crash", "crash", "start", "start", "stop", "stop", "start"):
            code, output = self.lab(self.one, command, "n2")
            self.assertEqual(code, 0, output)
        code, output = self.lab(self.one, "probe", "load", "--vip", topology.front4("n2"), "--rate", "50",
                                "--duration", "1")
        self.assertIn("n2:49", output)

    def test_links_can_be_cut_one_way_and_healed(self):
        self.up(self.one)
        ping = ("exec", "client", "--", "ping", "-c", "1", "-W", "1", topology.front4("n1"))
        for direction in ("in", "out", "both", "silent"):
            self.assertEqual(self.lab(self.one, *ping)[0], 0)
            self.lab(self.one, "cut", "n1", "--net", "front", "--direction", direction)
            self.assertNotEqual(self.lab(self.one, *ping)[0], 0, direction)
            self.lab(self.one, "heal")
        self.assertEqual(self.lab(self.one, *ping)[0], 0)

    def test_a_killed_service_is_started_again(self):
        self.up(self.one, "--nodes", "1")
        time.sleep(0.5)
        def corosync():
            return self.lab(self.one, "exec", "n1", "--", "pidof", "corosync")[1]
        before = corosync()
        self.lab(self.one, "kill-daemon", "n1", "--process", "corosync", "--after", "0.3")
        harness.wait_until(lambda: corosync() not in ("", before), 10, "corosync does not return")

    def test_not_root_is_said(self):
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", LAB, "up"], text=True, capture_output=True,
                              check=False)
        if "can't open file" in done.stderr or "Permission denied" in done.stderr:
            raise unittest.SkipTest("the repository is not readable for others")
        self.assertEqual(done.returncode, 1)
        self.assertIn("needs root", done.stderr)

    def test_bad_words_are_explained(self):
        for words in (["up", "--nodes", "0"], ["up", "--weights", "n9=1"], ["crash", "n1"], ["start", "x"]):
            code, output = self.lab(self.one, *words)
            self.assertEqual(code, 1, output)
            self.assertTrue(output.startswith("lab: "), output)
        self.assert_gone(self.one)


class Demo(Scenario):
    name = "demo"
    uses_lab = "no"
    timeout_s = 240

    def setUp(self):
        super().setUp()
        self.prefix = f"{harness.options.prefix}-demo"
        self.addCleanup(subprocess.run, [LAB, "--prefix", self.prefix, "down"], check=True, stdout=subprocess.DEVNULL)

    def test_the_demo_leaves_a_serving_cluster_and_can_be_repeated(self):
        for _ in range(2):
            done = subprocess.run([DEMO, "--prefix", self.prefix, "--build", harness.options.build], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=110)
            print(done.stdout)
            self.assertEqual(done.returncode, 0)
            self.assertIn("its return, the drain and the resume broke 0.", done.stdout)
            self.assertIn(f"lab/lab --prefix {self.prefix} down", done.stdout)
            self.check_page(re.search(r"The same as a page: (\S+)", done.stdout)[1])
            Cluster(states.load(self.prefix)).wait_settled()

    def check_page(self, path):
        """What the page shows is all of this run, and no bound of it was broken."""
        run = report_run.read(os.path.dirname(path))
        self.assertEqual(set(run.missing), {"exactly-one.json"})
        self.assertEqual([fault.text for fault in run.faults], ["n2 crashes, and boots again",
                                                                "n3 is drained, and resumed"])
        self.assertTrue(all(ok for *_, ok in run.verdict), run.verdict)
        with open(path, encoding="utf-8") as file:
            self.assertIn("<h1>Demo: 2 faults in ", file.read())
