"""What clients see when a node's way to them dies, or the node itself while they only listen."""

import json
import subprocess
import sys
import threading
import time

from relaislab import faults, node as nodes, topology
from relaislab.shell import ip_batch

from harness import REPOSITORY, Scenario, wait_until

VICTIM = "n2"
RATE = 200
LONG_LIVED = 64
IDLE = 200
FIRST_SOURCE = "203.0.113.30"
INTERVAL_MS = 250
MISSES = 3
TICKLED_WITHIN_S = 1.0
HANDOVER_MS = 100


class IdleClients:
    """Connections of the client namespace that only listen."""

    def __init__(self, cluster, count):
        argv = [sys.executable, f"{REPOSITORY}/tests/lab/idle_clients.py", str(topology.SERVICE_PORT), topology.VIP4,
                FIRST_SOURCE, str(count)]
        self.process = subprocess.Popen(nodes.exec_argv(cluster.state, "client", argv), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("the idle clients could not connect")
        self.nodes = json.loads(line)
        self.ends = {}   # number -> (monotonic time, how)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            when, number, how = json.loads(line)
            self.ends[number] = (when, how)

    def of(self, node):
        return [number for number, name in enumerate(self.nodes) if name == node]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.reader.join(10)
        self.process.stdout.close()


class FrontScenario(Scenario):
    def idle(self, count=IDLE):
        clients = IdleClients(self.cluster, count)
        self.addCleanup(clients.stop)
        time.sleep(2.5)   # the nodes tell each other once a second whom they serve
        return clients

    def victim_status(self):
        return next(node for node in self.cluster.status("n1")["nodes"] if node["name"] == VICTIM)

    def wait_share(self, least, most, timeout_s):
        return wait_until(lambda: least <= self.cluster.shares("n1")[VICTIM] <= most and
                          not self.cluster.status("n1")["moves"], timeout_s,
                          lambda: f"{VICTIM} has {self.cluster.shares('n1')[VICTIM]} buckets")

    def heal(self):
        faults.heal(self.cluster.state, VICTIM)

    def event_ms(self, node, kind, after_ms):
        """Wall clock time of the first such event since then, or None."""
        return next((event["time_ms"] for event in self.cluster.events(node)
                     if event["kind"] == kind and event["time_ms"] >= after_ms), None)


class Tickle(FrontScenario):
    name = "tickle"
    timeout_s = 150

    def takeover_ms(self, begin_ms):
        """Wall clock time at which the last heir of the dead node had claimed."""
        def claims():
            return [receipt["time_ms"] for receipt in self.cluster.receipts("n1")
                    if receipt["cause"] == "node died" and receipt["time_ms"] >= begin_ms]
        wait_until(lambda: len(claims()) >= 2, 5, lambda: f"receipts: {self.cluster.receipts('n1')}")
        return max(claims())

    def test_clients_that_only_listen_are_reset_within_a_second_of_the_takeover(self):
        clients = self.idle()
        mine = clients.of(VICTIM)
        self.assertGreater(len(mine), IDLE / 5)
        self.assertEqual(clients.ends, {}, "connections ended by themselves")
        offset_s = time.time() - time.monotonic()
        begin_ms = time.time() * 1000
        self.cluster.crash(VICTIM)
        wait_until(lambda: set(mine) <= set(clients.ends), 10,
                   lambda: f"{len(set(mine) - set(clients.ends))} of {len(mine)} clients were not told")
        takeover_ms = self.takeover_ms(begin_ms)
        late_s = max(when + offset_s for when, _ in clients.ends.values()) - takeover_ms / 1000
        print(f"{len(mine)} idle clients of {VICTIM}: the last was reset {late_s * 1000:.0f} ms after the takeover")
        self.assertEqual({how for _, how in clients.ends.values()}, {"reset"})
        self.assertLessEqual(late_s, TICKLED_WITHIN_S)
        time.sleep(1)
        self.assertEqual(set(clients.ends), set(mine), "clients of living nodes were disturbed")
        told = [event for node in ("n1", "n3") for event in self.cluster.events(node)
                if event["kind"] == "tickled" and event["time_ms"] >= begin_ms]
        self.assertTrue(told, "no event says so")
        clients.stop()
        self.cluster.boot(VICTIM)
        self.cluster.wait_settled()


class FrontCut(FrontScenario):
    name = "front_cut"
    timeout_s = 240

    def cut_and_check(self, direction, notice_ms):
        """The share moves within notice_ms and a handover; clients that connected to the others notice nothing."""
        run = self.load(rate=RATE, long_lived=LONG_LIVED)
        self.addCleanup(self.heal)
        time.sleep(3)
        run.phase("cut")
        begin_ms = time.time() * 1000
        faults.cut(self.cluster.state, VICTIM, ["front"], direction)
        cut_ms = time.time() * 1000
        self.wait_share(0, 0, 5)
        self.assertTrue(self.victim_status()["front_lost"])
        lost_ms = self.event_ms("n1", "front-lost", begin_ms) - begin_ms
        time.sleep(1.5)
        run.phase("moved")
        time.sleep(2)
        run.phase("heal")
        self.heal()
        self.wait_share(85, 86, 15)
        run.phase("back")
        time.sleep(2)
        report = run.finish()
        print(f"{direction}: noticed after {lost_ms:.0f} ms (cutting took {cut_ms - begin_ms:.0f} ms); outage "
              f"{report.phase('cut')['outage_ms']:.0f} ms, bound {notice_ms + HANDOVER_MS} ms")
        self.check(report, cut_ms - begin_ms + notice_ms + HANDOVER_MS)

    def check(self, report, bound_ms):
        victims = [trouble for trouble in report.total["troubles"] if trouble["node"] not in ("", VICTIM)]
        self.assertEqual(victims, [], "clients of the other nodes were disturbed")
        self.assertLessEqual(report.phase("cut")["outage_ms"], bound_ms)
        for phase in ("moved", "heal", "back"):
            found = report.phase(phase)
            self.assertEqual((found["failed"], found["refused"], found["reset"]), (0, 0, 0), phase)
        self.assertEqual(report.phase("moved")["answers"].get(VICTIM, 0), 0, "the cut node answers")
        self.assertGreater(report.phase("back")["answers"].get(VICTIM, 0), 0.2 * 2 * RATE)
        self.assertEqual(set(report.total["long"]["broken_by_node"]) - {VICTIM}, set(),
                         "connections of the other nodes were broken")

    def test_a_pulled_front_cable_moves_the_share_at_once_and_gives_it_back(self):
        self.cut_and_check("both", notice_ms=200)
        causes = {receipt["cause"] for receipt in self.cluster.receipts("n1") if 2 in (receipt["from"], receipt["to"])}
        self.assertLessEqual({"front lost", "front back"}, causes)
        self.cluster.wait_settled()

    def test_a_front_that_loses_everything_silently_is_noticed_by_its_gateway(self):
        self.cut_and_check("silent", notice_ms=MISSES * INTERVAL_MS + 300)
        self.cluster.wait_settled()

    def test_connections_go_on_when_the_cable_is_back_within_the_grace(self):
        clients = self.idle(60)
        self.addCleanup(self.heal)
        faults.cut(self.cluster.state, VICTIM, ["front"], "both")
        self.wait_share(0, 0, 5)
        time.sleep(2)
        self.heal()
        self.wait_share(85, 86, 15)
        time.sleep(1)
        self.assertEqual(clients.ends, {})
        clients.stop()
        self.cluster.wait_settled()

    def test_clients_of_a_front_that_stays_dead_are_told_after_the_grace(self):
        clients = self.idle(60)
        mine = clients.of(VICTIM)
        self.addCleanup(self.heal)
        faults.cut(self.cluster.state, VICTIM, ["front"], "silent")
        wait_until(lambda: set(mine) <= set(clients.ends), 10 + 6,
                   lambda: f"{len(set(mine) - set(clients.ends))} of {len(mine)} clients were not told")
        self.assertEqual(set(clients.ends), set(mine), "clients of living nodes were disturbed")
        self.assertEqual({how for _, how in clients.ends.values()}, {"reset"})
        clients.stop()
        self.heal()
        self.wait_share(85, 86, 15)
        self.cluster.wait_settled()


class GatewayDead(FrontScenario):
    name = "gateway_dead"
    timeout_s = 120

    def router_port(self, word):
        ip_batch([f"link set router {word}"], netns=self.cluster.plan.netns("switch"))

    def test_a_gateway_that_is_dead_for_all_moves_nothing(self):
        begin_ms = time.time() * 1000
        before = [self.cluster.owners("n1", vip) for vip in (0, 1)]
        self.addCleanup(self.router_port, "up")
        self.router_port("down")
        wait_until(lambda: all(node["front"] == "no gateway" for node in self.cluster.status("n1")["nodes"]), 5,
                   "the nodes do not notice that the gateway is gone")
        time.sleep(1)
        self.assertEqual([self.cluster.owners("n1", vip) for vip in (0, 1)], before)
        self.router_port("up")
        wait_until(lambda: all(node["front"] == "well" for node in self.cluster.status("n1")["nodes"]), 10,
                   "the nodes do not notice that the gateway is back")
        self.assertEqual([self.cluster.owners("n1", vip) for vip in (0, 1)], before)
        for node in self.cluster.running():
            self.assertIsNone(self.event_ms(node, "front-lost", begin_ms), f"{node} lost somebody")
        self.cluster.wait_settled()
