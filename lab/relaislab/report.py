"""`lab/lab report`: one HTML page about a run, which needs neither network nor script to be read."""

import os
import time

from . import report_load, report_map, report_run
from .report_chart import Axis, shared_patterns
from .report_findings import findings_section, receipts_section, troubles_section
from .report_html import clock, count, duration, note, plain, raw, section, soft, table, tag
from .report_run import is_number
from .report_style import STYLE
from .shell import LabError

DOCTYPE = "<!DOCTYPE html>\n"
# Nothing is fetched and nothing runs, whatever a file of the run may have smuggled in.
POLICY = "default-src 'none'; style-src 'unsafe-inline'"


# The head of the page

def verdict_line(run):
    if run.verdict is None:
        return tag("p", "? No verdict", class_="verdict unknown"), note(run.missing["verdict.json"])
    bad = sum(not ok for *_, ok in run.verdict)
    if bad:
        return tag("p", f"✗ {bad} of {len(run.verdict)} bounds broken", class_="verdict broken"), ""
    return tag("p", f"✓ All {len(run.verdict)} bounds kept", class_="verdict kept"), ""


def facts(run):
    plan, first_last = run.plan or {}, run.span()
    items = [("Begin", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(run.begin_wall_ms / 1000))),
             ("Length", duration(first_last[1] - first_last[0])), ("Nodes", ", ".join(run.nodes) or "not known"),
             ("Timing", plain(plan.get("timing", "not known"))), ("Seed", plain(plan.get("seed", "not known"))),
             ("Faults", count(len(run.faults)))]
    if is_number(plan.get("minutes")) and all(isinstance(plan.get(key), (int, str)) for key in ("seed", "timing")):
        command = f"lab/lab torture --minutes {plan['minutes']:.15g} --seed {plan['seed']} --timing {plan['timing']}"
        nodes = len(plan["nodes"]) if isinstance(plan.get("nodes"), list) else plan.get("nodes")
        command += f" --nodes {nodes}" if is_number(nodes) else ""
        command += f" --kinds {','.join(map(str, plan['kinds']))}" if isinstance(plan.get("kinds"), list) else ""
        items.append(("Again", tag("code", command)))
    if run.probe and run.probe.own_delay_ms > 20:
        items.append(("Caution", f"the machine held the probe itself up by {duration(run.probe.own_delay_ms)}: judge "
                                 "single delays with care"))
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", words)) for name, words in items), class_="facts")


def tile(figure, words):
    return tag("li", tag("b", figure), tag("span", words))


def broken_of(group):
    return f"{count(group.get('broken', 0))} of {count(group['opened'])}"


def tiles(run):
    if not run.probe:
        return ""
    total = run.probe.total
    long_lived, idle = total.get("long", {}), total.get("idle", {})
    lost = total["failed"] + total["refused"] + total["reset"]
    items = [tile(count(total["attempts"]), "new connections"), tile(count(lost), "lost (failed, refused, reset)"),
             tile(count(total["delayed"]), "delayed by more than 200 ms"),
             tile(duration(total["slowest_connect_ms"]), "slowest connect"),
             tile(duration(total["median_connect_ms"]), "median connect")]
    if long_lived.get("opened"):
        items.append(tile(broken_of(long_lived), "lasting connections broken"))
    if idle.get("opened"):
        items.append(tile(broken_of(idle), "idle connections ended by the other side"))
    if run.findings is not None:
        items.append(tile(count(len(run.findings["two"])), "connections that two nodes answered"))
    return tag("ul", *items, class_="tiles")


def heading(run):
    plan = run.plan or {}
    name = plan.get("title") if isinstance(plan.get("title"), str) else "Torture run" if "seed" in plan else "Run"
    line, missing = verdict_line(run)
    faults = {0: "", 1: "1 fault in "}.get(len(run.faults), f"{count(len(run.faults))} faults in ")
    return tag("header", tag("p", "relais: mail cluster failover", class_="kicker"),
               tag("h1", f"{name}: {faults}{duration(run.span()[1] - run.span()[0])}"), line,
               missing, tiles(run), facts(run))


# Sections

def bounds_section(run):
    if run.verdict is None:
        return section("bounds", "Bounds", note(run.missing["verdict.json"]))
    def result(ok):
        return tag("td", "✓ kept" if ok else "✗ broken", class_=f"result {'kept' if ok else 'broken'}")
    rows = [[what, plain(bound), plain(measured), result(ok)] for what, bound, measured, ok in run.verdict]
    return section("bounds", "Bounds", soft("What the run had to keep to, and what was measured."),
                   table(("What", "Bound", "Measured", "Result"), rows, aria_label="bounds"))


def latency_section(run, axis):
    title = "Connect latency over time"
    if not (run.probe and run.probe.slots):
        return section("latency", title, note(run.missing.get("probe.json", "probe.json has no timeline")))
    if not any(slot.slowest_ms > 0 for slot in run.probe.slots):
        return section("latency", title, note("probe.json tells no latencies in its timeline: nobody connected, or "
                                              "another release of the probe wrote it"))
    _, width_ms = report_load.columns_of(run, axis)
    return section("latency", title,
                   soft("How long new connections took at the clients' side, up to the slowest one. Shaded bands are "
                        "faults, with their numbers of the table of faults."),
                   tag("figure", report_load.latency_legend(width_ms), report_load.latency_chart(run, axis)))


def map_section(run, axis):
    title = "Who owned the buckets"
    drawn = [(index, vip) for index, vip in enumerate(run.maps) if run.maps[vip]]
    if not drawn:
        return section("maps", title, note(run.missing.get("run.json", "run.json has no maps")))
    figures = [tag("figure", tag("h3", vip), report_map.map_chart(run, axis, index, vip)) for index, vip in drawn]
    return section("maps", title,
                   soft("Every client falls into one of 256 buckets, and one node answers each bucket. One row per "
                        "bucket; those that fared alike are neighbours, so that a move shows as a block."),
                   report_map.map_legend(run), *figures)


def answers_section(run, axis):
    title = "New connections answered, by node"
    if not (run.probe and run.probe.slots):
        return section("answers", title, note(run.missing.get("probe.json", "probe.json has no timeline")))
    return section("answers", title,
                   soft("Connections per second that were answered within 200 ms, stacked by the node that answered."),
                   tag("figure", report_load.answers_legend(run), report_load.answers_chart(run, axis)))


def cost_of(run, fault, until_ms):
    """What clients felt from a fault's begin until then: [delayed, lost, slowest]."""
    slots = [slot for slot in run.probe.slots if fault.begin_ms <= slot.start_ms + run.probe.slot_ms
             and slot.start_ms < until_ms] if run.probe else []
    if not slots:
        return ["–", "–", "–"]
    slowest_ms = max(slot.slowest_ms for slot in slots)
    return [count(sum(slot.delayed for slot in slots)), count(sum(slot.lost for slot in slots)),
            duration(slowest_ms) if slowest_ms > 0 else "–"]


def faults_section(run):
    if not run.faults:
        return section("faults", "Faults", soft("No fault was noted in this run.") if "run.json" not in run.missing else
                       note(run.missing["run.json"]))
    rows = []
    for index, fault in enumerate(run.faults):
        later = (other.begin_ms for other in run.faults[index + 1:] if other.begin_ms > fault.begin_ms)
        until_ms = next(later, run.span()[1])
        lasted = duration(fault.end_ms - fault.begin_ms) if fault.end_ms > fault.begin_ms else "at once"
        rows.append([fault.number, clock(fault.begin_ms), lasted, fault.text, *cost_of(run, fault, until_ms)])
    words = "Delayed, lost and slowest are of the connections begun between this fault and the next one."
    if "run.json" in run.missing:
        words += f" Times are as planned: {run.missing['run.json']}."
    return section("faults", "Faults", soft(words), table(("No.", "At", "For", "What", "Delayed", "Lost", "Slowest"),
                                                          rows, aria_label="faults"))


def lasting_section(run):
    """Long-lived and idle connections: who lost which, and how soon the idle ones learnt of it."""
    if not run.probe:
        return ""
    rows = []
    for phase in [*run.probe.phases, run.probe.total]:
        long_lived, idle = phase.get("long", {}), phase.get("idle", {})
        if phase is not run.probe.total and not (long_lived.get("broken") or idle.get("broken")):
            continue
        soon = (f"{duration(idle['median_after_ms'])} / {duration(idle['slowest_after_ms'])}"
                if idle.get("broken") and phase is not run.probe.total else "–")
        rows.append([phase["name"], by_node(long_lived), by_node(idle), soon])
    lasting, listening = (run.probe.total.get(group, {}).get("opened", 0) for group in ("long", "idle"))
    words = f"{count(lasting)} connections exchanged a byte every 100 ms"
    words += f"; {count(listening)} only listened, as mail clients in IMAP IDLE do" if listening else ""
    return section("lasting", "Lasting connections", soft(words + "."),
                   table(("Phase", "Broken", "Idle ones ended", "After the phase's begin: half / all"), rows,
                         aria_label="lasting connections"))


def by_node(group):
    """3 (n1 1, n2 2)"""
    broken = group.get("broken", 0)
    nodes = ", ".join(f"{name} {number}" for name, number in sorted(group.get("broken_by_node", {}).items()))
    return f"{count(broken)} ({nodes})" if broken and nodes else count(broken)


# The page

def page(run):
    """The whole page, as text."""
    axis = Axis(*run.span())
    head = tag("head", tag("meta", charset="utf-8"), tag("meta", name="viewport",
                                                         content="width=device-width, initial-scale=1"),
               tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
               tag("title", f"relais: {os.path.basename(os.path.abspath(run.directory))}"), tag("style", raw(STYLE)))
    body = tag("body", shared_patterns(), heading(run),
               tag("main", bounds_section(run), latency_section(run, axis), map_section(run, axis),
                   answers_section(run, axis), faults_section(run), lasting_section(run), findings_section(run),
                   troubles_section(run), receipts_section(run)),
               tag("footer", "Written by lab/lab report from ", tag("code", os.path.abspath(run.directory)),
                   ". Times are minutes and seconds after the begin of the run."))
    return DOCTYPE + tag("html", head, body, lang="en") + "\n"


def write(directory, path=""):
    """Reads a run and writes its page; (path of the page, what was missing). LabError if there is nothing to show."""
    run = report_run.read(directory)
    path = path or os.path.join(directory, "report.html")
    text = page(run)
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise LabError(f"cannot write {path}: {error.strerror}", "name another file with --out") from error
    return path, list(run.missing.values())
