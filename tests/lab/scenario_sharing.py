"""How clients are shared out: evenly, by weight, always to the same node, as `who` says."""

import json
import time

from harness import Need, Scenario

ADDRESSES = 240


def shares_of(answered):
    """Node -> number of client addresses that it answers."""
    counts = {}
    for found in answered.values():
        for node in found:
            counts[node] = counts.get(node, 0) + 1
    return counts


class SharingScenario(Scenario):
    weights = {"n1": 1, "n2": 1, "n3": 1}

    def share_and_check(self):
        run = self.load(rate=480)
        time.sleep(6.5)
        report = run.finish()
        self.assert_no_harm(report)
        for family in "46":
            answered = report.answered(family)
            self.assertEqual(len(answered), ADDRESSES)
            several = {address: sorted(found) for address, found in answered.items() if len(found) > 1}
            self.assertEqual(several, {}, "addresses answered by more than one node")
            self.check_shares(shares_of(answered), family)
        self.check_who(report)

    def check_shares(self, counts, family):
        print(f"IPv{family}: {counts}")
        for node, weight in self.weights.items():
            share = ADDRESSES * weight / sum(self.weights.values())
            self.assertLessEqual(abs(counts.get(node, 0) - share), 0.2 * share,
                                 f"IPv{family}: {node} answers {counts.get(node, 0)} addresses, not {share:.0f}")

    def check_who(self, report):
        """`relais who` names the node that answered."""
        for family in "46":
            for address, found in list(report.answered(family).items())[::24]:
                code, output, errors = self.cluster.relais("n1", "who", address, "--json")
                self.assertEqual(code, 0, errors)
                self.assertEqual({vip["owner_name"] for vip in json.loads(output)["vips"]}, found, address)


class Sharing(SharingScenario):
    name = "sharing"
    need = Need(fresh="yes")

    def test_every_node_answers_its_share_of_240_addresses_and_each_address_always_the_same_node(self):
        self.share_and_check()


class Weights(SharingScenario):
    name = "weights"
    need = Need(weights=(("n1", 2),), fresh="yes")
    weights = {"n1": 2, "n2": 1, "n3": 1}

    def test_shares_follow_the_weights(self):
        self.share_and_check()


class Datagrams(Scenario):
    name = "datagrams"

    def test_every_datagram_is_answered_once(self):
        run = self.load(rate=480, udp="yes")
        time.sleep(3)
        report = run.finish()
        self.assert_no_harm(report)
        self.assertEqual(report.total["duplicates"], 0)
        self.assertEqual(report.total["addresses_answered_by_several"], [])
        self.assertEqual(set(report.total["answers"]), {"n1", "n2", "n3"})
