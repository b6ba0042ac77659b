"""Judges a run of faults by what the probe, the checker and the nodes' receipts say. Pure: dicts in, rows out.

What a fault may cost: a node that is lost (dead, frozen, cut off) takes the connections with it that it had, and
openers of its clients wait for the takeover. Nothing else may be felt.
"""

from dataclasses import dataclass, replace

from . import idle_judge, topology
from .torture_plan import DETECTION_MS, KINDS

TAKEOVER_MS = 200.0         # after the detection: the lease's end, the claim, and what a busy machine adds
# A node that sends but hears nothing: Corosync forms rings with it in vain before it leaves it out; up to 5.4 x token
# was measured. Meanwhile the others cannot acknowledge each other either, so their leases end: nobody answers.
DEAF_TOKENS = 5.5
CARRIER_MS = 300.0          # a front link without carrier is noticed, and the share handed over
GATEWAY_MS = 1050.0         # three checks of the gateway at 250 ms without answer, and the handover
# Openers that a dead front link swallows, clients send again (RFC 6298): so long after the first time, or a bit later.
SYN_RETRIES_MS = (0.0, 1000.0, 3000.0, 7000.0)
SYN_RETRY_LAG_MS = 100.0
TIME_LIMIT_MS = 8500.0      # the probe gives an attempt up after 8 s
SLOT_MS = 100.0
ECHO_MS = 200.0              # a long-lived connection is heard each 100 ms, and a moment later
SETTLE_LIMIT_S = 30.0
MAX_TOLD = 4


@dataclass(frozen=True)
class Excuse:
    """What one fault allows, in ms after the run's begin."""

    kind: str
    loses: str
    node: str
    begin_ms: float
    end_ms: float         # openers sent until then may be late, and are answered then
    broken_ms: float      # clients of the node learn by then that their connections are gone

    def answered_ms(self, sent_ms):
        """When an opener that was first sent then must have its answer. Nobody holds what a dead front link swallows,
        so there it is the client's first retry after the end."""
        if self.loses != "front":
            return self.end_ms
        return SYN_RETRY_LAG_MS + min((sent_ms + retry_ms for retry_ms in SYN_RETRIES_MS
                                       if sent_ms + retry_ms >= self.end_ms), default=self.end_ms)


def delay_ms(kind, timing):
    """How long after a fault openers may have to wait, or 0."""
    if kind in ("cut-front", "cut-front-silent"):
        return CARRIER_MS if kind == "cut-front" else GATEWAY_MS
    if kind == "cut-hearts-in":
        return DEAF_TOKENS * topology.TOKEN_MS[timing] + TAKEOVER_MS
    if KINDS[kind].loses == "node" or kind == "kill-relaisd":
        return DETECTION_MS[timing] + TAKEOVER_MS
    return 0.0


def excuses_of(run, timing):
    """The excuses of a run; run: as in run.json, its faults with "done_ms" (the fault was there) and "over_ms" (the
    cluster had settled)."""
    found = []
    for fault in run["faults"]:
        wait_ms = delay_ms(fault["kind"], timing)
        if wait_ms == 0:
            continue
        loses = KINDS[fault["kind"]].loses
        end_ms = fault["done_ms"] + wait_ms
        found.append(Excuse(fault["kind"], loses, fault["node"], fault["begin_ms"], end_ms, fault["over_ms"]))
    return [after_lost_nodes(excuse, found) if excuse.loses == "front" else excuse for excuse in found]


def after_lost_nodes(front, excuses):
    """A share is handed over in the ring. While that leaves a lost node out, a dead front link has to wait."""
    ends = [excuse.end_ms + CARRIER_MS for excuse in excuses
            if excuse.loses == "node" and excuse.begin_ms <= front.end_ms and excuse.end_ms >= front.begin_ms]
    return replace(front, end_ms=max([front.end_ms, *ends]))


def row(what, bound, measured, good):
    return {"what": what, "bound": bound, "measured": measured, "ok": bool(good)}


def count_row(what, found):
    """Nothing of a sort may be found; the first ones are told."""
    told = ", ".join(map(str, found[:MAX_TOLD])) + (", …" if len(found) > MAX_TOLD else "")
    return row(what, "0", f"{len(found)} ({told})" if found else "0", not found)


def is_excused_trouble(trouble, excuses, shift_ms):
    """Whether a lost connection was one that a lost node had itself: made before the node was out."""
    if trouble["connected_ms"] < 0:
        return False
    start_ms, connected_ms = trouble["start_ms"] + shift_ms, trouble["connected_ms"] + shift_ms
    return any(excuse.loses in ("node", "front") and trouble["node"] in ("", excuse.node)
               and excuse.begin_ms - TIME_LIMIT_MS <= start_ms and connected_ms <= excuse.end_ms
               for excuse in excuses)


def told_trouble(trouble, shift_ms):
    return f"{trouble['outcome']} from {trouble['source']} at {(trouble['start_ms'] + shift_ms) / 1000:.2f} s"


def probe_rows(probe, excuses, run):
    """What the probe counted, less what is excused."""
    shift_ms = probe["begin_wall_ms"] - run["begin_wall_ms"]
    troubles = [trouble for phase in probe["phases"] for trouble in phase["troubles"]]
    harm = [told_trouble(trouble, shift_ms) for trouble in troubles
            if not is_excused_trouble(trouble, excuses, shift_ms)]
    total = probe["total"]
    untold = total["failed"] + total["refused"] + total["reset"] - len(troubles)
    harm += ["one that the probe does not tell of"] * max(0, untold)
    delayed = [f"{begin_ms / 1000:.1f} s by up to {slowest_ms:.0f} ms"
               for begin_ms, slowest_ms in delayed_slots(probe, shift_ms)
               if not any(excuse.begin_ms - SLOT_MS < begin_ms <= excuse.end_ms for excuse in excuses)]
    return [row("connections that succeeded", "> 0", str(total["ok"]), total["ok"] > 0),
            count_row("connections lost that no lost node had", harm),
            count_row("100 ms with delayed connections outside of a fault's time", delayed),
            count_row("long-lived connections broken that no lost node had", broken(probe, excuses, shift_ms))]


def delayed_slots(probe, shift_ms):
    """The slots in which delayed connections started: begin, ms after the run's begin, and the slowest connect."""
    return [(number * probe["slot_ms"] + shift_ms, slot["slowest_connect_ms"])
            for number, slot in enumerate(probe["timeline"]) if slot["delayed"]]


def broken(probe, excuses, shift_ms):
    """Long-lived connections that broke although their node was not lost when they were last heard. (They may notice
    much later: while yet another node has connections in their bucket, nobody tells them.)"""
    found = []
    for phase in probe["phases"]:
        for item in phase["long"]["breaks"]:
            heard_ms = item["at_ms"] - item["unheard_ms"] + shift_ms
            # A front link that comes back before the grace is over finds its connections alive.
            if not any(excuse.loses == "node" and excuse.node == item["node"]
                       and excuse.begin_ms - ECHO_MS <= heard_ms <= excuse.broken_ms for excuse in excuses):
                found.append(f"of {item['node']}, last heard at {heard_ms / 1000:.2f} s")
    return found


def fitting_excuses(excuses, at_ms):
    """The faults that allow an opener of that time to wait: the one that it met, and those that began while it was
    allowed to wait for that one."""
    fitting = [excuse for excuse in excuses if excuse.begin_ms <= at_ms <= excuse.end_ms]
    waits_ms = -1.0
    while fitting and waits_ms < (answered_ms := max(excuse.answered_ms(at_ms) for excuse in fitting)):
        waits_ms = answered_ms
        fitting = [excuse for excuse in excuses if excuse.begin_ms <= waits_ms and excuse.end_ms >= at_ms]
    return fitting


def checker_rows(verdict, excuses, run):
    """What was seen on the wire."""
    late_ms, unexcused = {"node": 0.0, "front": 0.0}, []
    for item in verdict["late"]:
        at_ms = item["wall_ms"] - run["begin_wall_ms"]
        answered_ms = at_ms + min(answer["after_ms"] for answer in item["answers"])
        fitting = fitting_excuses(excuses, at_ms)
        if not fitting:
            unexcused.append(f"{item['client']} at {at_ms / 1000:.2f} s")
            continue
        best = max(fitting, key=lambda excuse: excuse.answered_ms(at_ms))
        group = "front" if best.loses == "front" else "node"
        late_ms[group] = max(late_ms[group], answered_ms - best.answered_ms(at_ms))
    told = [f"{item['client']} at {(item['wall_ms'] - run['begin_wall_ms']) / 1000:.2f} s"
            for item in (*verdict["two"], *verdict["none"])]
    two, none = told[:len(verdict["two"])], told[len(verdict["two"]):]
    return [row("openers that were seen", "> 0", str(verdict["openers"]), verdict["openers"] > 0),
            count_row("openers answered twice", two), count_row("openers never answered", none),
            count_row("openers answered late outside of a fault's time", unexcused),
            row("last answer after the takeover's time, node lost", "0 ms", f"{late_ms['node']:.0f} ms",
                late_ms["node"] <= 0),
            row("last answer after the notice time and a retry, front lost", "0 ms", f"{late_ms['front']:.0f} ms",
                late_ms["front"] <= 0)]


def idle_rows(stretches, excuses, run):
    """Clients that only listened."""
    found = idle_judge.look(stretches, run, [(excuse.node, excuse.begin_ms, excuse.broken_ms) for excuse in excuses])
    slowest_ms = max(found.told_ms, default=0.0)
    return [row("idle connections that were opened", str(found.wanted), str(found.opened),
                found.opened == found.wanted > 0),
            count_row("idle connections ended although their node lived", found.ended),
            count_row("idle clients of a dead node not told in time", found.unheard),
            row("slowest idle client told after its node's takeover", f"{idle_judge.TOLD_MS:.0f} ms",
                f"{slowest_ms:.0f} ms, of {len(found.told_ms)}; {found.put_off} put off",
                slowest_ms <= idle_judge.TOLD_MS)]


def receipt_key(receipt):
    return receipt["epoch"], receipt["from"], receipt["to"]


def facts(receipt):
    """What all nodes must tell alike. How long a planned move took, each of them says by its own clock."""
    own = {"time_ms"} if receipt["detect_ms"] else {"time_ms", "takeover_ms"}
    return {name: value for name, value in receipt.items() if name not in own}


def receipt_rows(receipts):
    """receipts: {node: its list}. What two nodes both have, they have alike; the last one, all have."""
    different = []
    by_node = {node: {receipt_key(item): facts(item) for item in found} for node, found in receipts.items()}
    everything = {key: item for known in by_node.values() for key, item in known.items()}
    for node, known in by_node.items():
        different += [f"epoch {key[0]} on {node}" for key, item in known.items() if item != everything[key]]
    last = max(everything, default=None)
    without = [node for node, known in by_node.items() if last is not None and last not in known]
    return [row("receipts", "> 0", str(len(everything)), bool(everything)),
            count_row("receipts that differ between nodes", different),
            count_row("nodes without the last receipt", without)]


def settle_rows(settled, rounds):
    """settled: seconds that each round took to come to rest, or text: why it did not."""
    stuck = [f"round {number}: {took}" for number, took in settled if isinstance(took, str)]
    slowest_s = max((took for _, took in settled if not isinstance(took, str)), default=0.0)
    return [row("rounds of faults", str(rounds), str(len(settled)), len(settled) == rounds),
            count_row(f"rounds that were not over after {SETTLE_LIMIT_S:.0f} s", stuck),
            row("slowest round to come to rest", f"{SETTLE_LIMIT_S:.0f} s", f"{slowest_s:.1f} s",
                slowest_s <= SETTLE_LIMIT_S)]


def verdict_of(rows):
    return {"ok": all(item["ok"] for item in rows), "rows": rows}


def judge(seen, timing, rounds):
    """{"ok", "rows"}. seen: {"probe", "run", "exactly_one", "receipts", "settled", "idle"}."""
    excuses = excuses_of(seen["run"], timing)
    rows = [*checker_rows(seen["exactly_one"], excuses, seen["run"]),
            *probe_rows(seen["probe"], excuses, seen["run"]), *idle_rows(seen["idle"], excuses, seen["run"]),
            *settle_rows(seen["settled"], rounds), *receipt_rows(seen["receipts"])]
    return verdict_of(rows)


def table(verdict):
    """Lines for people."""
    lines = [f"{'':6} {'what':62} {'bound':>10}  measured"]
    for item in verdict["rows"]:
        lines.append(f"{'ok' if item['ok'] else 'FAILED':6} {item['what']:62} {item['bound']:>10}  {item['measured']}")
    return lines
