#!/usr/bin/env python3
"""What lab/bench-failover computes: figures from a probe's report, judging, the table; and what the peers are told."""

import contextlib
import io
import itertools
import json
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
sys.path.insert(0, os.path.join(REPOSITORY, "lab"))

from peers import bench, contestants, figures, share  # noqa: E402
from relaislab.shell import LabError  # noqa: E402

CRASH_MS, RETURN_MS = 2000, 10000
VICTIM = "n2"


def trouble(outcome, connected_ms, node=""):
    return {"start_ms": 1990, "source": "203.0.113.10", "outcome": outcome, "node": node, "connected_ms": connected_ms}


def phase(name, start_ms, broken=0, delayed=0, opened=0, by_node=None):
    return {"name": name, "start_ms": start_ms, "outage_ms": 300.0, "slowest_connect_ms": 1030.0, "delayed": delayed,
            "long": {"broken": broken, "opened": opened, "opened_by_node": by_node or {}}}


def report(troubles=(), broken_crash=0, broken_failback=0):
    outcomes = [entry["outcome"] for entry in troubles]
    return {"phases": [phase("start", 0, opened=64, by_node={"n1": 34, VICTIM: 30}),
                       phase("crash", CRASH_MS, broken=broken_crash, delayed=7),
                       phase("return", RETURN_MS, broken=broken_failback, delayed=2)],
            "total": {"troubles": list(troubles),
                      **{word: outcomes.count(word) for word in ("failed", "refused", "reset")}},
            "own_delay_ms": 3.0}


def figures_of(*arguments, **words):
    return figures.figures_of(report(*arguments, **words), VICTIM)


class FiguresOfARun(unittest.TestCase):
    def test_a_connection_that_the_dead_node_had_accepted_died_with_it_and_is_not_counted_as_failed_or_reset(self):
        found = figures_of([trouble("failed", CRASH_MS - 5, VICTIM), trouble("reset", CRASH_MS + 60)])
        self.assertEqual((found["died"], found["failed"], found["reset"]), (2, 0, 0))

    def test_a_connection_that_another_node_had_accepted_counts(self):
        found = figures_of([trouble("failed", CRASH_MS - 5, "n1"), trouble("reset", CRASH_MS - 5, "n1")])
        self.assertEqual((found["died"], found["failed"], found["reset"]), (0, 1, 1))

    def test_a_connection_accepted_after_the_crash_counts_whoever_accepted_it(self):
        found = figures_of([trouble("reset", CRASH_MS + 200, VICTIM), trouble("failed", RETURN_MS + 50, VICTIM)])
        self.assertEqual((found["died"], found["failed"], found["reset"]), (0, 1, 1))

    def test_a_connection_that_nobody_accepted_counts(self):
        found = figures_of([trouble("failed", -1), trouble("refused", -1)])
        self.assertEqual((found["died"], found["failed"], found["reset"]), (0, 1, 1))

    def test_broken_connections_are_told_apart_by_crash_and_failback(self):
        found = figures_of(broken_crash=30, broken_failback=12)
        self.assertEqual((found["broken_crash"], found["lived"], found["broken_failback"]), (30, 30, 12))
        self.assertEqual(found["delayed_failback"], 2)

    def test_what_went_wrong_is_kept_without_what_died_with_the_node(self):
        lost = trouble("failed", -1)
        self.assertEqual(figures_of([trouble("reset", CRASH_MS - 5, VICTIM), lost])["troubles"], [lost])


def run_of(**changes):
    return {"outage_ms": 300, "slowest_ms": 1030, "failed": 0, "reset": 0, "broken_crash": 30, "lived": 30, "long": 64,
            "broken_failback": 0, "delayed_failback": 0, "died": 0, "cpu_pressure_percent": 5,
            **changes}


def row(name, ours, *runs):
    return {"name": name, "title": name, "nodes": 2, "ours": ours, "runs": list(runs or [run_of()])}


def behind_in(ours, peer):
    return [column.key for _, _, column in figures.judge([row("relais", "yes", ours), row("peer", "no", peer)])]


class Judging(unittest.TestCase):
    def test_equal_rows_are_behind_nowhere(self):
        self.assertEqual(behind_in(run_of(), run_of()), [])

    def test_a_better_row_is_behind_nowhere(self):
        better = run_of(outage_ms=100, slowest_ms=300, broken_crash=20, lived=20)
        self.assertEqual(behind_in(better, run_of(failed=1, reset=2, broken_failback=30, delayed_failback=4)), [])

    def test_each_judged_column_can_be_behind(self):
        for column in figures.COLUMNS:
            worse = run_of(**{column.key: run_of()[column.key] + 100})
            self.assertEqual(behind_in(worse, run_of()), [column.key] if column.judged == "yes" else [], column.key)

    def test_one_millisecond_is_enough_to_be_behind(self):
        self.assertEqual(behind_in(run_of(outage_ms=301), run_of()), ["outage_ms"])

    def test_the_median_of_the_runs_decides(self):
        ours = row("relais", "yes", run_of(failed=9), run_of(), run_of())
        self.assertEqual(figures.judge([ours, row("peer", "no")]), [])
        ours = row("relais", "yes", run_of(failed=9), run_of(failed=1), run_of())
        self.assertEqual(len(figures.judge([ours, row("peer", "no")])), 1)

    def test_which_clients_happened_to_live_on_the_dead_node_does_not_put_a_row_behind(self):
        self.assertEqual(behind_in(run_of(broken_crash=34, lived=34), run_of(broken_crash=28, lived=28)), [])

    def test_to_lose_far_more_than_a_peer_puts_a_row_behind(self):
        self.assertEqual(behind_in(run_of(broken_crash=64, lived=64), run_of()), ["broken_crash"])

    def test_a_broken_connection_of_a_living_node_puts_a_row_behind(self):
        self.assertEqual(behind_in(run_of(broken_crash=21, lived=20), run_of()), ["broken_crash"])

    def test_every_row_of_ours_is_compared_with_every_peer(self):
        rows = [row("fast", "yes"), row("normal", "yes", run_of(outage_ms=500)), row("slow peer", "no", run_of(
            outage_ms=3000)), row("quick peer", "no")]
        self.assertEqual([(ours["name"], peer["name"]) for ours, peer, _ in figures.judge(rows)],
                         [("normal", "quick peer")])

    def test_without_a_peer_or_without_relais_there_is_nothing_to_judge(self):
        self.assertIsNone(figures.judge([row("relais", "yes")]))
        self.assertIsNone(figures.judge([row("peer", "no")]))


class Table(unittest.TestCase):
    def test_a_cell_shows_median_and_range(self):
        several = row("relais", "yes", run_of(outage_ms=120), run_of(outage_ms=100.4), run_of(outage_ms=350))
        self.assertEqual(figures.cell(several, figures.COLUMNS[0]), "120 (100-350)")

    def test_a_cell_of_equal_runs_shows_no_range(self):
        self.assertEqual(figures.cell(row("relais", "yes", run_of(), run_of()), figures.COLUMNS[0]), "300")

    def test_an_even_number_of_runs_shows_the_mean_of_the_middle_two(self):
        failed = next(column for column in figures.COLUMNS if column.key == "failed")
        self.assertEqual(figures.cell(row("relais", "yes", run_of(), run_of(failed=1)), failed), "0.5 (0-1)")

    def test_broken_at_the_crash_says_how_many_lived_on_the_dead_node(self):
        broken = next(column for column in figures.COLUMNS if column.key == "broken_crash")
        self.assertEqual(figures.cell(row("relais", "yes", run_of(broken_crash=31)), broken), "31 of 30")

    def test_a_figure_that_is_behind_is_marked_and_named_with_the_peer(self):
        rows = [row("relais", "yes", run_of(outage_ms=444)), row("peer", "no")]
        behind = figures.judge(rows)
        self.assertIn("| 444 ! |", "\n".join(figures.table(rows, behind)).replace("  ", ""))
        self.assertEqual(figures.verdict(behind), ["! relais is behind peer in outage ms: 444 to 300"])

    def test_a_table_without_findings_has_no_mark_and_says_so(self):
        rows = [row("relais", "yes"), row("peer", "no")]
        self.assertNotIn("!", "\n".join(figures.table(rows, figures.judge(rows))))
        self.assertEqual(figures.verdict([]), ["relais is behind no peer in any column."])

    def test_all_lines_are_equally_long(self):
        lines = figures.table([row("relais with a long name", "yes", run_of(outage_ms=12345)), row("peer", "no")], [])
        self.assertEqual(len({len(line) for line in lines}), 1)


class Reports(unittest.TestCase):
    def shown(self, rows):
        with tempfile.TemporaryDirectory() as directory, contextlib.redirect_stdout(io.StringIO()) as output:
            path = os.path.join(directory, "report.json")
            bench.write_report(rows, path)
            code = bench.show(rows)
            with open(path, encoding="utf-8") as file:
                return code, output.getvalue(), json.load(file), [row["name"] for row in bench.rows_from([path])]

    def test_to_be_behind_ends_with_1_and_is_in_the_json(self):
        code, output, told, _ = self.shown([row("relais-fast", "yes", run_of(reset=3)), row("keepalived-1s", "no")])
        self.assertEqual(code, 1)
        self.assertIn("behind keepalived-1s in reset", output)
        self.assertEqual(told["behind"], [{"relais": "relais-fast", "peer": "keepalived-1s", "column": "reset"}])

    def test_to_be_behind_nobody_ends_with_0(self):
        code, _, told, _ = self.shown([row("relais-fast", "yes"), row("keepalived-1s", "no")])
        self.assertEqual((code, told["behind"]), (0, []))

    def test_rows_of_one_side_alone_end_with_0_and_say_that_nothing_was_judged(self):
        code, output, _, _ = self.shown([row("relais-fast", "yes")])
        self.assertEqual(code, 0)
        self.assertIn("Nothing to judge", output)

    def test_a_report_can_be_read_again_in_the_order_of_the_table(self):
        self.assertEqual(self.shown([row("keepalived-1s", "no"), row("relais-fast", "yes")])[3],
                         ["relais-fast", "keepalived-1s"])

    def test_what_is_no_report_is_named_with_the_way_out(self):
        for text in ("{", "[]", "{}", '{"rows": [{"name": "relais-fast"}]}', '{"rows": [1]}'):
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                file.write(text)
                file.flush()
                with self.assertRaises(LabError) as caught:
                    bench.rows_from([file.name])
                self.assertIn(file.name, caught.exception.what)
                self.assertIn("--json", caught.exception.way_out)

    def test_a_file_that_cannot_be_written_is_named_with_the_way_out(self):
        with self.assertRaises(LabError) as caught:
            bench.write_report([], "/proc/no/such/report.json")
        self.assertIn("/proc/no/such/report.json", caught.exception.what)
        self.assertIn("--json", caught.exception.way_out)

    def test_the_table_says_how_busy_the_machine_was(self):
        busy = row("relais-fast", "yes", run_of(cpu_pressure_percent=80), run_of(), run_of())
        self.assertIn("CPU pressure during the runs: 5 % (5-80)", self.shown([busy])[1])

    def test_bad_arguments_are_refused(self):
        for argv in (["--runs", "0"], ["--runs", "many"], ["--only", "heartbeat"], ["--from"],
                     ["--from", "a.json", "--json", "b.json"], ["--from", "a.json", "--only", "relais-fast"]):
            with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit) as caught:
                bench.parse(argv)
            self.assertEqual(caught.exception.code, 2, argv)


class SharingByHand(unittest.TestCase):
    def test_every_bucket_has_exactly_one_owner_whoever_lives(self):
        for count in (1, 2, 3):
            for members in itertools.combinations((1, 2, 3), count):
                owned = [bucket for node in (1, 2, 3) for bucket in share.buckets_of(node, set(members), 3)]
                self.assertEqual(sorted(owned), [0, 1, 2], members)

    def test_a_living_node_owns_its_bucket_and_the_lowest_one_those_of_the_dead(self):
        self.assertEqual(share.buckets_of(2, {2, 3}, 3), [0, 1])
        self.assertEqual(share.buckets_of(3, {2, 3}, 3), [2])

    def test_a_node_that_is_no_member_owns_nothing(self):
        self.assertEqual(share.buckets_of(1, set(), 2), [])
        self.assertEqual(share.buckets_of(1, {2}, 2), [])

    def test_a_node_that_has_just_started_owns_nothing_until_it_has_seen_all_or_the_guard_time_is_over(self):
        self.assertFalse(share.may_own("no", share.GUARD_S - 0.1))
        self.assertTrue(share.may_own("no", share.GUARD_S))
        self.assertTrue(share.may_own("yes", 0))

    def test_the_rule_lets_own_buckets_pass_and_drops_the_others(self):
        text = share.ruleset("198.51.100.100/32", "03:00:5e:11:11:11", [0, 1], 2)
        self.assertIn("jhash ip saddr mod 2 seed 0xdeadbeef { 0, 1 } meta pkttype set host accept\n"
                      "    ip daddr 198.51.100.100 drop", text)
        self.assertIn("arp saddr ip 198.51.100.100 arp saddr ether set 03:00:5e:11:11:11", text)

    def test_without_buckets_everything_for_the_address_is_dropped(self):
        text = share.ruleset("198.51.100.100/32", "03:00:5e:11:11:11", [], 2)
        self.assertNotIn("accept\n", text.replace("policy accept;", ""))
        self.assertIn("ip daddr 198.51.100.100 drop", text)


class WhatThePeersAreTold(unittest.TestCase):
    by_name = {contestant.name: contestant for contestant in contestants.CONTESTANTS}

    def test_the_node_that_crashes_is_the_one_that_vrrp_prefers(self):
        keepalived = self.by_name["keepalived-1s"]
        self.assertIn("priority 140", keepalived.config(contestants.VICTIM))
        self.assertIn("priority 100", keepalived.config("n1"))

    def test_adverts_below_a_second_take_version_3(self):
        self.assertIn("vrrp_version 3", self.by_name["keepalived-0.1s"].config("n1"))
        self.assertIn("advert_int 0.1\n", self.by_name["keepalived-0.1s"].config("n1"))
        self.assertNotIn("vrrp_version", self.by_name["keepalived-1s"].config("n1"))

    def test_corosync_is_told_its_times_and_those_of_its_links(self):
        text = self.by_name["corosync-jhash"].config()
        for line in ("token: 1000\n", "token_coefficient: 0\n", "consensus: 1200\n", "knet_ping_timeout: 2000\n"):
            self.assertIn(line, text)

    def test_two_nodes_of_relais_say_who_goes_on_alone(self):
        self.assertIn('two_node = "lowest"', self.by_name["relais-fast-2"].software("n1").files["relais/relais.toml"])
        self.assertEqual(self.by_name["relais-fast"].software("n1").files, {})


if __name__ == "__main__":
    unittest.main()
