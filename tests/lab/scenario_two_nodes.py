"""Two nodes, under each rule: what a crash of either does, what a partition does, and that never two answer where the
rule promises one."""

import signal
import time

from relaislab import api, arbiter, certificates, faults, node as nodes

from harness import Need, Scenario, wait_until

HEARTS = ("heart0", "heart1")
RATE = 100
UNFIT = f"the arbiter and the certificates in {certificates.NODE_DATABASE} do not belong together"


class TwoNodes(Scenario):
    """One lab per rule. `survives`: a node -> whether it goes on when the other one crashes."""

    rule = ""
    survives = {"n1": "no", "n2": "no"}
    timeout_s = 150

    def serves(self, node):
        """Whether a node is a member with a lease."""
        status = self.cluster.status(node)
        return status["role"] == "member" and status["lease_left_ms"] > 0

    def owns_all(self, node):
        return self.serves(node) and self.cluster.shares(node)[node] == 256

    def patience_s(self):
        """Longer than any takeover: the ring, the arbiter's three heartbeats, a lease and the vote's timeout."""
        return 4 * self.cluster.detection_ms() / 1000 + 4

    def back_together(self):
        self.cluster.wait_settled()
        self.assert_one_owner_per_bucket()

    def crash_either(self):
        """A crash of each node; the other serves everybody or answers nobody, as the rule says."""
        for dead, other in (("n1", "n2"), ("n2", "n1")):
            run = self.load(rate=RATE)
            time.sleep(1)
            self.cluster.crash(dead)
            if self.survives[other] == "yes":
                wait_until(lambda: self.owns_all(other), self.patience_s(), f"{other} does not go on")
                run.phase("alone")
                time.sleep(1)
                alone = run.finish().phase("alone")
                self.assertEqual(alone["answers"], {other: alone["ok"]})
                self.assertEqual((alone["failed"], alone["refused"]), (0, 0), alone["troubles"][:3])
            else:
                wait_until(lambda: not self.cluster.status(other)["quorate"], self.patience_s(), f"{other} is quorate")
                run.phase("alone")
                time.sleep(1)
                self.assertEqual(run.finish().phase("alone")["answers"], {}, "a node without quorum answers")
            self.cluster.boot(dead)
            self.back_together()

    def part_and_heal(self):
        """Cuts the heartbeat links only, so that clients still reach both. Returns who serves while they are apart, and
        the openers that were answered twice."""
        count = self.count_answers()
        run = self.load(rate=RATE)
        time.sleep(1)
        faults.cut(self.cluster.state, "n1", HEARTS, "silent")
        time.sleep(self.patience_s())
        serving = {node for node in ("n1", "n2") if self.serves(node)}
        apart = self.load(rate=RATE)
        time.sleep(1)
        total = apart.finish().total   # complete: who is not answered now gives up before the heal
        run.phase("heal")
        faults.heal(self.cluster.state, "n1")
        self.back_together()
        run.phase("healed")
        time.sleep(1)
        report = run.finish()
        _, twice = count.finish()
        if len(serving) < 2:
            self.assertEqual(set(total["answers"]), serving, "who serves answers, and nobody else does")
        else:
            self.assertGreater(total["reset"], 0, "two answers to one opener are a reset: the price of this rule")
        healed = report.phase("healed")
        self.assertEqual((healed["failed"], healed["refused"], healed["reset"]), (0, 0, 0), healed["troubles"][:3])
        return serving, twice


class Neither(TwoNodes):
    name = "two_nodes_none"
    need = Need(timing="fast", nodes=2)

    def test_alone_nobody_answers(self):
        self.crash_either()
        self.assertEqual(self.part_and_heal(), (set(), []))


class Lowest(TwoNodes):
    name = "two_nodes_lowest"
    need = Need(timing="fast", nodes=2, two_node="lowest")
    survives = {"n1": "yes", "n2": "no"}

    def test_alone_the_lower_node_goes_on_and_the_higher_answers_nobody(self):
        self.crash_either()
        self.assertEqual(self.part_and_heal(), ({"n1"}, []))


class Both(TwoNodes):
    name = "two_nodes_both"
    need = Need(timing="fast", nodes=2, two_node="both")
    survives = {"n1": "yes", "n2": "yes"}

    def test_either_goes_on_alone_and_both_do_while_they_are_apart(self):
        self.crash_either()
        serving, twice = self.part_and_heal()
        self.assertEqual(serving, {"n1", "n2"})
        self.assertGreater(len(twice), 0, "both answer for all clients that reach both: the price of this rule")


class ByArbiter(TwoNodes):
    name = "two_nodes_arbiter"
    need = Need(timing="fast", nodes=2, two_node="arbiter")
    survives = {"n1": "yes", "n2": "yes"}

    def setUp(self):
        super().setUp()
        self.wait_arbiter("connected")

    def wait_arbiter(self, word):
        def all_say_it():
            return all(self.cluster.status(node)["arbiter"].startswith(word) for node in self.cluster.running())

        wait_until(all_say_it, 10, lambda: f"the arbiter is not '{word}': {self.cluster.status('n1')['arbiter']}")

    def test_either_goes_on_alone_and_one_does_while_they_are_apart(self):
        self.crash_either()
        serving, twice = self.part_and_heal()
        self.assertEqual((len(serving), twice), (1, []))

    def test_the_loss_of_the_arbiter_costs_nothing_while_both_live(self):
        run = self.load(rate=RATE, long_lived=8)
        time.sleep(1)
        arbiter.crash(self.cluster.state)
        self.wait_arbiter("no connection")
        self.assert_doctor_says("the arbiter does not answer this node")
        arbiter.start(self.cluster.state)
        self.wait_arbiter("connected")
        report = run.finish()
        self.assert_no_harm(report)
        self.assertEqual(report.total["delayed"], 0)

    def test_a_pulled_cable_of_the_arbiter_costs_nothing_while_both_live(self):
        self.addCleanup(arbiter.set_port, self.cluster.state, "up")
        run = self.load(rate=RATE, long_lived=8)
        time.sleep(1)
        arbiter.set_port(self.cluster.state, "down")
        self.wait_arbiter("no connection")
        time.sleep(1)
        arbiter.set_port(self.cluster.state, "up")
        self.wait_arbiter("connected")
        time.sleep(1)
        report = run.finish()
        self.assert_no_harm(report)
        self.assertEqual(report.total["delayed"], 0)

    def test_the_connection_to_the_arbiter_is_tls_with_certificates_on_both_sides(self):
        for node in self.cluster.running():
            words = self.cluster.execute(node, ["corosync-qdevice-tool", "-s", "-v"])
            self.assertRegex(words, r"TLS active:\s+Yes \(client certificate sent\)")

    def test_certificates_that_do_not_fit_are_named_and_new_ones_bring_the_arbiter_back(self):
        state = self.cluster.state
        self.addCleanup(self.renew_certificates)
        run = self.load(rate=RATE, long_lived=8)
        certificates.make_authority(state)
        self.restart_arbiter()
        for node in self.cluster.running():
            self.wait_unfit(node)
        self.renew_certificates()
        self.wait_arbiter("connected")
        certificates.trust(state, "n1")
        self.restart_clients()
        self.wait_unfit("n1")
        self.assert_doctor_says(f"there is no good certificate for the arbiter in {certificates.NODE_DATABASE}: could")
        certificates.request(state, "n1", "other")
        self.assert_doctor_says("is that of CN=other, and the cluster's name is " + self.cluster.plan.prefix)
        self.assert_no_harm(run.finish())

    def wait_unfit(self, node):
        def says():
            return self.cluster.status(node)["arbiter"]

        wait_until(lambda: UNFIT in says(), 10, says)

    def restart_arbiter(self):
        arbiter.crash(self.cluster.state)
        arbiter.start(self.cluster.state)

    def restart_clients(self):
        """Ends each node's corosync-qdevice; relaisd starts it again, with the certificates that are there then."""
        for node in self.cluster.running():
            for process in nodes.processes(self.cluster.state, node, "corosync-qdevic"):
                process.send(signal.SIGTERM)

    def renew_certificates(self):
        certificates.make(self.cluster.state)
        self.restart_arbiter()
        self.restart_clients()

    def assert_doctor_says(self, words):
        _, output, _ = self.cluster.relais("n1", "doctor")
        self.assertIn(words, output)

    def test_a_node_that_starts_alone_serves_with_the_arbiters_vote(self):
        for node in ("n1", "n2"):
            self.cluster.crash(node)
        self.cluster.boot("n2")
        wait_until(lambda: "n2" in self.cluster.running() and self.booted("n2") and self.owns_all("n2"), 20,
                   "n2 does not begin alone")
        self.cluster.boot("n1")
        self.back_together()

    def booted(self, node):
        return api.status_or_none(self.cluster.state.nodes[node]) is not None
