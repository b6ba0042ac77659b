"""What a change in a quiet cluster means: a failure, or nothing, as the machine itself stood still. Pure.

A cluster on one machine cannot outlive that all of it pauses for longer than Corosync's token: all nodes stop at once,
and whoever wakes up first misses the others. Nor that the host takes a processor away for so long: what ran there stays
there. Such a period shows nothing about the cluster, and is run again.
"""

from dataclasses import dataclass

from witness import Standstill, standstills, thefts

REPETITIONS = 2
DETECTION_TOKENS = 2.2   # so long after a node's last word the ring is formed without it
AROUND_S = 1.0


@dataclass(frozen=True)
class Change:
    """Something changed between two looks (monotonic seconds), or nobody knows when (`after` is None)."""

    after: float | None
    by: float
    what: tuple
    unsettled: str = ""   # why the cluster did not come to rest again

    def findings(self):
        return list(self.what) + ([f"and then not at rest: {self.unsettled}"] if self.unsettled else [])


@dataclass(frozen=True)
class Period:
    """A period of watching: the change that ended it, if any, and what the witnesses of these processors saw."""

    change: Change | None
    pauses: list
    cpus: list

    def standstills(self):
        return standstills(self.pauses, self.cpus)


def too_long(period, token_s):
    """The standstills that no cluster on one machine outlives."""
    stills = period.standstills() + thefts(period.pauses)
    return [still for still in stills if still.length_s() >= token_s]


def cause(period, token_s):
    """The longest standstill just before the change that was too long to outlive, or None."""
    change = period.change
    if change.after is None or change.unsettled:
        return None
    since = change.after - DETECTION_TOKENS * token_s
    before = [still for still in too_long(period, token_s) if since <= still.end <= change.by]
    return max(before, key=Standstill.length_s, default=None)


def around(period, token_s):
    """The pauses, on any processor, that one wants to see beside the change."""
    change = period.change
    since = (change.by if change.after is None else change.after) - DETECTION_TOKENS * token_s - AROUND_S
    return [pause for pause in period.pauses if pause.woke >= since and pause.due <= change.by]


def account(period, token_s):
    """What a period has to tell, as lines."""
    found = period.standstills()
    lines = [f"{still}: no cluster on one machine outlives that" for still in too_long(period, token_s)]
    if found:
        longest_ms = 1000 * max(still.length_s() for still in found)
        lines.append(f"witness: {len(found)} times all {len(period.cpus)} processors paused at once, "
                     f"at most {longest_ms:.0f} ms; the token is {1000 * token_s:.0f} ms")
    if period.change:
        lines += [f"changed: {finding}" for finding in period.change.findings()]
        lines += [f"witness: {pause}" for pause in around(period, token_s)] or ["witness: no pause around the change"]
    return lines


def judge(run_period, token_s, tell):
    """Runs a period, and again as long as the machine spoils it; returns the findings (empty is good). `tell` is given
    each line of the account."""
    for attempt in range(1 + REPETITIONS):
        period = run_period()
        for line in account(period, token_s):
            tell(line)
        if period.change is None:
            return []
        spoilt_by = cause(period, token_s)
        if spoilt_by is None:
            return period.change.findings()
        tell(f"period {attempt + 1} of at most {1 + REPETITIONS} shows nothing: {spoilt_by}, and then the cluster "
             "changed")
    return [f"the machine stood still in each of {1 + REPETITIONS} periods: nothing is shown, run it again"]
