"""The quiet test's pure part: pauses of the machine, changes of the cluster, blocks of seeds. And a real witness."""

import os
import re
import signal
import sys
import time
import unittest

sys.dont_write_bytecode = True

from processor_load import BLOCK_S, Block, read_block, seeds_that_fit
from quiet_judge import REPETITIONS, Change, Period, judge
from witness import Pause, Witness, standstills

TOKEN_S = 0.1


def pause(cpu, begin, length_s, queued_s=0.0, stolen_s=0.0):
    return Pause(cpu, begin, begin + length_s, queued_s, stolen_s)


def both(begin, length_s):
    return [pause(0, begin, length_s), pause(1, begin + 0.001, length_s)]


def change(after=10.0, by=11.0, **other):
    return Change(after, by, ("n1: epoch was 4, is 5",), **other)


class Standstills(unittest.TestCase):
    def lengths_ms(self, *pauses):
        return [round(1000 * still.length_s()) for still in standstills(pauses, [0, 1])]

    def test_only_what_all_processors_share_is_the_machines(self):
        self.assertEqual(self.lengths_ms(pause(0, 5, 0.318), pause(1, 5.01, 0.3)), [300])
        self.assertEqual(self.lengths_ms(pause(0, 5, 0.3), pause(1, 5.2, 0.3)), [100])

    def test_a_pause_of_one_processor_is_none(self):
        self.assertEqual(self.lengths_ms(pause(0, 5, 0.318)), [])
        self.assertEqual(self.lengths_ms(pause(0, 5, 0.3), pause(1, 6, 0.3)), [])

    def test_time_behind_other_programs_is_none(self):
        self.assertEqual(self.lengths_ms(pause(0, 5, 0.3), pause(1, 5, 0.3, queued_s=0.3)), [])
        self.assertEqual(self.lengths_ms(pause(0, 5, 0.3, queued_s=0.05), pause(1, 5, 0.3)), [250])

    def test_they_come_in_order_of_time(self):
        found = standstills([*both(20, 0.3), *both(5, 0.2)], [0, 1])
        self.assertEqual([still.begin for still in found], [5.001, 20.001])

    def test_without_processors_nothing_is_proven(self):
        self.assertEqual(standstills(both(5, 0.3), []), [])


class Judge(unittest.TestCase):
    def judged(self, *periods):
        """Findings, number of periods run, all that was told."""
        waiting, told = list(periods), []
        findings = judge(lambda: Period(*waiting.pop(0), [0, 1]), TOKEN_S, told.append)
        return findings, len(periods) - len(waiting), "\n".join(told)

    def test_nothing_changed_is_good(self):
        self.assertEqual(self.judged((None, [])), ([], 1, ""))

    def test_a_standstill_without_a_change_is_good_and_is_named(self):
        findings, runs, told = self.judged((None, both(10, 0.318)))
        self.assertEqual((findings, runs), ([], 1))
        self.assertRegex(told, r"the machine stood still for 317 ms at \S+: no cluster on one machine outlives that")

    def test_a_change_without_a_pause_is_a_failure_and_is_not_run_again(self):
        findings, runs, told = self.judged((change(), []), (None, []))
        self.assertEqual((findings, runs), (["n1: epoch was 4, is 5"], 1))
        self.assertIn("no pause around the change", told)

    def test_a_change_just_after_a_standstill_is_run_again_and_both_are_named(self):
        findings, runs, told = self.judged((change(), both(10.3, 0.318)), (None, []))
        self.assertEqual((findings, runs), ([], 2))
        self.assertIn("changed: n1: epoch was 4, is 5", told)
        self.assertRegex(told, "period 1 of at most 3 shows nothing: the machine stood still for 317 ms")

    def test_the_change_of_the_second_period_counts(self):
        findings, runs, _ = self.judged((change(), both(10.3, 0.318)), (change(), []))
        self.assertEqual((findings, runs), (["n1: epoch was 4, is 5"], 2))

    def test_a_machine_that_spoils_every_period_has_shown_nothing(self):
        spoilt = (change(), both(10.3, 0.318))
        findings, runs, _ = self.judged(*[spoilt] * 5)
        self.assertEqual(runs, 1 + REPETITIONS)
        self.assertRegex(findings[0], "nothing is shown")

    def test_what_excuses_no_change(self):
        for why, changed, pauses in (
                ("shorter than the token", change(), both(10.3, 0.099)),
                ("one processor", change(), [pause(0, 10.3, 0.318)]),
                ("one processor, stolen for less than the token", change(), [pause(0, 10.3, 0.318, stolen_s=0.09)]),
                ("after the change", change(), both(11.1, 0.318)),
                ("long before the change", change(), both(9.0, 0.318)),
                ("other programs held the processors", change(),
                 [pause(cpu, 10.3, 0.318, queued_s=0.3) for cpu in (0, 1)]),
                ("nobody knows when it changed", change(after=None), both(10.3, 0.318)),
                ("the cluster does not come to rest", change(unsettled="n2 is no member"), both(10.3, 0.318))):
            with self.subTest(why):
                findings, runs, _ = self.judged((changed, pauses), (None, []))
                self.assertEqual((findings[:1], runs), (["n1: epoch was 4, is 5"], 1))

    def test_a_change_just_after_the_host_took_a_processor_away_is_run_again(self):
        findings, runs, told = self.judged((change(), [pause(0, 10.2, 0.709, stolen_s=0.7)]), (None, []))
        self.assertEqual((findings, runs), ([], 2))
        self.assertRegex(told, "period 1 of at most 3 shows nothing: the host did not run processor 0 for 700 ms")

    def test_a_standstill_that_ended_within_the_time_of_detection_is_just_before(self):
        self.assertEqual(self.judged((change(), both(9.5, 0.318)), (None, []))[:2], ([], 2))

    def test_pauses_of_one_processor_around_the_change_are_shown(self):
        _, _, told = self.judged((change(), [pause(1, 10.2, 0.05, queued_s=0.02), pause(0, 2.0, 0.05)]))
        self.assertEqual(re.findall(r"processor (\d) late by (\d+) ms, of which behind other programs (\d+) ms", told),
                         [("1", "50", "20")])


class ARealWitness(unittest.TestCase):
    def test_it_sees_that_it_stood_still_on_all_processors(self):
        with Witness() as witness:
            time.sleep(0.1)
            for number, wait_s in ((signal.SIGSTOP, 0.2), (signal.SIGCONT, 0.2)):
                for process in witness.processes:
                    os.kill(process.pid, number)
                time.sleep(wait_s)
            longest_s = max((still.length_s() for still in standstills(witness.pauses(), witness.cpus)), default=0)
        self.assertGreater(longest_s, 0.15)

    def test_that_one_has_died_is_said(self):
        with Witness() as witness:
            witness.processes[0].kill()
            witness.processes[0].join()
            with self.assertRaisesRegex(RuntimeError, "has died"):
                witness.pauses()


class Blocks(unittest.TestCase):
    def test_a_block_ends_in_time(self):
        for pace, left_s, seeds in ((None, 1200, 40), (30, 1200, 30 * BLOCK_S), (30, 5, 150), (30, 0.9, 0), (0.5, 3, 0),
                                    (None, 0, 0)):
            self.assertEqual(seeds_that_fit(pace, left_s), seeds)

    def test_seeds_and_steps_are_counted(self):
        line = "300 seeds, 1867311 steps, 18 takeovers, 20 handovers, settled within 99 ms, 0 violations, 9 seeds/s\n"
        self.assertEqual(read_block("build/simulation", Block(1, 300), 0, line), (300, 1867311, 0, []))

    def test_a_violation_is_told_with_the_command_that_replays_it(self):
        output = ("simulation --seed 7 --steps 90 --trace: I1: two owners\n"
                  "3 seeds, 99 steps, 1 takeovers, 1 handovers, settled within 9 ms, 1 violations, 37.4 seeds/s\n")
        self.assertEqual(read_block("build/simulation", Block(6, 8), 1, output),
                         (3, 99, 1, ["build/simulation --seed 7 --steps 90 --trace: I1: two owners"]))

    def test_a_block_that_dies_is_a_violation(self):
        self.assertEqual(read_block("build/simulation", Block(6, 8), -6, "invariant broken\n"),
                         (0, 0, 1, ["build/simulation --seeds 6..8 --all ended with -6: invariant broken"]))


if __name__ == "__main__":
    unittest.main()
