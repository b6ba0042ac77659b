"""What all charts of the report share: one time axis, the faults as labelled bands over it, node colours. Pure."""

import math
from dataclasses import dataclass

from .report_html import Html, clock, duration, join, number, tag

WIDTH, LEFT, RIGHT = 1080, 92, 1064
LETTER = 7.2        # a letter of a label is at most so wide on average (12 px, any common sans-serif face)
LANE_HEIGHT = 18
MAX_LANES = 5
CROWD = 16          # more faults than that are drawn faintly, so that the curves stay in front
COLOURS = 8         # classes c0 … c7 of the style sheet; from the ninth node on they are hatched too
STEPS_MS = [base * unit for unit in (1000, 60_000, 3_600_000) for base in (1, 2, 5, 10, 15, 30)]


@dataclass(frozen=True)
class Axis:
    """Time as x."""

    first_ms: float
    last_ms: float

    def x(self, ms):
        inside = min(max(ms, self.first_ms), self.last_ms)
        return LEFT + (inside - self.first_ms) / (self.last_ms - self.first_ms) * (RIGHT - LEFT)

    def ticks(self):
        step = next((step for step in STEPS_MS if (self.last_ms - self.first_ms) / step <= 12),
                    (self.last_ms - self.first_ms) / 12)
        first = math.ceil(self.first_ms / step)
        return [index * step for index in range(first, math.floor(self.last_ms / step) + 1)]


def text_at(x, y, words, **attributes):
    return tag("text", words, x=number(x), y=number(y), **attributes)


def line(x1, y1, x2, y2, **attributes):
    return tag("line", x1=number(x1), y1=number(y1), x2=number(x2), y2=number(y2), **attributes)


def box(x, y, width, height, **attributes):
    return tag("rect", x=number(x), y=number(y), width=number(width), height=number(height), **attributes)


def time_axis(axis, y):
    """Ticks and times below a plot that ends at y; LEFT's own corner belongs to the other axis."""
    parts = [line(LEFT, y, RIGHT, y, class_="axis")]
    for ms in axis.ticks():
        x = axis.x(ms)
        anchor = "end" if x > RIGHT - 20 else "middle"
        parts += [line(x, y, x, y + 4, class_="axis"), text_at(x, y + 17, clock(ms), class_="tick", text_anchor=anchor)]
    return join(parts)


@dataclass(frozen=True)
class Label:
    fault: object
    words: str       # empty: no room for any
    x: float
    lane: int


def shorten(words, letters=30):
    return words if len(words) <= letters else words[:letters - 1].rstrip() + "…"


def place(faults, axis, words_of):
    """Labels in lanes so that none overlaps another or another's bar; empty if MAX_LANES do not do."""
    free = [-math.inf] * MAX_LANES
    labels = []
    for fault in faults:
        words = words_of(fault)
        width = len(words) * LETTER
        x = min(axis.x(fault.begin_ms), RIGHT - width)
        lane = next((lane for lane in range(MAX_LANES) if free[lane] <= x), None)
        if lane is None:
            return []
        free[lane] = max(x + width, axis.x(fault.end_ms)) + 6
        labels.append(Label(fault, words, x, lane))
    return labels


def place_some(faults, axis):
    """One lane with as many numbers as there is easy room for; the others stay without words."""
    free = -math.inf
    labels = []
    for fault in faults:
        words = str(fault.number)
        x = min(axis.x(fault.begin_ms), RIGHT - len(words) * LETTER)
        fits = free <= x
        free = x + len(words) * LETTER + 14 if fits else free
        labels.append(Label(fault, words if fits else "", x, 0))
    return labels


def label_faults(faults, axis):
    """Labels with words if there is room for all, else with the faults' numbers."""
    return (place(faults, axis, lambda fault: f"{fault.number} {shorten(fault.text)}")
            or place(faults, axis, lambda fault: str(fault.number)) or place_some(faults, axis))


def lanes_height(labels):
    return (max(label.lane for label in labels) + 1) * LANE_HEIGHT + 4 if labels else 0


def fault_bands(labels, axis, plot, class_="band"):
    """The faults as bands through the plot (top, bottom), with their labels in lanes above, which begin at 0. A plot
    that speaks by its colours gets the class "frame", which has none of its own."""
    parts = []
    crowd = "" if len(labels) <= CROWD else " faint" if len(labels) <= 5 * CROWD else " fainter"
    for label in labels:
        fault = label.fault
        x, width = axis.x(fault.begin_ms), max(axis.x(fault.end_ms) - axis.x(fault.begin_ms), 1.5)
        lane_y = label.lane * LANE_HEIGHT
        lasted = f", for {duration(fault.end_ms - fault.begin_ms)}" if fault.end_ms > fault.begin_ms else ""
        inside = [tag("title", f"{fault.number}: {fault.text}, at {clock(fault.begin_ms)}{lasted}"),
                  box(x, plot[0], width, plot[1] - plot[0], class_=class_ + crowd)]
        if label.words:
            inside += [box(x, lane_y + 14, width, 2.5, class_="lasting"),
                       text_at(label.x, lane_y + 11, label.words, class_="fault-label")]
        parts.append(tag("g", *inside, class_="fault", data_fault=fault.number))
    return join(parts)


def node_class(index):
    return f"c{index % COLOURS}"


def node_shapes(index, path, title):
    """One path in a node's colour, hatched if the colour has been used before; index None: nobody."""
    if index is None:
        return tag("g", tag("title", title), tag("path", d=path, class_="nobody"),
                   tag("path", d=path, fill="url(#hatch-nobody)"))
    hatch = [tag("path", d=path, fill=f"url(#hatch-{index // COLOURS % 3})")] if index >= COLOURS else []
    return tag("g", tag("title", title), tag("path", d=path, class_=node_class(index)), *hatch)


def legend(nodes, note_of, others=()):
    """Swatches with the nodes' names; note_of(name) is said behind each. `others`: ready items."""
    items = []
    for index, name in enumerate(nodes):
        shape = node_shapes(index, "M1 1h20v12h-20z", name)
        swatch = tag("svg", shape, class_="swatch", viewBox="0 0 22 14", aria_hidden="true")
        items.append(tag("li", swatch, f"{name}{note_of(name)}"))
    return tag("ul", *items, *others, class_="legend")


def nobody_item():
    shape = node_shapes(None, "M1 1h20v12h-20z", "nobody")
    return tag("li", tag("svg", shape, class_="swatch", viewBox="0 0 22 14", aria_hidden="true"), "nobody")


def shared_patterns():
    """Hatches that the charts refer to. Drawn once, at the top of the page."""
    def hatch(name, path, class_="hatch"):
        return tag("pattern", tag("path", d=path, class_=class_), id=name, width="8", height="8",
                   patternUnits="userSpaceOnUse")
    patterns = [hatch("hatch-1", "M-2 2L2 -2M0 8L8 0M6 10L10 6"), hatch("hatch-2", "M0 4H8"),
                hatch("hatch-0", "M4 0V8"), hatch("hatch-nobody", "M0 0L8 8M0 8L8 0", "hatch-nobody")]
    return tag("svg", tag("defs", *patterns), class_="defs", width="0", height="0", aria_hidden="true")


def chart(name, title, description, height, *parts):
    """One SVG, with its title and description for those who cannot see it."""
    heads = [tag("title", title, id=f"{name}-title"), tag("desc", description, id=f"{name}-desc")]
    svg = tag("svg", *heads, *parts, class_="chart", role="img", id=f"{name}-chart",
              aria_labelledby=f"{name}-title {name}-desc", viewBox=f"0 0 {WIDTH} {number(height)}")
    return tag("div", svg, class_="wide", tabindex="0", role="region", aria_label=f"{title}, drawn")


def merge(slots, columns):
    """Fewer, wider slots, at most `columns`: counts add up, the slowest stays, the median is the median of medians.

    (list of groups of slots, slots per group)
    """
    factor = max(1, -(-len(slots) // columns))
    return [slots[index:index + factor] for index in range(0, len(slots), factor)], factor


def path_of(points):
    """A polygon's path through (x, y)."""
    return Html("M" + "L".join(f"{number(x)} {number(y)}" for x, y in points) + "Z")
