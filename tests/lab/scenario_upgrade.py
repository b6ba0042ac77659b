"""relaisd is replaced while it serves: by a copy of itself, by one that dies at once, by one that never answers."""

import os
import shutil
import time

from relaislab import faults, node as nodes

from harness import Scenario, wait_until

RATE = 200
LONG_LIVED = 64
VICTIM = "n2"
ANNOUNCED_S = 5
OUTAGE_SLACK_MS = 300


class UpgradeScenario(Scenario):
    """200 connections/s and 64 long-lived ones while daemons are replaced."""

    timeout_s = 240

    def copy_of_relaisd(self):
        """The same program at another path: as good as another release."""
        return self.installed("copy", lambda path: shutil.copy(nodes.program(self.cluster.plan, "relaisd"), path))

    def wrapper(self, name, then):
        """A program that says yes to --check, and does `then` when it shall run."""
        def write(path):
            with open(path, "w", encoding="utf-8") as file:
                file.write('#!/bin/sh\nfor word in "$@"; do [ "$word" = --check ] && echo relaisd yes && exit 0; done\n'
                           f'{then}\n')
        return self.installed(name, write)

    def installed(self, name, make):
        directory = os.path.abspath(self.result_path(name))
        os.makedirs(directory, exist_ok=True)
        path = os.path.join(directory, "relaisd")
        make(path)
        os.chmod(path, 0o755)
        return path

    def pid_of_relaisd(self, node):
        return [process.pid for process in nodes.processes(self.cluster.state, node, "relaisd")]

    def upgrade(self, node, binary=None, wait="yes"):
        words = ["upgrade-daemon"] + (["--binary", binary] if binary else []) + (["--no-wait"] if wait == "no" else [])
        return self.cluster.relais(node, *words)

    def receipts(self):
        return {node: self.cluster.receipts(node) for node in self.cluster.running()}


class Upgrade(UpgradeScenario):
    name = "upgrade"

    def test_replacing_relaisd_on_each_node_in_turn_moves_nothing_and_no_client_notices(self):
        binary = self.copy_of_relaisd()
        owners = self.cluster.owners("n1", 0)
        before = {node: self.pid_of_relaisd(node) for node in ("n1", "n2", "n3")}
        told = self.receipts()
        answers = self.count_answers()
        run = self.load(rate=RATE, long_lived=LONG_LIVED)
        time.sleep(2)
        for node in ("n1", "n2", "n3"):
            run.phase(f"upgrade {node}")
            begin = time.monotonic()
            code, output, errors = self.upgrade(node, binary)
            print(f"{node}: {1000 * (time.monotonic() - begin):.0f} ms, {output.strip().splitlines()[-1:]}")
            self.assertEqual(code, 0, output + errors)
            self.assertEqual(self.cluster.status(node)["upgrade"]["state"], "done")
            self.assertEqual(self.pid_of_relaisd(node), before[node], "the process keeps its id")
            for other in ("n1", "n2", "n3"):
                self.assertEqual(self.cluster.owners(other, 0), owners, f"{other} sees other owners")
            wait_until(lambda: self.cluster.unsettled_but_leftovers() is None, 10, self.cluster.unsettled_but_leftovers)
            time.sleep(1)
        run.phase("after")
        time.sleep(2)
        report = run.finish()
        _, twice = answers.finish()
        self.assertEqual(twice, [], "connection openers that two nodes answered")
        self.assert_no_harm(report)
        self.assertEqual(report.total["delayed"], 0, "a connection waited for more than 200 ms")
        for node in ("n1", "n2", "n3"):
            known = {receipt["epoch"] for receipt in told["n1"]}
            new = [receipt for receipt in self.cluster.receipts(node) if receipt["epoch"] not in known]
            self.assertEqual(new, [], f"{node} has a receipt of a move")
            self.assertEqual(os.readlink(f"/proc/{before[node][0]}/exe"), binary)
        self.cluster.wait_settled()


class UpgradeRefused(UpgradeScenario):
    name = "upgrade_refused"

    def test_a_binary_that_would_not_run_is_refused_and_nothing_happens(self):
        before = self.pid_of_relaisd(VICTIM)
        refusing = self.installed("refusing", lambda path: shutil.copy("/bin/false", path))
        plain = self.installed("plain", lambda path: shutil.copy("/bin/false", path))
        os.chmod(plain, 0o644)
        for binary, reason in (("/no/such/relaisd", "cannot find"), (plain, "not a program"),
                               (refusing, "exited with status 1")):
            code, output, errors = self.upgrade(VICTIM, binary)
            self.assertEqual(code, 1, output)
            self.assertIn(reason, errors)
        self.assertEqual(self.pid_of_relaisd(VICTIM), before)
        self.assertEqual(self.cluster.unsettled_but_leftovers(), None)


class UpgradeDies(UpgradeScenario):
    name = "upgrade_dies"

    def check_takeover(self, then, gone):
        """The share of a node whose successor fails is answered by its data plane for the announced time, and then by
        the others."""
        binary = self.wrapper("wrapper", then)
        faults.hold_down(self.cluster.state, VICTIM, "relaisd")
        run = self.load(rate=RATE, long_lived=LONG_LIVED)
        time.sleep(2)
        run.phase("upgrade")
        begin = time.monotonic()
        code, output, errors = self.upgrade(VICTIM, binary, wait="no")
        self.assertEqual(code, 0, output + errors)
        wait_until(lambda: not self.cluster.status("n1")["nodes"][1]["in_ring"], 5, f"{VICTIM} has not left")
        time.sleep(max(0, begin + ANNOUNCED_S - 1 - time.monotonic()))
        self.assertGreater(self.cluster.shares("n1")[VICTIM], 0, "the share has moved before the announced time was up")
        wait_until(lambda: self.cluster.shares("n1")[VICTIM] == 0 and not self.cluster.status("n1")["moves"], 5,
                   "the share was not taken over")
        print(f"taken over after {time.monotonic() - begin:.2f} s")
        run.phase("two")
        time.sleep(2)
        gone()
        report = run.finish()
        faults.release(self.cluster.state, VICTIM, "relaisd")
        self.assertEqual((report.total["failed"], report.total["refused"], report.total["reset"]), (0, 0, 0))
        broken = report.total["long"]["broken_by_node"]
        self.assertEqual({node: count for node, count in broken.items() if node != VICTIM}, {},
                         "connections of the others were broken")
        self.assertLessEqual(report.phase("upgrade")["outage_ms"], self.cluster.detection_ms() + OUTAGE_SLACK_MS)
        self.cluster.wait_settled()

    def test_one_that_dies_at_once_is_taken_over_after_the_announced_time(self):
        self.check_takeover("exit 1", lambda: None)

    def test_one_that_never_answers_is_taken_over_after_the_announced_time(self):
        def end_it():
            for process in nodes.processes(self.cluster.state, VICTIM, "sleep"):
                process.send(9)
        self.check_takeover("exec sleep 60", end_it)


