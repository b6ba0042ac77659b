"""The bucket map over time: one row per bucket, in the colour of its owner. Pure."""

from collections import namedtuple

from .buckets import BUCKETS
from .report_chart import (LEFT, LETTER, RIGHT, box, chart, fault_bands, label_faults, lanes_height, legend,
                           nobody_item, node_shapes, text_at, time_axis)
from .report_html import Html, clock, count, join, number, tag

NOBODY = 0
FINEST = RIGHT - LEFT            # columns of one unit
MOST_PATH = 400_000              # characters of one map's paths; above, columns are made wider
MOST_NAMES = 120

# Rows `first` to `last` have this owner in columns `begin` to `end` (exclusive).
Block = namedtuple("Block", "begin end owner first last")


def columns_of(changes, axis, columns):
    """Column in which each change begins."""
    span = axis.last_ms - axis.first_ms
    return [min(max(int((at - axis.first_ms) / span * columns), 0), columns - 1) for at, _ in changes]


def history(bucket, changes, begins, columns):
    """[(begin, end, owner)] of one bucket. A column in which it had no owner for a while shows that."""
    owners = {}
    for begin, (_, map_owners) in zip(begins, changes):
        owners.setdefault(begin, []).append(map_owners[bucket])
    pieces = []
    for begin in sorted(owners):
        if NOBODY in owners[begin][:-1]:
            pieces.append((begin, NOBODY))
            if begin + 1 not in owners:
                pieces.append((begin + 1, owners[begin][-1]))
        else:
            pieces.append((begin, owners[begin][-1]))
    kept = [piece for index, piece in enumerate(pieces) if index == 0 or piece[1] != pieces[index - 1][1]]
    ends = [begin for begin, _ in kept[1:]] + [columns]
    return [(begin, end, owner) for (begin, owner), end in zip(kept, ends) if begin < end]


def rows_of(changes, axis, columns):
    """[(bucket, its history)], neighbours being those that fared alike."""
    begins = columns_of(changes, axis, columns)
    rows = [(bucket, history(bucket, changes, begins, columns)) for bucket in range(BUCKETS)]
    return sorted(rows, key=lambda row: ([piece[2] for piece in row[1]], row[1], row[0]))


def blocks_of(rows):
    """The rows' pieces, equal ones of neighbouring rows taken together."""
    open_blocks, done = {}, []
    for row, (_, pieces) in enumerate(rows):
        still = {}
        for piece in pieces:
            still[piece] = open_blocks.pop(piece, row)
        done += [Block(*piece, first, row - 1) for piece, first in open_blocks.items()]
        open_blocks = still
    return done + [Block(*piece, first, len(rows) - 1) for piece, first in open_blocks.items()]


def paths_of(blocks, unit, top):
    """Owner -> path of all its blocks."""
    paths = {}
    for block in blocks:
        width, height = (block.end - block.begin) * unit, block.last - block.first + 1
        paths.setdefault(block.owner, []).append(f"M{number(LEFT + block.begin * unit)} {number(top + block.first)}"
                                                 f"h{number(width)}v{height}h{number(-width)}z")
    return {owner: Html("".join(parts)) for owner, parts in paths.items()}


def fitted(changes, axis, top):
    """(rows, blocks, width of a column, paths), with the finest columns that keep the page small."""
    columns = FINEST
    while True:
        rows = rows_of(changes, axis, columns)
        blocks = blocks_of(rows)
        paths = paths_of(blocks, FINEST / columns, top)
        if sum(map(len, paths.values())) <= MOST_PATH or columns < 16:
            return rows, blocks, FINEST / columns, paths
        columns //= 2


def names_in(run, blocks, unit, top):
    """Owners written into the larger blocks."""
    parts = []
    for block in sorted(blocks, key=lambda block: (block.begin - block.end) * (block.last - block.first + 1)):
        name = run.name(block.owner)
        width, height = (block.end - block.begin) * unit, block.last - block.first + 1
        if height < 14 or width < len(name) * LETTER + 8 or len(parts) >= MOST_NAMES:
            continue
        x = LEFT + block.begin * unit + min(width / 2, 40)
        parts.append(text_at(x, top + block.first + height / 2 + 4, name, class_="on-colour", text_anchor="middle"))
    return join(parts)


def finding_marks(run, vip, rows, axis, top):
    """A ring where a finding's bucket and time are."""
    places = {bucket: index for index, (bucket, _) in enumerate(rows)}
    parts = []
    for kind, items in (run.findings or {}).items():
        for index, item in enumerate(items[:MOST_NAMES], 1):
            bucket = item.get("bucket")
            if item.get("vip_name", item.get("vip")) != vip or not isinstance(bucket, int) or bucket not in places:
                continue
            at_ms = item["wall_ms"] - run.begin_wall_ms
            parts.append(tag("circle", tag("title", f"finding: {kind} {index}, bucket {bucket}, at {clock(at_ms)}"),
                             cx=number(axis.x(at_ms)), cy=number(top + places[bucket] + 0.5), r="5", class_="finding"))
    return join(parts)


def node_index(run, owner):
    """Which colour; an owner that the run does not name gets one behind the others."""
    name = run.name(owner)
    return run.nodes.index(name) if name in run.nodes else len(run.nodes) + owner


def map_chart(run, axis, index, vip):
    changes = run.maps[vip]
    labels = label_faults(run.faults, axis)
    top = lanes_height(labels) + 6
    rows, blocks, unit, paths = fitted(changes, axis, top)
    shapes = [node_shapes(None if owner == NOBODY else node_index(run, owner), path, run.name(owner))
              for owner, path in sorted(paths.items())]
    moves = sum(len(pieces) - 1 for _, pieces in rows)
    words = (f"One row for each of the {BUCKETS} buckets, in the colour of its owner; time goes from left to right. "
             f"At the begin: {shares(run, changes[0][1])}. At the end: {shares(run, changes[-1][1])}. "
             f"{count(moves)} changes of an owner are drawn.")
    return chart(f"map{index}", f"Owners of the buckets of {vip}", words, top + BUCKETS + 26,
                 box(LEFT, top, FINEST, BUCKETS, class_="row"),
                 tag("g", *shapes, class_="owners"),
                 fault_bands(labels, axis, (top, top + BUCKETS), "frame"),
                 names_in(run, blocks, unit, top), finding_marks(run, vip, rows, axis, top),
                 text_at(LEFT - 8, top + 11, "256", class_="tick", text_anchor="end"),
                 text_at(LEFT - 8, top + 27, "buckets", class_="tick", text_anchor="end"),
                 time_axis(axis, top + BUCKETS))


def shares(run, owners):
    """n1 86, n2 85, n3 85"""
    counts = {}
    for owner in owners:
        counts[owner] = counts.get(owner, 0) + 1
    return ", ".join(f"{run.name(owner)} {counts[owner]}" for owner in sorted(counts))


def map_legend(run):
    drawn = any(NOBODY in owners for changes in run.maps.values() for _, owners in changes)
    return legend(run.nodes, lambda _: "", [nobody_item()] if drawn else [])
