"""What clients see when a node's way to them dies, or the node itself while they only listen."""

import time

from relaislab import faults
from relaislab.shell import ip_batch

from harness import Scenario, wait_until

VICTIM = "n2"
RATE = 200
LONG_LIVED = 64
IDLE = 200
INTERVAL_MS = 250
MISSES = 3
TOLD_S = 1.0             # the nodes tell each other once a second whom they serve
TICKLED_WITHIN_MS = 1000
GRACE_S = 10
HANDOVER_MS = 100


class FrontScenario(Scenario):
    def idle(self, count=IDLE):
        """Connections that only listen, and that all nodes know of. What follows is the phase "fault"."""
        run = self.load(rate=0, idle=count)
        for node in self.cluster.running():
            wait_until(lambda: self.connections(node) >= count, 10, f"{node} does not know of all idle clients")
        time.sleep(TOLD_S)
        run.phase("fault")
        return run

    def connections(self, node):
        """Of the whole cluster, as one node sees it."""
        return sum(other["connections"] for other in self.cluster.status(node)["nodes"])

    def assert_idle_ended(self, report, count, by_node):
        """All were open before the fault, and exactly these have ended since, all by a reset."""
        before, found = report.phase("start")["idle"], report.phase("fault")["idle"]
        self.assertEqual((before["opened"], before["broken"]), (count, 0), "not all open, or ended by themselves")
        self.assertEqual(found["broken_by_node"], by_node, "too few were told, or clients of living nodes disturbed")
        self.assertLessEqual({one["end"] for one in found["breaks"]}, {"reset"})

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
        run = self.idle()
        begin_ms = time.time() * 1000
        self.cluster.crash(VICTIM)
        takeover_ms = self.takeover_ms(begin_ms)
        time.sleep(TICKLED_WITHIN_MS / 1000 + 1)
        report = run.finish()
        idle = report.total["idle"]
        mine = idle["opened_by_node"][VICTIM]
        self.assertGreater(mine, IDLE / 5)
        self.assert_idle_ended(report, IDLE, {VICTIM: mine})
        late_ms = report.data["begin_wall_ms"] + max(one["at_ms"] for one in idle["breaks"]) - takeover_ms
        print(f"{mine} idle clients of {VICTIM}: the last was reset {late_ms:.0f} ms after the takeover")
        self.assertLessEqual(late_ms, TICKLED_WITHIN_MS)
        told = [event for node in ("n1", "n3") for event in self.cluster.events(node)
                if event["kind"] == "tickled" and event["time_ms"] >= begin_ms]
        self.assertTrue(told, "no event says so")
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
        run = self.idle(60)
        self.addCleanup(self.heal)
        faults.cut(self.cluster.state, VICTIM, ["front"], "both")
        self.wait_share(0, 0, 5)
        time.sleep(2)
        self.heal()
        self.wait_share(85, 86, 15)
        time.sleep(1)
        self.assert_idle_ended(run.finish(), 60, {})
        self.cluster.wait_settled()

    def test_clients_of_a_front_that_stays_dead_are_told_after_the_grace(self):
        run = self.idle(60)
        self.addCleanup(self.heal)
        faults.cut(self.cluster.state, VICTIM, ["front"], "silent")
        time.sleep(GRACE_S + 6)
        report = run.finish()
        self.assert_idle_ended(report, 60, {VICTIM: report.total["idle"]["opened_by_node"][VICTIM]})
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
