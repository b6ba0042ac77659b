"""Quiet runs: nothing happens, so nothing may be noticed, busy processors or not."""

from harness import SETTLE_S, Need, Scenario
from processor_load import Burners
from quiet import run_quiet
from quiet_judge import REPETITIONS

MINUTES = 1


class QuietScenario(Scenario):
    timeout_s = (1 + REPETITIONS) * (MINUTES * 60 + SETTLE_S) + 90

    def quiet(self):
        findings = run_quiet(self.cluster, MINUTES * 60, Burners(2))
        self.assertEqual(findings, [])


class QuietFast(QuietScenario):
    name = "quiet_fast"
    need = Need(timing="fast")

    def test_a_quiet_minute_at_fast_with_two_cpu_burners_changes_nothing(self):
        self.quiet()


class QuietNormal(QuietScenario):
    name = "quiet_normal"

    def test_a_quiet_minute_at_normal_with_two_cpu_burners_changes_nothing(self):
        self.quiet()


class QuietRelaxed(QuietScenario):
    name = "quiet_relaxed"
    need = Need(timing="relaxed")

    def test_a_quiet_minute_at_relaxed_with_two_cpu_burners_changes_nothing(self):
        self.quiet()
