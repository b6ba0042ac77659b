"""What became of clients that only listen: they hear of their node's death from whoever takes its buckets over, within
a second, and of nothing else. Pure.

Who takes over tells a bucket's clients once it serves the bucket. As long as a third node has connections there, left
over from an earlier move, it may not: what the clients answer would be dropped in silence.
"""

from dataclasses import dataclass, field

TOLD_MS = 1000.0
SEEN_MS = 500.0   # every node is asked for its states, and for the owners, at least so often


@dataclass(frozen=True)
class Takeover:
    """One heir's part of a dead node's buckets; times in ms after the run's begin."""

    node: str
    heir: str
    lost_ms: float      # the dead node's last heartbeat
    claimed_ms: float


@dataclass
class Findings:
    opened: int = 0
    wanted: int = 0
    told_ms: list = field(default_factory=list)   # each: after the takeover, or after the bucket was served
    put_off: int = 0                              # nobody could tell them as long as they listened
    unheard: list = field(default_factory=list)   # sentences: told too late, or never
    ended: list = field(default_factory=list)     # sentences: their node had not died


def takeovers_of(receipts, begin_wall_ms):
    """In order of time. receipts: {node: its list}; all tell alike of what they lived through, but for the time."""
    moves = {(item["epoch"], item["from"], item["to"]): item for of_node in receipts.values() for item in of_node
             if item["cause"] == "node died" and not item["abandoned"]}
    found = [Takeover(f"n{item['from']}", f"n{item['to']}",
                      item["time_ms"] - begin_wall_ms - item["takeover_ms"] - item["detect_ms"],
                      item["time_ms"] - begin_wall_ms) for item in moves.values()]
    return sorted(found, key=lambda takeover: takeover.claimed_ms)


class History:
    """Questions to run.json."""

    def __init__(self, run):
        self.maps = sorted(run["maps"], key=lambda change: change["at_ms"])
        self.states = sorted(run["states"], key=lambda change: change["at_ms"])

    def owners(self, vip, bucket):
        """Every owner that was seen, in order: (from ms, name)."""
        return [(change["at_ms"], f"n{change['owners'][bucket]}") for change in self.maps
                if change["vip"] == vip and change["owners"][bucket]]

    def owner(self, vip, bucket, at_ms):
        """The name of the last owner until then, or "" if none was seen."""
        return next((name for seen_ms, name in reversed(self.owners(vip, bucket)) if seen_ms <= at_ms), "")

    def heir(self, vip, bucket, claimed_ms, dead):
        """Who owns it after a claim; it may be seen later than it was made. "": nobody was seen."""
        then = self.owner(vip, bucket, claimed_ms + SEEN_MS)
        later = (name for seen_ms, name in self.owners(vip, bucket) if seen_ms > claimed_ms + SEEN_MS)
        return then if then != dead else next((name for name in later if name != dead), "")

    def served_ms(self, node, vip, bucket, from_ms):
        """When a node that had claimed a bucket served it: from_ms, unless it was seen in `adopt` then; None: not any
        more."""
        adopted = False
        for change in self.states:
            if (change["node"], change["vip"]) != (node, vip) or change["at_ms"] < from_ms:
                continue
            word = state_in(change["states"], bucket)
            if word == "serve":
                return change["at_ms"] if adopted else from_ms
            adopted = adopted or word == "adopt"
        return None if adopted else from_ms


def state_in(runs, bucket):
    """The state of one bucket in [["serve", 85], …]."""
    for word, length in runs:
        if bucket < length:
            return word
        bucket -= length
    return ""


class Stretch:
    """Clients that listened at the same time, as idle_clients.py keeps them. busy: (node, from ms, to ms) of faults in
    which a node could not have told anybody."""

    def __init__(self, stretch, run, busy):
        probe = stretch["probe"]
        shift_ms = probe["begin_wall_ms"] - run["begin_wall_ms"]
        self.begin_ms, self.end_ms = shift_ms, shift_ms + probe["duration_ms"]
        self.breaks = {item["source"]: (item["at_ms"] + shift_ms, item["node"])
                       for item in probe["total"]["idle"]["breaks"]}
        self.takeovers = [one for one in takeovers_of(stretch["receipts"], run["begin_wall_ms"])
                          if self.begin_ms < one.claimed_ms < self.end_ms]
        self.history = History(run)
        self.busy = busy

    def judge(self, client, findings):
        """Adds what became of one client."""
        vip, bucket = client["vip"], client["bucket"]
        first_owner = self.history.owner(vip, bucket, self.begin_ms + SEEN_MS)
        at_ms, node = self.breaks.get(client["source"], (None, first_owner))
        deaths = [one for one in self.takeovers if one.node == node]
        if at_ms is not None and not any(one.lost_ms <= at_ms for one in deaths):
            findings.ended.append(f"{client['source']} on {node} at {at_ms / 1000:.2f} s")
        elif deaths:
            claimed_ms = max(one.claimed_ms for one in deaths if one.lost_ms <= deaths[0].claimed_ms)
            heir = self.history.heir(vip, bucket, claimed_ms, node)
            claimed_ms = next((one.claimed_ms for one in deaths if one.heir == heir), claimed_ms)
            served_ms = self.history.served_ms(heir, vip, bucket, claimed_ms)
            words = f"{client['source']} on {node}, taken over by {heir or 'nobody'} at {claimed_ms / 1000:.2f} s"
            self.judge_told(words, heir, (at_ms, served_ms), findings)

    def judge_told(self, words, heir, times, findings):
        """One whose node has died. times: told at, and served by the heir from then on; None: never."""
        told_ms, served_ms = times
        if served_ms is None or served_ms + TOLD_MS > self.end_ms or self.is_busy(heir, served_ms):
            findings.put_off += 1
        elif told_ms is None or told_ms > served_ms + TOLD_MS:
            findings.unheard.append(words + ("" if told_ms is None else f", told at {told_ms / 1000:.2f} s"))
        else:
            findings.told_ms.append(max(0.0, told_ms - served_ms))

    def is_busy(self, node, from_ms):
        return any(name == node and begin_ms <= from_ms + TOLD_MS and end_ms >= from_ms
                   for name, begin_ms, end_ms in self.busy)


def look(stretches, run, busy):
    """What became of all clients."""
    findings = Findings()
    for item in stretches:
        stretch = Stretch(item, run, busy)
        findings.wanted += len(item["clients"])
        findings.opened += item["probe"]["total"]["idle"]["opened"]
        for client in item["clients"]:
            stretch.judge(client, findings)
    return findings
