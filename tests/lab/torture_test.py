"""Plans of faults and the judgement on a run: what is drawn from which seed, and what is refused."""

import copy
import os
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(pathlib.Path(__file__).resolve().parents[2], "lab"))

from relaislab import settled, torture_judge, torture_plan  # noqa: E402
from relaislab.shell import LabError  # noqa: E402
from relaislab.torture_plan import KINDS, Request, draw  # noqa: E402

SEEDS = range(1, 201)
FIRST_OF_SEED_1 = (1, 4.0, "cut-hearts", "n3", 3.4)   # round, time, kind, node, length
LOSSES = ("node", "daemon")


def requests(minutes=2.0):
    return [Request(seed, minutes, nodes=3 + seed % 3) for seed in SEEDS]


def lost_at(faults, when_s):
    return {fault.node or "some" for fault in faults if KINDS[fault.kind].loses in LOSSES
            and fault.at_s <= when_s <= fault.at_s + max(fault.lasts_s, 1)}


class Plans(unittest.TestCase):
    def test_the_same_seed_draws_the_same_plan(self):
        for request in requests():
            self.assertEqual(draw(request), draw(request))

    def test_another_seed_draws_another_plan(self):
        plans = {str(draw(Request(seed, 2))) for seed in SEEDS}
        self.assertEqual(len(plans), len(SEEDS))

    def test_a_plan_is_what_it_was_when_its_seed_was_written_down(self):
        first = draw(Request(1, 1))[0]
        self.assertEqual((first.round, first.at_s, first.kind, first.node, first.lasts_s), FIRST_OF_SEED_1)

    def test_each_kind_appears_over_200_seeds(self):
        self.assertEqual({fault.kind for request in requests(1.0) for fault in draw(request)}, set(KINDS))

    def test_twenty_minutes_have_each_kind_several_times(self):
        kinds = [fault.kind for fault in draw(Request(3, 20))]
        self.assertGreaterEqual(min(kinds.count(kind) for kind in KINDS), 2)

    def test_a_majority_is_kept_at_every_moment(self):
        overlaps = 0
        for request in requests():
            faults = draw(request)
            for one in faults:
                for when_s in (one.at_s, one.at_s + one.lasts_s):
                    self.assertLess(2 * len(lost_at(faults, when_s)), request.nodes, f"seed {request.seed}")
                overlaps += sum(1 for other in faults if other is not one and other.round == one.round)
        self.assertGreater(overlaps, 0, "no faults overlap in any plan")

    def test_two_faults_of_a_round_have_different_nodes(self):
        for request in requests():
            for faults in torture_plan.rounds_of(draw(request)):
                nodes = [fault.node for fault in faults if fault.node]
                self.assertEqual(len(nodes), len(set(nodes)), f"seed {request.seed}")

    def test_a_plan_keeps_to_its_time_and_rounds_follow_each_other(self):
        for request in requests():
            faults = draw(request)
            self.assertLessEqual(max(fault.at_s + fault.lasts_s for fault in faults), request.minutes * 60)
            rounds = torture_plan.rounds_of(faults)
            for before, after in zip(rounds, rounds[1:]):
                self.assertGreaterEqual(after[0].at_s, max(fault.at_s + fault.lasts_s for fault in before) + 5)

    def test_short_and_long_pauses_are_drawn(self):
        lengths = [fault.lasts_s for request in requests() for fault in draw(request) if fault.kind == "freeze-node"]
        detection_s = torture_plan.DETECTION_MS["normal"] / 1000
        self.assertTrue(any(length < detection_s for length in lengths))
        self.assertTrue(any(length > detection_s + 1 for length in lengths))

    def test_only_the_kinds_that_are_asked_for_are_drawn(self):
        request = Request(1, 2, kinds=("crash", "drain"))
        self.assertEqual({fault.kind for fault in draw(request)}, {"crash", "drain"})
        self.assertIn("--kinds crash,drain", torture_plan.replay_command(request))

    def test_what_cannot_be_drawn_is_refused_with_a_way_out(self):
        for request in (Request(1, 2, nodes=2), Request(1, 0), Request(1, 2, kinds=("crash", "earthquake"))):
            with self.assertRaises(LabError) as caught:
                draw(request)
            self.assertTrue(caught.exception.way_out)


def phase(name, start_ms, end_ms, **other):
    return {"name": name, "start_ms": start_ms, "end_ms": end_ms, "troubles": [], "long": {"breaks": []},
            **other}


def long_break(node, heard_ms, unheard_ms=500):
    return {"node": node, "at_ms": heard_ms + unheard_ms, "unheard_ms": unheard_ms}


def receipt(**other):
    return {"epoch": 7, "time_ms": 1, "from": 2, "to": 1, "cause": "node died", "buckets": 43, "detect_ms": 440.0,
            "takeover_ms": 80.0, "flows_kept": 0, "flows_lost": 11, "abandoned": False, **other}


def idle_break(source, at_ms, node="n2"):
    return {"source": source, "at_ms": at_ms, "node": node, "end": "reset"}


def good_idle():
    """Four clients from the begin of the record on, two of them of n2; n1 and n3 tell them after the crash."""
    clients = [{"source": source, "vip": "mail4", "bucket": bucket}
               for bucket, source in enumerate(("203.0.113.10", "203.0.113.11", "203.0.113.12", "203.0.113.13"))]
    breaks = [idle_break("203.0.113.11", 10_590), idle_break("203.0.113.13", 10_640)]
    return {"clients": clients, "receipts": {"n1": [receipt(to=1, time_ms=110_580)],
                                             "n3": [receipt(to=3, time_ms=110_600)]},
            "probe": {"begin_wall_ms": 100_000, "duration_ms": 16_000,
                      "total": {"idle": {"opened": 4, "breaks": breaks}}}}


def owners(*first):
    """Of the buckets of four clients, and of all others."""
    return [*first, *[1] * 252]


def good_run():
    """A crash of n2 at 10 s (timing normal: detection 440 ms), seen by a probe that began 1 s after the record."""
    serving = [{"at_ms": 0, "node": node, "vip": "mail4", "states": [["serve", 256]]} for node in ("n1", "n2", "n3")]
    return {
        "run": {"begin_wall_ms": 100_000, "faults": [
            {"kind": "crash", "node": "n2", "text": "", "begin_ms": 10_000, "done_ms": 10_100, "end_ms": 12_000,
             "over_ms": 15_000}],
                "maps": [{"at_ms": 0, "vip": "mail4", "owners": owners(1, 2, 3, 2)},
                         {"at_ms": 10_700, "vip": "mail4", "owners": owners(1, 1, 3, 3)},
                         {"at_ms": 14_000, "vip": "mail4", "owners": owners(1, 2, 3, 2)}],
                "states": serving},
        "idle": [good_idle()],
        "probe": {"begin_wall_ms": 101_000, "slot_ms": 100,
                  "timeline": [{"delayed": 0, "slowest_connect_ms": 1.0} for _ in range(200)],
                  "total": {"ok": 4000, "failed": 0, "refused": 0, "reset": 0},
                  "phases": [phase("start", 0, 9_000), phase("round 1", 9_000, 20_000)]},
        "exactly_one": {"openers": 4000, "answered": 4000, "none": [], "late": [], "two": []},
        "receipts": {"n1": [receipt()], "n3": [receipt(time_ms=2)]},
        "settled": [(1, 2.5)],
    }


def opener(at_ms, *after_ms):
    return {"wall_ms": 100_000 + at_ms, "client": "203.0.113.10", "answers": [{"after_ms": ms} for ms in after_ms]}


class Judgement(unittest.TestCase):
    def failures(self, change):
        """What is refused of a run that is good but for one change."""
        seen = good_run()
        change(seen)
        verdict = torture_judge.judge(seen, "normal", 1)
        failed = [item["what"] for item in verdict["rows"] if not item["ok"]]
        self.assertEqual(verdict["ok"], not failed)
        return failed

    def assert_refused(self, change, what):
        self.assertEqual(self.failures(change), [what])

    def assert_accepted(self, change):
        self.assertEqual(self.failures(change), [])

    def with_trouble(self, node="n2", start_ms=8_990, connected_ms=8_991, **other):
        trouble = {"start_ms": start_ms, "connected_ms": connected_ms, "node": node, "source": "203.0.113.10",
                   "outcome": "reset", **other}
        def change(seen):
            seen["probe"]["phases"][1]["troubles"].append(trouble)
            seen["probe"]["total"]["reset"] += 1
        return change

    def test_a_good_run_is_accepted(self):
        self.assert_accepted(lambda seen: None)

    def test_two_answers_are_refused_whatever_happened(self):
        self.assert_refused(lambda seen: seen["exactly_one"]["two"].append(opener(10_100, 1, 600)),
                            "openers answered twice")

    def test_no_answer_is_refused(self):
        self.assert_refused(lambda seen: seen["exactly_one"]["none"].append(opener(10_100)), "openers never answered")

    def test_a_late_answer_is_accepted_within_detection_and_200_ms_of_a_crash(self):
        self.assert_accepted(lambda seen: seen["exactly_one"]["late"].append(opener(10_100, 630)))

    def test_a_late_answer_is_refused_when_it_comes_later(self):
        self.assert_refused(lambda seen: seen["exactly_one"]["late"].append(opener(10_100, 1_010)),
                            "last answer after the takeover's time, node lost")

    def test_who_waits_for_one_fault_may_meet_another_and_waits_for_both(self):
        def change(seen, begin_ms):
            seen["run"]["faults"].append({"kind": "cut-front", "node": "n1", "text": "", "begin_ms": begin_ms,
                                          "done_ms": begin_ms + 5, "end_ms": 12_000, "over_ms": 15_000})
            seen["exactly_one"]["late"].append(opener(10_100, 1_040))
        self.assert_accepted(lambda seen: change(seen, 10_500))
        self.assert_refused(lambda seen: change(seen, 11_000), "last answer after the takeover's time, node lost")

    def test_a_late_answer_without_a_fault_is_refused(self):
        for at_ms in (9_900, 10_800):
            self.assert_refused(lambda seen: seen["exactly_one"]["late"].append(opener(at_ms, 300)),
                                "openers answered late outside of a fault's time")

    def test_faults_that_take_no_node_away_excuse_nothing(self):
        for kind in ("cut-link", "drain", "weight", "restart-all", "slow-cpu", "flood"):
            def change(seen):
                seen["run"]["faults"][0]["kind"] = kind
                seen["exactly_one"]["late"].append(opener(10_100, 300))
                self.with_trouble()(seen)
                seen["probe"]["phases"][1]["long"]["breaks"] = [long_break("n2", 9_100)]
                seen["probe"]["timeline"][91]["delayed"] = 1
            self.assertEqual(len(self.failures(change)), 4, kind)

    def test_a_killed_relaisd_excuses_delays_but_no_lost_connection(self):
        def change(seen):
            seen["run"]["faults"][0]["kind"] = "kill-relaisd"
            seen["exactly_one"]["late"].append(opener(10_100, 300))
            seen["probe"]["phases"][1]["long"]["breaks"] = [long_break("n2", 9_100)]
        self.assertEqual(self.failures(change), ["long-lived connections broken that no lost node had"])

    def test_a_node_that_hears_nothing_may_stop_the_cluster_for_five_and_a_half_tokens(self):
        def late_at(at_ms):
            def change(seen):
                seen["run"]["faults"][0]["kind"] = "cut-hearts-in"
                seen["exactly_one"]["late"].append(opener(at_ms, 250))
            return change
        self.assert_accepted(late_at(10_900))
        self.assert_refused(late_at(11_450), "openers answered late outside of a fault's time")

    def test_a_short_loss_of_the_front_link_excuses_delays_and_a_retry_but_no_long_lived_connection(self):
        def change(seen):
            seen["run"]["faults"][0]["kind"] = "cut-front"
            seen["exactly_one"]["late"].append(opener(10_100, 1_020))
            seen["probe"]["phases"][1]["long"]["breaks"] = [long_break("n2", 9_100)]
        self.assertEqual(self.failures(change), ["long-lived connections broken that no lost node had"])
        self.assert_refused(lambda seen: (change(seen), seen["exactly_one"]["late"].append(opener(10_100, 3_020)),
                                          seen["probe"]["phases"][1]["long"].update(breaks=[])),
                            "last answer after the notice time and a retry, front lost")

    def test_whom_a_dead_front_link_swallows_twice_is_answered_at_the_next_retry(self):
        """Silent: noticed after 1050 ms, so later than the first retry of an opener that was sent at once."""
        def answered_after(*late):
            def change(seen):
                seen["run"]["faults"][0]["kind"] = "cut-front-silent"
                seen["exactly_one"]["late"].append(opener(*late))
            return change
        last = "last answer after the notice time and a retry, front lost"
        self.assert_accepted(answered_after(10_120, 3_080))
        self.assert_refused(answered_after(10_120, 3_120), last)
        self.assert_accepted(answered_after(10_160, 1_080))
        self.assert_refused(answered_after(10_160, 3_080), last)

    def test_a_dead_front_link_waits_for_the_ring_that_loses_a_node(self):
        def with_front(begin_ms, sent_ms):
            def change(seen):
                seen["run"]["faults"].append({"kind": "cut-front", "node": "n1", "text": "", "begin_ms": begin_ms,
                                              "done_ms": begin_ms, "end_ms": 12_000, "over_ms": 15_000})
                seen["exactly_one"]["late"].append(opener(sent_ms, 1_040))
            return change
        self.assert_accepted(with_front(10_050, 10_950))   # without n2's crash it is over at 10,350, with it at 11,040
        self.assert_refused(with_front(9_500, 10_950), "openers answered late outside of a fault's time")

    def test_connections_of_the_dead_node_are_excused(self):
        self.assert_accepted(self.with_trouble())
        self.assert_accepted(self.with_trouble(node=""))

    def test_connections_of_other_nodes_and_those_that_never_were_are_not(self):
        lost = "connections lost that no lost node had"
        self.assert_refused(self.with_trouble(node="n1"), lost)
        self.assert_refused(self.with_trouble(connected_ms=-1), lost)
        self.assert_refused(self.with_trouble(start_ms=12_000, connected_ms=12_001), lost)

    def test_losses_that_the_probe_does_not_tell_of_are_refused(self):
        self.assert_refused(lambda seen: seen["probe"]["total"].update(failed=3),
                            "connections lost that no lost node had")

    def test_long_lived_connections_of_the_dead_node_may_break_and_of_others_may_not(self):
        def broken(node, heard_ms, unheard_ms=500):
            return lambda seen: seen["probe"]["phases"][1]["long"].update(
                breaks=[long_break(node, heard_ms, unheard_ms)])
        refused = "long-lived connections broken that no lost node had"
        self.assert_accepted(broken("n2", 9_100))
        self.assert_accepted(broken("n2", 9_100, unheard_ms=9_000))
        self.assert_refused(broken("n1", 9_100), refused)
        self.assert_refused(broken("n2", 7_000), refused)
        self.assert_refused(broken("n2", 19_000), refused)

    def test_an_heir_that_is_seen_late_is_the_heir_all_the_same(self):
        """n1, which may tell nobody: n3 had the bucket before n2, and serves others."""
        def change(seen):
            self.with_idle(idle_break("203.0.113.13", 10_640))(seen)
            seen["run"]["maps"].insert(1, {"at_ms": 9_000, "vip": "mail4", "owners": owners(1, 3, 3, 2)})
            seen["run"]["maps"].insert(2, {"at_ms": 9_500, "vip": "mail4", "owners": owners(1, 2, 3, 2)})
            seen["run"]["maps"][3]["at_ms"] = 11_500
            seen["run"]["states"] += [{"at_ms": 10_700, "node": "n1", "vip": "mail4", "states": [["adopt", 256]]}]
        self.assert_accepted(change)

    def with_idle(self, *breaks, **changed):
        """The idle clients' connections end like this; or something else of what the probe says of them is changed."""
        def change(seen):
            seen["idle"][0]["probe"]["total"]["idle"].update(breaks=list(breaks), **changed)
        return change

    def test_idle_clients_of_a_living_node_must_not_be_disturbed(self):
        good = good_idle()["probe"]["total"]["idle"]["breaks"]
        ended = "idle connections ended although their node lived"
        self.assert_refused(self.with_idle(*good, idle_break("203.0.113.10", 10_590, "n1")), ended)
        self.assert_refused(self.with_idle(idle_break("203.0.113.11", 9_000), good[1]), ended)

    def test_idle_clients_of_a_short_pause_live_and_so_do_those_of_a_daemon_that_comes_back(self):
        for cause in ("declared dead", "daemon died"):
            def change(seen):
                seen["idle"][0]["receipts"] = {"n1": [receipt(cause=cause, time_ms=110_580)]}
                self.with_idle()(seen)
            self.assert_accepted(change)
        self.assert_accepted(lambda seen: (self.with_idle()(seen), seen["idle"][0].update(receipts={})))

    def test_an_idle_client_of_a_dead_node_that_is_told_late_or_never_is_refused(self):
        first, _ = good_idle()["probe"]["total"]["idle"]["breaks"]
        unheard = "idle clients of a dead node not told in time"
        self.assert_refused(self.with_idle(first), unheard)
        self.assert_refused(self.with_idle(first, idle_break("203.0.113.13", 11_601)), unheard)
        self.assert_accepted(self.with_idle(first, idle_break("203.0.113.13", 11_600)))

    def test_idle_clients_that_could_not_be_opened_are_refused(self):
        good = good_idle()["probe"]["total"]["idle"]["breaks"]
        self.assert_refused(self.with_idle(*good, opened=3), "idle connections that were opened")

    def adopted(self, seen, *later):
        """The bucket of 203.0.113.13 has a third node's connections in it when n3 takes it over."""
        states = [["serve", 3], ["adopt", 1], ["serve", 252]]
        seen["run"]["states"] += [{"at_ms": 10_650, "node": "n3", "vip": "mail4", "states": states}, *later]

    def test_a_client_that_may_not_be_told_yet_is_told_a_second_after_it_may(self):
        first, _ = good_idle()["probe"]["total"]["idle"]["breaks"]
        served = {"at_ms": 13_000, "node": "n3", "vip": "mail4", "states": [["serve", 256]]}
        self.assert_accepted(lambda seen: (self.with_idle(first)(seen), self.adopted(seen)))
        self.assert_accepted(lambda seen: (self.with_idle(first, idle_break("203.0.113.13", 13_900))(seen),
                                           self.adopted(seen, served)))
        self.assert_refused(lambda seen: (self.with_idle(first)(seen), self.adopted(seen, served)),
                            "idle clients of a dead node not told in time")

    def test_an_heir_that_has_a_fault_itself_need_not_tell(self):
        first, _ = good_idle()["probe"]["total"]["idle"]["breaks"]
        fault = {"kind": "cut-front-silent", "node": "n3", "text": "", "begin_ms": 10_300, "done_ms": 10_300,
                 "end_ms": 12_000, "over_ms": 15_000}
        self.assert_accepted(lambda seen: (self.with_idle(first)(seen), seen["run"]["faults"].append(fault)))

    def test_delayed_connections_are_accepted_in_the_faults_time_only(self):
        def delayed(slot):
            return lambda seen: seen["probe"]["timeline"][slot].update(delayed=4)
        self.assert_accepted(delayed(92))
        for slot in (80, 120):
            self.assert_refused(delayed(slot), "100 ms with delayed connections outside of a fault's time")

    def test_a_cluster_that_does_not_come_to_rest_is_refused(self):
        self.assert_refused(lambda seen: seen.update(settled=[(1, "n2 is joining")]),
                            "rounds that were not over after 30 s")
        self.assertIn("rounds of faults", self.failures(lambda seen: seen.update(settled=[])))

    def test_receipts_that_differ_or_are_missing_are_refused(self):
        def change_to(**other):
            return lambda seen: seen["receipts"].update(n3=[receipt(**other)])
        self.assert_refused(change_to(flows_lost=12), "receipts that differ between nodes")
        self.assert_refused(change_to(takeover_ms=81.0), "receipts that differ between nodes")
        self.assert_refused(lambda seen: seen["receipts"].update(n3=[]), "nodes without the last receipt")

    def test_the_time_of_a_planned_move_is_each_nodes_own(self):
        self.assert_accepted(lambda seen: seen.update(receipts={
            "n1": [receipt(cause="drain", detect_ms=0.0, takeover_ms=2.0)],
            "n3": [receipt(cause="drain", detect_ms=0.0, takeover_ms=3.0)]}))

    def test_a_run_in_which_nothing_was_seen_is_refused(self):
        self.assert_refused(lambda seen: seen["exactly_one"].update(openers=0), "openers that were seen")
        self.assert_refused(lambda seen: seen["probe"]["total"].update(ok=0), "connections that succeeded")

    def test_the_table_names_what_failed(self):
        seen = good_run()
        seen["exactly_one"]["two"].append(opener(10_100, 1, 2))
        table = torture_judge.table(torture_judge.judge(seen, "normal", 1))
        self.assertEqual([line.split()[0] for line in table[1:]].count("FAILED"), 1)

    def test_the_table_tells_of_the_first_findings_with_time_and_size(self):
        seen = good_run()
        for slot in range(20, 26):
            seen["probe"]["timeline"][slot].update(delayed=1, slowest_connect_ms=201.4 + slot)
        (failed,) = [item for item in torture_judge.judge(seen, "normal", 1)["rows"] if not item["ok"]]
        told = failed["measured"]
        self.assertTrue(told.startswith("6 (") and told.endswith(", …)"), told)
        self.assertEqual(told.count("s by up to"), torture_judge.MAX_TOLD)
        self.assertIn(" s by up to 221 ms", told)


def status_of(owners):
    shares = [{"owner": owner, "standby": 0} for owner in owners]
    return {"vips": [{"name": "mail4", "buckets": shares}], "nodes": [{"drained": False, "grace": False}]}


class Rest(unittest.TestCase):
    EVEN = [1] * 128 + [2] * 128

    def why(self, *statuses):
        return settled.why_unsettled({f"n{i}": status for i, status in enumerate(statuses, 1)}, {1: 1, 2: 1})

    def test_equal_views_with_even_shares_are_at_rest(self):
        self.assertIsNone(self.why(status_of(self.EVEN), status_of(self.EVEN)))

    def test_other_owners_uneven_shares_a_free_bucket_a_drained_node_are_not(self):
        self.assertIn("other owners", self.why(status_of(self.EVEN), status_of(self.EVEN[::-1])))
        self.assertIn("exact share", self.why(*[status_of([1] * 130 + [2] * 126)] * 2))
        self.assertIn("without owner", self.why(*[status_of([0] + self.EVEN[1:])] * 2))
        drained = copy.deepcopy(status_of(self.EVEN))
        drained["nodes"][0]["drained"] = True
        self.assertIn("drained", self.why(drained, drained))


if __name__ == "__main__":
    unittest.main()
