"""Each planned move under heavy load, with every answer on the wire checked; and a crash under a SYN flood."""

import signal
import subprocess
import time

from relaislab import exactly_one, faults, node as nodes, torture_faults

from harness import Need, Scenario, wait_until

RATE = 500
LONG_LIVED = 64
FLOOD_RATE, FLOOD_S = 50000, 30


class PlannedMoves(Scenario):
    name = "planned_moves"
    timeout_s = 240

    def test_no_planned_move_costs_a_client_anything_and_each_opener_gets_one_answer(self):
        count = exactly_one.ExactlyOne(self.cluster.state, self.results)
        self.addCleanup(count.abandon)
        run = self.load(rate=RATE, long_lived=LONG_LIVED)
        time.sleep(2)
        for name, move in (("drain", self.drain), ("resume", self.resume), ("weight", self.weigh),
                           ("leave", self.leave), ("return", self.come_back)):
            run.phase(name)
            move()
            time.sleep(1.5)
        report = run.finish()
        verdict = count.finish()
        print("\n".join(exactly_one.summary(verdict)))
        self.assert_no_harm(report)
        self.assertEqual(report.total["delayed"], 0, report.total["troubles"][:5])
        self.assertEqual((verdict.none, verdict.late, verdict.two), ([], [], []))
        self.assertGreaterEqual(verdict.answered, report.total["ok"])
        self.cluster.wait_settled()

    def order(self, *words):
        code, output, errors = self.cluster.relais("n1", *words)
        self.assertEqual(code, 0, output + errors)

    def wait_for_shares(self, is_right):
        wait_until(lambda: is_right(self.cluster.shares("n1")) and not self.cluster.status("n1")["moves"], 20,
                   lambda: f"shares are {self.cluster.shares('n1')}")

    def drain(self):
        self.order("drain", "n3", "--no-wait")
        self.wait_for_shares(lambda shares: shares["n3"] == 0)

    def resume(self):
        self.order("resume", "n3", "--no-wait")
        self.wait_for_shares(lambda shares: shares["n3"] >= 85)

    def weigh(self):
        self.order("weight", "n1", "3")
        self.wait_for_shares(lambda shares: shares["n1"] >= 153)
        self.order("weight", "n1", "1")
        self.wait_for_shares(lambda shares: shares["n1"] <= 86)

    def leave(self):
        """An orderly restart of relaisd: its long-lived connections stay on the machine."""
        faults.set_respawn(self.cluster.state, "n2", "relaisd", 2000)
        for process in nodes.processes(self.cluster.state, "n2", "relaisd"):
            process.send(signal.SIGTERM)
            self.assertTrue(process.wait_gone(30), "relaisd has not ended")
        self.wait_for_shares(lambda shares: shares["n2"] == 0)

    def come_back(self):
        faults.release(self.cluster.state, "n2", "relaisd")
        self.wait_for_shares(lambda shares: shares["n2"] >= 85)


class CrashUnderFlood(Scenario):
    """Spoofed SYNs at all buckets, also those for which a standby holds, while their owner dies."""

    name = "crash_under_flood"
    timeout_s = 150
    need = Need(timing="fast")

    def test_a_flood_at_the_standbys_buckets_keeps_no_client_out(self):
        memory_before = self.memory_kb()
        flood = subprocess.Popen(torture_faults.flood_argv(self.cluster.state, FLOOD_RATE, FLOOD_S),
                                 stdout=subprocess.DEVNULL)
        self.addCleanup(flood.wait)
        self.addCleanup(flood.kill)
        time.sleep(1)
        run = self.load(rate=100)
        time.sleep(1)
        run.phase("crash")
        self.cluster.crash("n2")
        time.sleep(3)
        holds = {node: self.cluster.status(node)["data_plane"] for node in ("n1", "n3")}
        run.phase("after")
        time.sleep(3)
        report = run.finish()
        flood.kill()
        print(f"memory {memory_before} KiB before, {self.memory_kb()} KiB after; hold of n1: {holds['n1']['hold']}")
        crash, after = report.phase("crash"), report.phase("after")
        self.assertEqual((report.total["failed"], after["failed"], crash["refused"]), (0, 0, 0),
                         report.total["troubles"][:5])
        kept_out = {node: plane["verdicts"]["drop_hold_rate"] + plane["hold"]["overflowed"]
                    for node, plane in holds.items()}
        held = {node: plane["hold"]["held"] for node, plane in holds.items()}
        print(f"held: {held}, kept out of the hold: {kept_out}")
        self.assertGreater(sum(held.values()) + sum(kept_out.values()), 5000, "the flood has not reached the holds")
        for node, plane in holds.items():
            self.assertLessEqual(plane["held_now"], 8192, node)
        for node, size_kb in self.memory_kb().items():
            self.assertLess(size_kb, memory_before[node] + 65536, f"relaisd of {node} grows")
        self.cluster.boot("n2")
        # Half-open sockets of the flood are leftovers for a minute.
        wait_until(lambda: self.cluster.unsettled_but_leftovers() is None, 30, self.cluster.unsettled_but_leftovers)

    def memory_kb(self):
        """Resident memory of each surviving relaisd."""
        sizes = {}
        for node in ("n1", "n3"):
            (process,) = nodes.processes(self.cluster.state, node, "relaisd")
            with open(f"/proc/{process.pid}/status", encoding="utf-8") as file:
                line = next(line for line in file if line.startswith("VmRSS:"))
            sizes[node] = int(line.split()[1])
        return sizes
