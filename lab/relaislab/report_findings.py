"""The report's sections of single things: findings of the checker, connections in trouble, receipts. Pure."""

import time

from .report_html import clock, count, duration, note, plain, section, soft, table, tag
from .report_run import is_number

MOST_FINDINGS = 100     # of a kind; the rest stays in its file
MOST_TROUBLES = 100
MOST_RECEIPTS = 400
WORDS = {"two": "answered by two nodes", "none": "answered by nobody", "late": "answered late"}
EXPLAIN = {
    "two": "Different nodes answered one connection opener. This must never happen: the client resets the connection.",
    "none": "No answer came to any transmission of the opener.",
    "late": "The first answer came more than 200 ms after the first opener.",
}


def wall(wall_ms):
    return time.strftime("%H:%M:%S", time.gmtime(wall_ms / 1000)) + f".{int(wall_ms % 1000):03} UTC"


def details_of(finding):
    """All fields of a finding, as they are."""
    rows = [[key, plain(value)] for key, value in finding.items()]
    return table(("Field", "Value"), rows, aria_label="finding")


def finding_item(run, kind, index, finding):
    at_ms = finding["wall_ms"] - run.begin_wall_ms
    words = [f"{kind} {index}: at {clock(at_ms)} ({wall(finding['wall_ms'])})"]
    words += [f"{key} {plain(finding[key], 80)}" for key in ("client", "vip", "vip_name", "bucket") if key in finding]
    return tag("details", tag("summary", ", ".join(words)), details_of(finding), open="open" if index <= 10 else None)


def findings_of(run, kind):
    items = run.findings[kind]
    if not items:
        return tag("p", f"✓ None {WORDS[kind]}.")
    parts = [tag("h3", f"{count(len(items))} {WORDS[kind]}"), soft(EXPLAIN[kind])]
    parts += [finding_item(run, kind, index, item) for index, item in enumerate(items[:MOST_FINDINGS], 1)]
    if len(items) > MOST_FINDINGS:
        parts.append(soft(f"… and {count(len(items) - MOST_FINDINGS)} more in exactly-one.json."))
    return tag("div", *parts)


def findings_section(run):
    title = "Findings of the exactly-one checker"
    if run.findings is None:
        return section("findings", title, note(run.missing["exactly-one.json"]))
    words = (f"On the wire at the clients' side: {count(run.openers['openers'])} connection openers, "
             f"{count(run.openers['answered'])} of them answered.")
    return section("findings", title, soft(words), *(findings_of(run, kind) for kind in run.findings))


def troubles_section(run):
    """Connections that did not end well, as the probe told them."""
    troubles = run.probe.total.get("troubles") if run.probe else None
    if not troubles:
        return ""
    rows = [[clock_of(run, item), plain(item.get("source")), plain(item.get("outcome")),
             plain(item.get("node") or "nobody")] for item in troubles[:MOST_TROUBLES]]
    parts = [table(("Begun", "Client", "Outcome", "Answered by"), rows, aria_label="connections in trouble")]
    if len(troubles) > MOST_TROUBLES:
        parts.append(soft(f"… and {count(len(troubles) - MOST_TROUBLES)} more in probe.json."))
    return section("troubles", "Connections that did not end well", *parts)


def clock_of(run, item):
    start_ms = item.get("start_ms")
    return clock(start_ms + run.probe.begin_ms) if is_number(start_ms) else "–"


def of_duration(value):
    return duration(value) if is_number(value) else plain(value)


RECEIPT = (("epoch", "Epoch", plain), ("from", "From", plain), ("to", "To", plain), ("cause", "Cause", plain),
           ("buckets", "Buckets", lambda value: plain(len(value) if isinstance(value, list) else value)),
           ("detect_ms", "Detected", of_duration),
           ("takeover_ms", "Taken over", of_duration), ("flows_kept", "Kept", plain),
           ("flows_lost", "Lost", plain), ("abandoned", "Abandoned", plain))


def receipts_section(run):
    if "receipts.json" in run.missing:
        return section("receipts", "Receipts", note(run.missing["receipts.json"]))
    if not run.receipts:
        return ""
    shown = [field for field in RECEIPT if any(field[0] in item for item in run.receipts)]
    rows = [[words(item.get(key, "–")) for key, _, words in shown] for item in run.receipts[:MOST_RECEIPTS]]
    parts = [table([title for _, title, _ in shown], rows, aria_label="receipts")]
    if len(run.receipts) > MOST_RECEIPTS:
        parts.append(soft(f"… and {count(len(run.receipts) - MOST_RECEIPTS)} more in receipts.json."))
    return section("receipts", "Receipts", soft("What each move of buckets cost, as the nodes themselves say."), *parts)
