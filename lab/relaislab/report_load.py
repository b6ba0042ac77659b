"""The charts of what clients saw: how long connects took, and who answered them. Pure."""

import math
import statistics

from .report_chart import (LEFT, RIGHT, box, chart, fault_bands, label_faults, lanes_height, legend, line, merge,
                           node_shapes, path_of, text_at, time_axis)
from .report_html import Html, count, duration, join, number, tag

COLUMNS = 486                   # of the latency chart: two units each
RATE_COLUMNS = 162              # a rate needs many connections per column, or it shows only their chance
LATENCY_HEIGHT = 240
ANSWERS_HEIGHT = 150
ROW_HEIGHT = 18
DELAYED_MS, RETRY_MS = 200, 1000


class Column:
    """Some slots as one column of a chart."""

    def __init__(self, slots, axis, width_ms):
        self.x = axis.x(slots[0].start_ms)
        self.width = axis.x(slots[0].start_ms + width_ms) - self.x
        medians = [slot.median_ms for slot in slots if slot.median_ms > 0]
        self.median_ms = statistics.median(medians) if medians else 0
        self.slowest_ms = max(slot.slowest_ms for slot in slots)
        self.delayed = sum(slot.delayed for slot in slots)
        self.lost = sum(slot.lost for slot in slots)
        self.answers = {}
        for slot in slots:
            for name, answers in slot.answers.items():
                self.answers[name] = self.answers.get(name, 0) + answers


def columns_of(run, axis, most=COLUMNS):
    """(columns, ms per column)"""
    groups, factor = merge(run.probe.slots, most)
    return [Column(group, axis, factor * run.probe.slot_ms) for group in groups], factor * run.probe.slot_ms


class LogScale:
    """Milliseconds as y, a decade at a time."""

    def __init__(self, columns, top, height):
        fastest = min((column.median_ms for column in columns if column.median_ms > 0), default=0.1)
        slowest = max([RETRY_MS * 2] + [column.slowest_ms for column in columns])
        self.low = max(-3, min(0, math.floor(math.log10(fastest))))
        self.high = math.ceil(math.log10(slowest) - 1e-9)
        self.top, self.height = top, height

    def y(self, ms):
        share = (math.log10(max(ms, 10 ** self.low)) - self.low) / (self.high - self.low)
        return self.top + self.height * (1 - share)

    def decades(self):
        return [10.0 ** power for power in range(self.low, self.high + 1)]


def grid(scale):
    parts = []
    for ms in scale.decades():
        y = scale.y(ms)
        parts += [line(LEFT, y, RIGHT, y, class_="grid"),
                  text_at(LEFT - 8, y + 4, duration(ms), class_="tick", text_anchor="end")]
    return join(parts)


def reference(scale, ms, words):
    y = scale.y(ms)
    return join([line(LEFT, y, RIGHT, y, class_="reference"),
                 text_at(RIGHT - 4, y - 4, words, class_="reference-label", text_anchor="end")])


def bars(columns, scale):
    """From the median to the slowest connect of each column."""
    path = "".join(f"M{number(column.x)} {number(scale.y(column.slowest_ms))}h{number(column.width)}"
                   f"V{number(max(scale.y(column.median_ms or column.slowest_ms), scale.y(column.slowest_ms) + 1))}"
                   f"h{number(-column.width)}z" for column in columns if column.slowest_ms > 0)
    return tag("path", d=Html(path))


def median_line(columns, scale):
    path, pen = [], "M"
    for column in columns:
        if column.median_ms > 0:
            path.append(f"{pen}{number(column.x)} {number(scale.y(column.median_ms))}h{number(column.width)}")
        pen = "L" if column.median_ms > 0 else "M"
    return tag("path", d=Html("".join(path)), class_="median")


def marks(columns, y, shape, count_of, title):
    """One row of marks: a shape in each column in which count_of is not 0, no nearer than the marks are wide."""
    path, free = [], -math.inf
    for column in columns:
        x = column.x + column.width / 2
        if count_of(column) and x >= free:
            path.append(f"M{number(x)} {number(y)}{shape}")
            free = x + 5
    return tag("g", tag("title", title), tag("path", d=Html("".join(path))))


def mark_rows(columns, top):
    """The rows "delayed" and "lost" below the plot, with how many there were."""
    parts = []
    for index, (name, shape, of) in enumerate((
            ("delayed", "m-4 4l4 -8l4 8z", lambda column: column.delayed),
            ("lost", "m-4 -4l8 8m0 -8l-8 8", lambda column: column.lost))):
        y = top + index * ROW_HEIGHT + ROW_HEIGHT / 2
        total = sum(of(column) for column in columns)
        parts += [tag("g", box(LEFT, y - 7, RIGHT - LEFT, 14, class_="row"),
                      text_at(LEFT - 8, y + 4, f"{count(total)} {name}", class_="tick", text_anchor="end"),
                      marks(columns, y, shape, of, f"{count(total)} {name}"), class_=f"marks {name}")]
    return join(parts)


def latency_chart(run, axis):
    labels = label_faults(run.faults, axis)
    columns, width_ms = columns_of(run, axis)
    top = lanes_height(labels) + 6
    bottom = top + LATENCY_HEIGHT
    rows = bottom + 6
    scale = LogScale(columns, top, LATENCY_HEIGHT)
    late = [column for column in columns if column.slowest_ms > DELAYED_MS]
    intime = [column for column in columns if column.slowest_ms <= DELAYED_MS]
    words = (f"Time goes from left to right, {duration(width_ms)} per column; upwards, on a logarithmic scale, how "
             f"long connects took: the median and the slowest. {delays_in_words(run)}")
    return chart(
        "latency", "Connect latency over time", words, rows + 2 * ROW_HEIGHT + 26,
        fault_bands(labels, axis, (top, rows + 2 * ROW_HEIGHT)), grid(scale),
        tag("g", bars(intime, scale), class_="slowest"), tag("g", bars(late, scale), class_="late"),
        median_line(columns, scale), reference(scale, DELAYED_MS, "200 ms: from here on counted as delayed"),
        reference(scale, RETRY_MS, "1 s: when TCP itself tries again"), mark_rows(columns, rows),
        time_axis(axis, rows + 2 * ROW_HEIGHT + 2))


def delays_in_words(run):
    total = run.probe.total
    lost = total["failed"] + total["refused"] + total["reset"]
    return (f"{count(total['attempts'])} connections: median {duration(total['median_connect_ms'])}, slowest "
            f"{duration(total['slowest_connect_ms'])}, {count(total['delayed'])} delayed by more than 200 ms, "
            f"{count(lost)} lost.")


def latency_legend(width_ms):
    def item(class_, path, words):
        return tag("li", tag("svg", tag("g", tag("path", d=path), class_=class_), class_="swatch",
                             viewBox="0 0 22 14", aria_hidden="true"), words)
    median = tag("li", tag("svg", tag("path", d="M1 7h20", class_="median"), class_="swatch", viewBox="0 0 22 14",
                           aria_hidden="true"), f"median within {duration(width_ms)}")
    return tag("ul", median, item("slowest", "M8 1h6v12h-6z", "up to the slowest"),
               item("late", "M8 1h6v12h-6z", "slowest above 200 ms"),
               item("marks delayed", "M11 7m-4 4l4 -8l4 8z", "some delayed (above 200 ms)"),
               item("marks lost", "M11 7m-4 -4l8 8m0 -8l-8 8", "some lost (failed, refused or reset)"),
               class_="legend")


def nice_top(value):
    """A round number that is not below value, nor much above it."""
    power = 10 ** math.floor(math.log10(max(value, 1)))
    return next(step * power for step in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * power >= value)


def stack(columns, nodes, y, rate):
    """[(node's index, its polygon, [(lower y, upper y) by column])], from the bottom up."""
    base = [0.0] * len(columns)
    layers = []
    for index, name in enumerate(nodes):
        upper = [low + column.answers.get(name, 0) * rate for low, column in zip(base, columns)]
        edge = [(x, y(value)) for column, value in zip(columns, upper) for x in (column.x, column.x + column.width)]
        back = [(x, y(value)) for column, value in zip(columns, base) for x in (column.x, column.x + column.width)]
        layers.append((index, path_of(edge + back[::-1]), [(y(low), y(high)) for low, high in zip(base, upper)]))
        base = upper
    return layers


def layer_names(layers, columns, nodes):
    """Names written into the layers, all in the column in which the thinnest of those that show is thickest."""
    def room(column):
        return min((low - high for _, _, edges in layers for low, high in [edges[column]] if low - high > 0.5),
                   default=0)
    inner = range(len(columns) // 20, max(len(columns) - len(columns) // 20, 1))
    best = max(inner, key=lambda column: (sum(edges[column][0] - edges[column][1] > 14 for _, _, edges in layers),
                                          room(column)), default=None)
    if best is None:
        return ""
    x = columns[best].x
    found = [(nodes[index], *edges[best]) for index, _, edges in layers]
    return join(text_at(min(max(x, LEFT + 40), RIGHT - 40), (low + high) / 2 + 4, name, class_="on-colour",
                        text_anchor="middle") for name, low, high in found if low - high > 14)


def answers_chart(run, axis):
    labels = label_faults(run.faults, axis)
    columns, width_ms = columns_of(run, axis, RATE_COLUMNS)
    rate = 1000 / width_ms
    top = lanes_height(labels) + 6
    bottom = top + ANSWERS_HEIGHT
    highest = nice_top(max((sum(column.answers.values()) * rate for column in columns), default=1))
    def y(value):
        return bottom - value / highest * ANSWERS_HEIGHT
    layers = stack(columns, run.nodes, y, rate)
    parts = []
    for share in (0, 0.5, 1):
        parts += [line(LEFT, y(highest * share), RIGHT, y(highest * share), class_="grid"),
                  text_at(LEFT - 8, y(highest * share) + 4, f"{number(highest * share)}/s", class_="tick",
                          text_anchor="end")]
    words = "Stacked by node: " + ", ".join(f"{name} {count(answers)}" for name, answers in totals(run).items())
    return chart("answers", "New connections answered in time, by node", words, bottom + 26, join(parts),
                 tag("g", *(node_shapes(index, path, run.nodes[index]) for index, path, _ in layers), class_="layers"),
                 fault_bands(labels, axis, (top, bottom), "frame"), layer_names(layers, columns, run.nodes),
                 time_axis(axis, bottom))


def totals(run):
    """Answers in time, by node."""
    found = {name: 0 for name in run.nodes}
    for slot in run.probe.slots:
        for name, answers in slot.answers.items():
            if name in found:
                found[name] += answers
    return found


def answers_legend(run):
    found = totals(run)
    return legend(run.nodes, lambda name: f": {count(found[name])}")
