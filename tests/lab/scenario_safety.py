"""Partitions, freezes and lost packets: never two answers, never none for long, and ICMP errors go to the right
node."""

import time

from relaislab import faults, topology

from harness import Need, Scenario, wait_until

RATE = 200
MINORITY = "n1"


class Partition(Scenario):
    name = "partition"
    timeout_s = 150

    def test_the_minority_side_answers_nobody_and_after_heal_there_is_one_assignment(self):
        count = self.count_answers()
        run = self.load(rate=RATE)
        time.sleep(2)
        run.phase("cut")
        faults.cut(self.cluster.state, MINORITY, ("heart0", "heart1"), "silent")
        time.sleep(self.cluster.detection_ms() / 1000 + 1)
        self.assertEqual(self.cluster.status(MINORITY)["lease_left_ms"], 0, "the cut-off node still has a lease")
        run.phase("minority")
        time.sleep(3)
        run.phase("heal")
        faults.heal(self.cluster.state, MINORITY)
        self.cluster.wait_settled()
        run.phase("healed")
        time.sleep(3)
        report = run.finish()
        answered, twice = count.finish()
        print(f"{answered} connections answered, {len(twice)} more than once")
        self.assertEqual(twice, [], "two nodes answered one connection")
        self.assertGreaterEqual(answered, report.total["ok"])
        self.check(report)

    def check(self, report):
        self.assertEqual((report.total["failed"], report.total["refused"]), (0, 0), report.total["troubles"][:5])
        minority = report.phase("minority")
        self.assertEqual(minority["answers"].get(MINORITY, 0), 0, "the minority side answers")
        self.assertEqual((minority["reset"], minority["delayed"]), (0, 0), "the majority does not serve everybody")
        self.assertLessEqual(report.phase("cut")["outage_ms"], self.cluster.detection_ms() + 150)
        healed = report.phase("healed")
        self.assertEqual((healed["reset"], healed["delayed"]), (0, 0), healed["troubles"][:5])
        self.assertGreater(healed["answers"].get(MINORITY, 0), 0.2 * 3 * RATE)
        self.assert_one_owner_per_bucket()


class OneWayCuts(Scenario):
    """One direction of both heartbeat links of a node: it is out of the cluster, as if all were cut; nothing flaps."""

    name = "one_way_cuts"
    need = Need(timing="fast")

    def cut_one_way(self, direction):
        last_event = self.cluster.events("n1")[-1]["id"]
        count = self.count_answers()
        run = self.load(rate=RATE)
        time.sleep(1)
        faults.cut(self.cluster.state, "n2", ("heart0", "heart1"), direction)
        wait_until(lambda: self.cluster.status("n2")["lease_left_ms"] == 0, 5, "the cut-off node keeps its lease")
        wait_until(lambda: self.cluster.shares("n1")["n2"] == 0, 5, "the others do not take over")
        wait_until(lambda: not self.cluster.status("n1")["moves"], 5, "the others do not claim")
        run.phase("apart")
        time.sleep(2)
        run.phase("heal")
        kinds = [event["kind"] for event in self.cluster.events("n1", last_event)]
        faults.heal(self.cluster.state, "n2")
        self.cluster.wait_settled()
        report = run.finish()
        _, twice = count.finish()
        self.assertEqual(twice, [], "two nodes answered one connection")
        self.assertEqual((kinds.count("node-died"), kinds.count("joined")), (1, 0), f"the others saw {kinds}")
        self.assertEqual((report.total["failed"], report.total["refused"]), (0, 0), report.total["troubles"][:5])
        apart = report.phase("apart")
        self.assertEqual((apart["answers"].get("n2", 0), apart["delayed"], apart["reset"]), (0, 0, 0))
        self.assert_one_owner_per_bucket()

    def test_a_node_that_cannot_receive_is_out_and_comes_back(self):
        self.cut_one_way("in")

    def test_a_node_that_cannot_send_is_out_and_comes_back(self):
        self.cut_one_way("out")


class Freeze(Scenario):
    name = "freeze"
    timeout_s = 150

    def freeze_and_thaw(self, *processes):
        count = self.count_answers()
        run = self.load(rate=RATE)
        time.sleep(1.5)
        run.phase("freeze")
        for process in processes:
            faults.freeze(self.cluster.state, "n2", process)
        time.sleep(self.cluster.detection_ms() / 1000 + 1)
        run.phase("frozen")
        time.sleep(2)
        run.phase("thaw")
        faults.thaw(self.cluster.state, ["n2"])
        self.cluster.wait_settled()
        report = run.finish()
        _, twice = count.finish()
        self.assertEqual(twice, [], "two nodes answered one connection")
        self.assertEqual((report.total["failed"], report.total["refused"]), (0, 0), report.total["troubles"][:5])
        frozen = report.phase("frozen")
        self.assertEqual(frozen["answers"].get("n2", 0), 0, "a frozen node answers")
        self.assertEqual(frozen["delayed"], 0, "the others do not serve everybody")
        self.assert_one_owner_per_bucket()

    def test_a_frozen_relaisd_loses_its_share_and_gets_it_back(self):
        self.freeze_and_thaw("relaisd")

    def test_a_frozen_corosync_loses_its_share_and_gets_it_back(self):
        self.freeze_and_thaw("corosync")

    def test_a_node_frozen_as_a_whole_loses_its_share_and_gets_it_back(self):
        self.freeze_and_thaw("all")

    def test_relaisd_frozen_together_with_corosync_loses_its_share_and_gets_it_back(self):
        self.freeze_and_thaw("relaisd", "corosync")


class PathMtu(Scenario):
    """The router's link towards the clients becomes narrow: its ICMP errors go to the cluster MAC, and must reach the
    one node that has the connection."""

    name = "path_mtu"
    MTU = 1400

    def test_a_routers_frag_needed_reaches_the_node_that_owns_the_connection(self):
        self.cluster.execute("router", ["ip", "link", "set", "client", "mtu", str(self.MTU)])
        try:
            run = self.load(rate=20, payload=60000)
            time.sleep(6)
            report = run.finish()
            self.assert_no_harm(report)
            for family, vip in (("4", topology.VIP4), ("6", topology.VIP6)):
                self.check_family(report.answered(family), vip)
        finally:
            self.cluster.execute("router", ["ip", "link", "set", "client", "mtu", str(topology.CLIENT_SIDE_MTU)])
            for node in self.cluster.running():
                self.cluster.execute(node, ["sh", "-c", "ip route flush cache; ip -6 route flush cache"])

    def check_family(self, answered, vip):
        checked = 0
        for address, found in list(answered.items())[:30]:
            (owner,) = found
            for node in self.cluster.running():
                learnt = f"mtu {self.MTU}" in self.cluster.execute(node, ["ip", "route", "get", address, "from", vip])
                self.assertEqual(learnt, node == owner,
                                 f"{address} is served by {owner}; path MTU known on {node}: {learnt}")
                checked += 1
        self.assertGreaterEqual(checked, 30)


class OneLink(Scenario):
    name = "one_link"

    def dead_links(self, node):
        """{other node: the heartbeat links over which `node` does not hear it}, without those that it hears well."""
        return {other["name"]: other["dead_links"] for other in self.cluster.status(node)["nodes"]
                if other["dead_links"]}

    def told(self, node, since, kind):
        """The nodes about which `node` has said so."""
        return [event["node"] for event in self.cluster.events(node, since) if event["kind"] == kind]

    def test_cutting_one_of_two_heartbeat_links_costs_nothing_and_is_told_at_both_ends(self):
        last = {node: self.cluster.events(node)[-1]["id"] for node in ("n1", "n2")}
        run = self.load(rate=RATE, long_lived=16)
        time.sleep(1)
        faults.cut(self.cluster.state, "n2", ("heart0",))
        wait_until(lambda: self.told("n1", last["n1"], "link-lost") == [2], 20, "n1 does not tell it")
        wait_until(lambda: sorted(self.told("n2", last["n2"], "link-lost")) == [1, 3], 20, "n2 does not tell it")
        self.assertEqual(self.dead_links("n1"), {"n2": [0]})
        self.assertEqual(self.dead_links("n2"), {"n1": [0], "n3": [0]})
        self.assertGreater(min(self.cluster.shares("n1").values()), 80)
        faults.heal(self.cluster.state, "n2")
        wait_until(lambda: self.told("n1", last["n1"], "link-back") == [2], 20, "n1 does not tell that it is back")
        self.assertEqual(self.dead_links("n1"), {})
        report = run.finish()
        self.assert_no_harm(report)
        self.assertEqual(report.total["delayed"], 0)
        self.assert_one_owner_per_bucket()


class PulledHeartCables(Scenario):
    """Both heartbeat cables of a node are pulled and plugged in again: only that node loses its lease."""

    name = "pulled_heart_cables"

    def test_the_others_keep_their_leases_when_the_cables_are_back(self):
        last = {node: self.cluster.events(node)[-1]["id"] for node in ("n1", "n3")}
        run = self.load(rate=RATE)
        for pulled_s in (0.4, 0.7, 3):
            time.sleep(1)
            faults.cut(self.cluster.state, "n2", ("heart0", "heart1"))
            time.sleep(pulled_s)
            faults.heal(self.cluster.state, "n2")
            self.cluster.wait_settled()
        report = run.finish()
        for node in last:
            lost = [event for event in self.cluster.events(node, last[node]) if event["kind"] == "lease-ran-out"]
            self.assertEqual(lost, [], f"{node} lost its lease")
        self.assertEqual((report.total["failed"], report.total["refused"]), (0, 0), report.total["troubles"][:5])
        self.assert_one_owner_per_bucket()


class NoQuorum(Scenario):
    name = "no_quorum"
    need = Need(timing="fast")

    def test_a_node_without_quorum_answers_nobody(self):
        self.cluster.crash("n1")
        self.cluster.crash("n2")
        wait_until(lambda: not self.cluster.status("n3")["quorate"], 10, "n3 still has a quorum")
        time.sleep(1)
        run = self.load(rate=50)
        time.sleep(1)
        report = run.finish()
        self.assertEqual(report.total["answers"], {}, "a node without quorum answers")
        self.assertEqual(report.total["failed"], report.total["attempts"], "silence, not refusals")
        self.cluster.boot("n1")
        self.cluster.boot("n2")
        self.cluster.wait_settled()
