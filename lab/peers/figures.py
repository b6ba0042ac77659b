"""From the probe's reports to one table: the figures of a run, medians over runs, who is behind whom. Pure."""

import math
import statistics
from dataclasses import dataclass

CRASH, RETURN = "crash", "return"
# From the phase's begin to the link's end, and the SYN-ACK that was on its way.
DYING_MS = 100
MAX_TROUBLES = 20   # of a run's failed and reset connections, kept in full


@dataclass(frozen=True)
class Column:
    """One figure. Of judged ones less is better; `died` is what a crash costs everybody."""

    key: str
    title: str
    judged: str = "yes"


COLUMNS = (
    Column("outage_ms", "outage ms"),
    Column("slowest_ms", "slowest connect ms"),
    Column("failed", "failed"),
    Column("reset", "reset"),
    Column("broken_crash", "broken at crash"),
    Column("broken_failback", "broken at failback"),
    Column("delayed_failback", "delayed at failback"),
    Column("died", "died with the node", judged="no"),
)
BROKEN_CRASH = "broken_crash"


def died_with_the_node(report, victim):
    """New connections that the dead node had accepted: no peer can save them, and all are counted by this rule."""
    crash_ms = phase_of(report, CRASH)["start_ms"]
    return [trouble for trouble in report["total"]["troubles"]
            if 0 <= trouble["connected_ms"] <= crash_ms + DYING_MS and trouble["node"] in ("", victim)]


def phase_of(report, name):
    return next(phase for phase in report["phases"] if phase["name"] == name)


def figures_of(report, victim):
    """One run's figures. `lived` of the long-lived connections were the victim's; failed and reset span the whole run
    without what died with the node."""
    crash, failback, total = phase_of(report, CRASH), phase_of(report, RETURN), report["total"]
    died = died_with_the_node(report, victim)
    failed_dead = sum(1 for trouble in died if trouble["outcome"] == "failed")
    return {
        "outage_ms": crash["outage_ms"],
        "slowest_ms": crash["slowest_connect_ms"],
        "failed": total["failed"] - failed_dead,
        "reset": total["refused"] + total["reset"] - (len(died) - failed_dead),
        "broken_crash": crash["long"]["broken"],
        "lived": report["phases"][0]["long"]["opened_by_node"].get(victim, 0),
        "broken_failback": failback["long"]["broken"],
        "delayed_failback": failback["delayed"],
        "died": len(died),
        "long": report["phases"][0]["long"]["opened"],
        "probe_delay_ms": report["own_delay_ms"],
        "troubles": [trouble for trouble in total["troubles"] if trouble not in died][:MAX_TROUBLES],
    }


def median(row, key):
    return statistics.median(run[key] for run in row["runs"])


def chance(row):
    """Variance of the number of long-lived connections that lived on the victim: which client falls onto which node is
    a sample (docs/lab.md)."""
    lived, long_lived = median(row, "lived"), median(row, "long")
    return lived * (1 - lived / long_lived) if long_lived else 0.0


def excess(row):
    """Broken at the crash although they lived on other nodes."""
    return statistics.median(max(0, run["broken_crash"] - run["lived"]) for run in row["runs"])


def is_behind(ours, peer, column):
    """Whether our row is worse in this column. Of the connections broken at the crash, those of living nodes count
    exactly, those of the dead one within two standard deviations of who happened to live there."""
    difference = median(ours, column.key) - median(peer, column.key)
    if column.key != BROKEN_CRASH:
        return difference > 0
    return excess(ours) > excess(peer) or difference > 2 * math.sqrt(chance(ours) + chance(peer))


def judge(rows):
    """Every (our row, peer's row, column) in which we are behind; None when there is nobody to compare."""
    ours, peers = ([row for row in rows if row["ours"] == word] for word in ("yes", "no"))
    if not ours or not peers:
        return None
    return [(row, peer, column) for row in ours for peer in peers for column in COLUMNS
            if column.judged == "yes" and is_behind(row, peer, column)]


def number(value):
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def cell(row, column):
    """Median (lowest-highest); of the broken ones also how many lived on the dead node."""
    values = [run[column.key] for run in row["runs"]]
    text = number(median(row, column.key))
    if column.key == BROKEN_CRASH:
        text += f" of {number(median(row, 'lived'))}"
    if min(values) != max(values):
        text += f" ({number(min(values))}-{number(max(values))})"
    return text


def table(rows, behind):
    """Lines of a table in Markdown, aligned for the terminal; `!` marks a figure in which we are behind a peer."""
    marked = {(row["name"], column.key) for row, _, column in behind or ()}
    lines = [["", "nodes", "runs"] + [column.title for column in COLUMNS]]
    for row in rows:
        cells = [cell(row, column) + (" !" if (row["name"], column.key) in marked else "") for column in COLUMNS]
        lines.append([row["title"], str(row["nodes"]), str(len(row["runs"]))] + cells)
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    padded = ["| " + " | ".join(text.ljust(width) if index == 0 else text.rjust(width)
                                for index, (text, width) in enumerate(zip(line, widths))) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 2) if index == 0 else "-" * (width + 1) + ":"
                          for index, width in enumerate(widths)) + "|"
    return [padded[0], rule, *padded[1:]]


def verdict(behind):
    """Lines below the table."""
    if behind is None:
        return ["Nothing to judge: it takes a row of relais and a row of a peer."]
    if not behind:
        return ["relais is behind no peer in any column."]
    return [f"! {row['title']} is behind {peer['title']} in {column.title}: {cell(row, column)} to {cell(peer, column)}"
            for row, peer, column in behind]


def calm(rows):
    """How busy the machine was: a run on a busy one says more about the machine."""
    busy = [run["cpu_pressure_percent"] for row in rows for run in row["runs"]]
    return f"CPU pressure during the runs: {number(statistics.median(busy))} % ({min(busy)}-{max(busy)})"
