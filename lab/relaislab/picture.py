"""Draws what clients saw, from the probe's report: a timeline of answers by node, and a table of phases. Pure."""

BLOCKS = " ▁▂▃▄▅▆▇█"
LATE, LOST = "◷", "✗"


def bar(count, highest):
    """One character for a number of answers."""
    if count == 0 or highest == 0:
        return BLOCKS[0]
    return BLOCKS[max(1, round(count / highest * (len(BLOCKS) - 1)))]


def node_names(slots):
    return sorted({name for slot in slots for name in slot["answers"]})


def merge(slots, factor):
    """Fewer, wider slots."""
    merged = []
    for index in range(0, len(slots), factor):
        group = slots[index:index + factor]
        names = node_names(group)
        merged.append({"answers": {name: sum(slot["answers"].get(name, 0) for slot in group) for name in names},
                       "delayed": sum(slot["delayed"] for slot in group), "lost": sum(slot["lost"] for slot in group)})
    return merged


def ruler(phases, slot_ms, width):
    """A line with each phase's name where it begins, or only its mark where two would overlap."""
    line = [" "] * width
    free = 0
    for phase in phases:
        column = int(phase["start_ms"] / slot_ms)
        if column >= width:
            continue
        text = "▾" + phase["name"] if column >= free else "▾"
        for offset, letter in enumerate(text):
            if column + offset < width:
                line[column + offset] = letter
        free = max(free, column + len(text))
    return "".join(line).rstrip()


def timeline(report, explain, columns=100):
    """Lines: a ruler of the phases that `explain` knows, one row per node, one for connections that had to wait or were
    lost."""
    factor = max(1, -(-len(report["timeline"]) // columns))
    slots, slot_ms = merge(report["timeline"], factor), report["slot_ms"] * factor
    highest = max((count for slot in slots for count in slot["answers"].values()), default=0)
    phases = [phase for phase in report["phases"] if phase["name"] in explain]
    lines = ["     " + ruler(phases, slot_ms, len(slots))]
    for name in node_names(slots):
        lines.append(f"{name:>4} " + "".join(bar(slot["answers"].get(name, 0), highest) for slot in slots))
    marks = "".join(LOST if slot["lost"] else LATE if slot["delayed"] else " " for slot in slots)
    if marks.strip():
        lines.append("late " + marks)
    lines.append(f"     one column: {slot_ms:g} ms of new connections; {LATE} answered after more than 200 ms, "
                 f"{LOST} lost")
    return lines


def table(report, explain):
    """Lines: one row per phase that `explain` knows ({phase name: words})."""
    lines = [f"{'what happened':38} {'conns':>6} {'lost':>5} {'late':>5} {'slowest':>9} {'outage':>8} {'broken':>7}"
             "  answers by node"]
    for phase in report["phases"]:
        if phase["name"] not in explain:
            continue
        lost = phase["failed"] + phase["refused"] + phase["reset"]
        answers = " ".join(f"{name} {count}" for name, count in sorted(phase["answers"].items()))
        lines.append(f"{explain[phase['name']]:38} {phase['attempts']:6} {lost:5} {phase['delayed']:5} "
                     f"{phase['slowest_connect_ms']:6.0f} ms {phase['outage_ms']:5.0f} ms {phase['long']['broken']:7}  "
                     f"{answers}")
    return lines
