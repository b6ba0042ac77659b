#!/usr/bin/env python3
"""The page of `lab/lab report`, read as a file: no browser, no lab, no root."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "lab"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from relaislab import report, report_chart, report_html, report_load, report_map, report_run  # noqa: E402
from relaislab.shell import LabError  # noqa: E402
import sample_run  # noqa: E402
from sample_run import BEGIN_WALL_MS, Shape  # noqa: E402

CHARTS = ("latency-chart", "map0-chart", "map1-chart", "answers-chart")
SMALL = Shape(2, 10, 1)
LARGEST_PAGE = 3_000_000
VOID = {"meta", "br"}


def tree_of(page):
    """The page's root element. Fails if the page is not well-formed."""
    return ElementTree.fromstring(page.removeprefix(report.DOCTYPE))


def by_id(root, name):
    return next(element for element in root.iter() if element.get("id") == name)


def with_class(root, name):
    return [element for element in root.iter() if name in (element.get("class") or "").split()]


def words_of(element):
    """What one reads in it."""
    return " ".join("".join((element if element.find("body") is None else element.find("body")).itertext()).split())


class Nesting(HTMLParser):
    """Checks that an HTML parser, too, sees every element closed in turn."""

    def __init__(self):
        super().__init__()
        self.open, self.names = [], []

    def handle_starttag(self, tag, attrs):
        self.names.append((tag, attrs))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.append((tag, attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes another element"


class Page(unittest.TestCase):
    def setUp(self):
        self.directory = os.path.join(self.enterContext(tempfile.TemporaryDirectory()), "run")

    def page(self, shape=Shape(), **replaced):
        sample_run.write(self.directory, shape, **replaced)
        return report.page(report_run.read(self.directory))

    def root(self, shape=Shape(), **replaced):
        return tree_of(self.page(shape, **replaced))


class Form(Page):
    def test_a_page_is_well_formed_for_few_and_many_nodes_and_for_short_and_long_runs(self):
        for shape in (Shape(), Shape(2, 10, 1), Shape(16, 120, 30), Shape(5, 3600, 200), Shape(3, 10, 0)):
            with self.subTest(shape=shape):
                page = self.page(shape)
                tree_of(page)
                nesting = Nesting()
                nesting.feed(page)
                self.assertEqual(nesting.open, [])

    def test_a_page_needs_neither_script_nor_network(self):
        for element in self.root().iter():
            self.assertNotIn(element.tag, ("script", "link", "img", "image", "iframe", "object", "use"))
            for name, value in element.attrib.items():
                self.assertFalse(name.startswith("on"), f"{element.tag} {name}")
                self.assertNotRegex(value, r"^\s*(https?:)?//|javascript:")
        self.assertNotRegex(report.STYLE, r"@import|url\(\s*['\"]?(https?:)?//")

    def test_every_chart_says_in_words_what_it_shows(self):
        root = self.root()
        for name in CHARTS:
            chart = by_id(root, name)
            self.assertEqual(chart.get("role"), "img")
            for reference in chart.get("aria-labelledby").split():
                self.assertGreater(len(words_of(by_id(root, reference))), 10)

    def test_ids_are_unique(self):
        names = [element.get("id") for element in self.root().iter() if element.get("id")]
        self.assertEqual(len(names), len(set(names)))

    def test_a_page_stays_small_when_everything_moves_all_the_time(self):
        shape = Shape(16, 600, 300)
        chance = random.Random(1)
        files = sample_run.files_of(shape)
        files["run.json"]["maps"] = [{"at_ms": at, "vip": vip, "owners": [chance.randrange(17) for _ in range(256)]}
                                     for at in range(0, 600_000, 4000) for vip in ("mail4", "mail6")]
        long_finding = {**files["exactly-one.json"]["late"][0], "states": {"n1": "serve " * 2000}}
        page = self.page(shape, run=files["run.json"], exactly_one={**files["exactly-one.json"],
                                                                    "late": [long_finding] * 5000})
        self.assertLess(len(page.encode()), LARGEST_PAGE)
        self.assertIn("and 4,900 more in exactly-one.json", page)


class Contents(Page):
    def test_every_fault_has_its_band_in_every_chart_where_its_times_are(self):
        for shape in (Shape(), Shape(4, 300, 40), Shape(3, 900, 240)):
            root = self.root(shape)
            run = report_run.read(self.directory)
            axis = report_chart.Axis(*run.span())
            for name in CHARTS:
                bands = {band.get("data-fault"): band for band in with_class(by_id(root, name), "fault")}
                self.assertEqual(sorted(bands, key=int), [str(number) for number in range(1, shape.faults + 1)])
                for fault in run.faults:
                    band = bands[str(fault.number)]
                    box = next(part for part in band.iter("rect"))
                    self.assertAlmostEqual(float(box.get("x")), axis.x(fault.begin_ms), delta=0.1)
                    self.assertAlmostEqual(float(box.get("width")),
                                           max(axis.x(fault.end_ms) - axis.x(fault.begin_ms), 1.5), delta=0.1)
                    self.assertIn(fault.text, words_of(band))

    def test_the_table_of_faults_says_what_each_cost(self):
        section = next(part for part in self.root().iter("section") if part.get("aria-labelledby") == "faults")
        rows = [[words_of(cell) for cell in row] for row in section.iter("tr")]
        self.assertEqual(rows[1], ["1", "0:08", "4 s", "n2 crashes", "12", "0", "260 ms"])
        self.assertEqual(rows[4][:4], ["4", "0:44", "at once", "kill -9 of relaisd on n1"])
        self.assertEqual(rows[4][4:6], ["0", "0"])

    def test_the_verdict_counts_what_is_broken(self):
        self.assertIn("✓ All 5 bounds kept", words_of(self.root()))
        rows = sample_run.verdict_of(Shape())["rows"]
        rows[2] = {**rows[2], "measured": 3, "ok": False}
        root = self.root(verdict={"ok": False, "rows": rows})
        self.assertIn("✗ 1 of 5 bounds broken", words_of(root))
        self.assertIn("✗ broken", [words_of(cell) for cell in root.iter("td")])

    def test_a_verdict_that_is_not_ok_is_never_shown_as_kept(self):
        self.assertIn("bounds broken", words_of(self.root(verdict={"ok": False, "rows": [
            {"what": "a", "bound": 0, "measured": 0, "ok": True}]})))

    def test_findings_are_told_in_full(self):
        two = {"wall_ms": BEGIN_WALL_MS + 5000, "client": "2001:db8:2::1ee", "port": 1, "vip": "2001:db8:1::100",
               "vip_name": "mail6", "bucket": 255, "transmissions": 1, "answers": ["n1", "n3"],
               "states": {"n1": "serve", "n3": "adopt"}}
        files = sample_run.files_of(Shape())
        root = self.root(exactly_one={**files["exactly-one.json"], "two": [two]})
        text = words_of(next(part for part in root.iter("section") if part.get("aria-labelledby") == "findings"))
        for words in ("1 answered by two nodes", "at 0:05", "2001:db8:2::1ee", "bucket 255", "n1: serve; n3: adopt",
                      "None answered by nobody", "1 answered late"):
            self.assertIn(words, text)
        self.assertEqual(len(with_class(by_id(root, "map1-chart"), "finding")), 1)

    def test_the_probes_times_are_moved_to_the_runs_begin(self):
        self.page()
        run = report_run.read(self.directory)
        self.assertEqual(run.probe.slots[0].start_ms, sample_run.PROBE_LATER_MS)
        self.assertEqual(run.span(), (0, 60_000 + sample_run.PROBE_LATER_MS))

    def test_a_probe_that_tells_no_latencies_gives_no_empty_chart(self):
        probe = sample_run.files_of(SMALL)["probe.json"]
        for slot in probe["timeline"]:
            del slot["median_connect_ms"], slot["slowest_connect_ms"]
        text = words_of(self.root(SMALL, probe=probe))
        self.assertIn("Not shown here: probe.json tells no latencies", text)
        self.assertIn("New connections answered in time, by node", text)

    def test_receipts_are_shown_once_if_there_and_not_missed_if_not(self):
        self.assertEqual(words_of(self.root()).count("231 ms"), 2)   # two moves, of which three nodes tell
        os.unlink(os.path.join(self.directory, "receipts.json"))
        self.assertNotIn("receipts.json", words_of(self.root(receipts=None)))

    def test_the_run_can_be_repeated_by_the_command_that_is_shown(self):
        self.assertIn("lab/lab torture --minutes 1 --seed 7 --timing fast --nodes 3", words_of(self.root()))


class Charts(unittest.TestCase):
    def test_slots_are_merged_so_that_nothing_that_happened_is_lost(self):
        slots = [report_run.Slot(index * 100, {"n1": 1}, index % 7 == 0, 0, 0.2, index) for index in range(5000)]
        groups, factor = report_chart.merge(slots, 486)
        self.assertLessEqual(len(groups), 486)
        columns = [report_load.Column(group, report_chart.Axis(0, 500_000), factor * 100) for group in groups]
        self.assertEqual(sum(column.answers["n1"] for column in columns), 5000)
        self.assertEqual(sum(column.delayed for column in columns), sum(slot.delayed for slot in slots))
        self.assertEqual(max(column.slowest_ms for column in columns), 4999)

    def test_labels_of_faults_never_overlap(self):
        chance = random.Random(2)
        for count in (1, 4, 12, 40, 300):
            for _ in range(10):
                begins = sorted(chance.uniform(0, 100_000) for _ in range(count))
                faults = [report_run.Fault(number, "n" * chance.randrange(1, 60), begin,
                                           begin + chance.choice((0, 500, 90_000)))
                          for number, begin in enumerate(begins, 1)]
                self.check_labels(report_chart.label_faults(faults, report_chart.Axis(0, 100_000)), count)

    def check_labels(self, labels, count):
        self.assertEqual(len(labels), count)
        ends = {}
        for label in filter(lambda label: label.words, sorted(labels, key=lambda label: label.x)):
            self.assertGreaterEqual(label.x, ends.get(label.lane, 0))
            ends[label.lane] = label.x + len(label.words) * report_chart.LETTER
            self.assertLessEqual(ends[label.lane], report_chart.RIGHT + 0.01)
            self.assertLess(label.lane, report_chart.MAX_LANES)

    def test_the_map_shows_every_bucket_at_every_time_once(self):
        chance = random.Random(3)
        changes = [(at, [chance.randrange(4) for _ in range(256)]) for at in (0, 10, 3000, 3001, 9000)]
        axis = report_chart.Axis(0, 10_000)
        rows = report_map.rows_of(changes, axis, 100)
        seen = [[None] * 100 for _ in rows]
        for block in report_map.blocks_of(rows):
            for row in range(block.first, block.last + 1):
                for column in range(block.begin, block.end):
                    self.assertIsNone(seen[row][column])
                    seen[row][column] = block.owner
        for row, (bucket, _) in enumerate(rows):
            self.assertEqual(seen[row][50], changes[3][1][bucket])
            self.assertEqual(seen[row][99], changes[4][1][bucket])
        self.assertEqual(sorted(bucket for bucket, _ in rows), list(range(256)))

    def test_a_bucket_without_owner_is_seen_even_for_an_instant(self):
        owners, nobody = [1] * 256, [0] + [1] * 255
        changes = [(0, owners), (5001, nobody), (5002, owners)]
        rows = dict(report_map.rows_of(changes, report_chart.Axis(0, 10_000), 100))
        self.assertEqual(rows[0], [(0, 50, 1), (50, 51, 0), (51, 100, 1)])
        self.assertEqual(rows[1], [(0, 100, 1)])

    def test_the_axis_has_at_most_a_dozen_round_times(self):
        for seconds in (1, 10, 59, 61, 1200, 3600, 86_400, 10_000_000):
            ticks = report_chart.Axis(0, seconds * 1000).ticks()
            self.assertLessEqual(len(ticks), 13)
            self.assertGreaterEqual(len(ticks), 2)

    def test_durations_are_written_for_people(self):
        for ms, words in ((0, "0 ms"), (0.214, "0.21 ms"), (310.4, "310 ms"), (1034, "1.03 s"), (60_250, "60.2 s"),
                          (1_200_000, "20 min"), (125_000, "2:05 min"), (3_605_000, "1:00:05 h")):
            self.assertEqual(report_html.duration(ms), words)


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;</svg></style>\x00\x1b\ud800\uffff]]>"


def hostile_copy(value):
    """The value with every free text in it made hostile."""
    if isinstance(value, dict):
        return {key + (HOSTILE if key in ("n1", "n2", "n3") else ""):
                item if key in ("vip", "name") else hostile_copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [hostile_copy(item) for item in value]
    return value + HOSTILE if isinstance(value, str) else value


class Escaping(Page):
    def test_no_text_of_a_file_becomes_markup(self):
        files = {name.removesuffix(".json").replace("-", "_"): hostile_copy(value)
                 for name, value in sample_run.files_of(Shape()).items()}
        files["run"]["vips"] = [f"mail4{HOSTILE}", f"mail6{HOSTILE}"]
        for change in files["run"]["maps"]:
            change["vip"] += HOSTILE
        files["probe"]["total"]["troubles"] = [{"start_ms": 1, "source": HOSTILE, "outcome": HOSTILE, "node": HOSTILE}]
        page = self.page(**files)
        root = tree_of(page)
        nesting = Nesting()
        nesting.feed(page)
        self.assertEqual(nesting.open, [])
        self.assertNotIn("script", [name for name, _ in nesting.names])
        self.assertNotIn("img", [name for name, _ in nesting.names])
        self.assertFalse([attribute for _, attributes in nesting.names for attribute, _ in attributes
                          if attribute.startswith("on")])
        self.assertGreater(words_of(root).count("<script>alert(1)</script>"), 20)
        page.encode()   # no half of a surrogate pair is left

    def test_only_our_own_code_makes_markup(self):
        self.assertEqual(report_html.tag("b", "<i>", report_html.tag("i", "&")), "<b>&lt;i&gt;<i>&amp;</i></b>")
        self.assertEqual(report_html.tag("b", title='"><i>'), '<b title="&quot;&gt;&lt;i&gt;"></b>')


class BadInput(Page):
    def test_a_missing_or_damaged_file_is_named_and_the_rest_is_shown(self):
        good = {name: json.dumps(value) for name, value in sample_run.files_of(SMALL).items()}
        for name, text in good.items():
            for damage in (None, "", text[:len(text) // 2], "[]", "{}", "7", "null", text.replace(":", ";", 1),
                           "[" * 100_000):
                if name == "receipts.json" and damage in (None, "{}"):
                    continue
                with self.subTest(name=name, damage=str(damage)[:20]):
                    self.check_damage(name, damage)

    def check_damage(self, name, damage):
        shutil.rmtree(self.directory, ignore_errors=True)
        root = self.root(SMALL, **{name.removesuffix(".json").replace("-", "_"): damage})
        if damage == "{}" and name == "plan.json":
            return   # nothing in it is required
        notes = " ".join(words_of(part) for part in with_class(root, "note"))
        if name != "plan.json":
            self.assertIn(name, notes)
        path, missing = report.write(self.directory)
        self.assertTrue(any(words.startswith(name) for words in missing), missing)
        self.assertTrue(os.path.exists(path))
        if name != "probe.json":
            by_id(root, "latency-chart")
        if name != "run.json":
            by_id(root, "map0-chart")

    def test_a_wrong_value_is_named_with_its_place(self):
        for name, path, value, words in (
                ("run", ("faults", 0, "begin_ms"), "soon", 'run.json: faults[0]: "begin_ms" is not a number'),
                ("run", ("maps", 1, "owners", 7), -1, "run.json: maps[1]: owners[7] is not a count"),
                ("run", ("maps", 0, "owners"), [1] * 255, "run.json: maps[0]: 255 owners instead of 256"),
                ("run", ("nodes", 0), {}, "run.json: nodes[0] is not text"),
                ("probe", ("timeline", 9, "lost"), 0.5, 'probe.json: timeline[9]: "lost" is not a count'),
                ("probe", ("timeline", 3), 5, "probe.json: timeline[3] is not an object"),
                ("probe", ("slot_ms",), 0, 'probe.json: "slot_ms" is not above 0'),
                ("probe", ("total", "idle", "broken"), "x", 'probe.json: total: idle: "broken" is not a count'),
                ("probe", ("begin_wall_ms",), float("nan"), 'probe.json: "begin_wall_ms" is not a number'),
                ("verdict", ("rows", 1, "ok"), 1, 'verdict.json: rows[1]: "ok" is not true or false'),
                ("exactly-one", ("late", 0, "wall_ms"), None, 'exactly-one.json: late[0] has no "wall_ms"'),
                ("exactly-one", ("none",), 0, 'exactly-one.json: "none" is not a list')):
            with self.subTest(words):
                data = sample_run.files_of(SMALL)[f"{name}.json"]
                place = data
                for step in path[:-1]:
                    place = place[step]
                place[path[-1]] = value
                self.assertIn(words, words_of(self.root(SMALL, **{name.replace("-", "_"): data})))

    def test_values_of_any_type_survive_in_free_fields(self):
        for value in (None, True, 1e308, -1, "", [], {}, [[{}]], {"a": [None, float("inf")]}):
            with self.subTest(value=value):
                files = sample_run.files_of(SMALL)
                finding = {key: value for key in files["exactly-one.json"]["late"][0]} | {"wall_ms": BEGIN_WALL_MS}
                self.root(SMALL, exactly_one={**files["exactly-one.json"], "two": [finding]},
                          plan={key: value for key in files["plan.json"] if key != "faults"},
                          receipts={"n1": [{key: value for key in files["receipts.json"]["n1"][0]}]},
                          verdict={"ok": True, "rows": [{"what": "x", "bound": value, "measured": value, "ok": True}]})

    def test_a_directory_without_a_run_is_an_error_with_a_way_out(self):
        os.makedirs(self.directory)
        for directory in (self.directory, os.path.join(self.directory, "nowhere"), __file__):
            with self.assertRaises(LabError) as caught:
                report.write(directory)
            self.assertTrue(caught.exception.way_out)

    def test_a_page_that_cannot_be_written_is_an_error_with_a_way_out(self):
        sample_run.write(self.directory)
        with self.assertRaises(LabError) as caught:
            report.write(self.directory, os.path.join(self.directory, "no", "such", "place.html"))
        self.assertIn("--out", caught.exception.way_out)


class Command(Page):
    def lab(self, *words):
        done = subprocess.run([os.path.join(TOP, "lab", "lab"), "report", *words], text=True, capture_output=True,
                              check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def test_the_newest_torture_run_of_a_build_is_the_default(self):
        for age, name in ((300, "torture-a"), (100, "torture/b"), (200, "torture-c"), (0, "crash_fast")):
            directory = os.path.join(self.directory, "lab-results", name)
            sample_run.write(directory, Shape(2, 10, 1))
            for file in os.scandir(directory):
                os.utime(file, (BEGIN_WALL_MS / 1000 - age,) * 2)
        code, output = self.lab("--build", self.directory)
        self.assertEqual((code, output.strip()),
                         (0, os.path.join(self.directory, "lab-results", "torture", "b", "report.html")))

    def test_the_page_goes_where_out_says_and_what_is_missing_is_said(self):
        sample_run.write(self.directory, verdict=None)
        path = os.path.join(self.directory, "page.html")
        code, output = self.lab("--out", path, self.directory)
        self.assertEqual((code, output), (0, f"{path}\nnot shown: verdict.json is not there\n"))
        with open(path, encoding="utf-8") as file:
            tree_of(file.read())

    def test_without_any_run_the_way_out_is_said(self):
        code, output = self.lab("--build", os.path.join(self.directory, "none"))
        self.assertEqual(code, 1)
        self.assertIn("way out: make one with lab/lab torture", output)


def themes():
    """The colours of light and dark: name -> #rrggbb."""
    light, dark = re.findall(r":root \{ (.*?) \}", report.STYLE, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6})", light))
    return [("light", colours), ("dark", {**colours, **dict(re.findall(r"--([\w-]+): (#\w{6})", dark))})]


def linear(colour):
    values = [int(colour[index:index + 2], 16) / 255 for index in (1, 3, 5)]
    return [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]


def contrast(one, two):
    """WCAG 2.1, section 1.4.3."""
    bright, dim = sorted((sum(part * share for part, share in zip(linear(colour), (0.2126, 0.7152, 0.0722)))
                          for colour in (one, two)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


# Linear RGB as people without red, green or blue cones see it (Machado, Oliveira and Fernandes 2009, severity 1).
SIGHT = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
LEAST_DIFFERENCE = 15     # CIE 1976; 2.3 is just noticeable


def lab_colour(rgb):
    red, green, blue = (max(value, 0) for value in rgb)
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    def root(value):
        return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
    return 116 * root(y) - 16, 500 * (root(x) - root(y)), 200 * (root(y) - root(z))


class Colours(unittest.TestCase):
    def test_text_has_the_contrast_that_wcag_asks_for(self):
        for theme, colours in themes():
            for ink, back in (("ink", "surface"), ("ink", "panel"), ("soft", "surface"), ("soft", "panel"),
                              ("good", "good-back"), ("good", "surface"), ("bad", "bad-back"), ("bad", "surface"),
                              ("open", "open-back")):
                self.assertGreaterEqual(contrast(colours[ink], colours[back]), 4.5, f"{theme}: {ink} on {back}")

    def test_marks_have_the_contrast_that_wcag_asks_for(self):
        for theme, colours in themes():
            for mark in ("median", "late", "lost", "nobody-line"):
                self.assertGreaterEqual(contrast(colours[mark], colours["surface"]), 3, f"{theme}: {mark}")

    def test_nodes_are_told_apart_whatever_colours_one_sees(self):
        for theme, colours in themes():
            for sight, matrix in SIGHT.items():
                seen = [lab_colour([sum(a * b for a, b in zip(row, linear(colours[f"c{index}"]))) for row in matrix])
                        for index in range(report_chart.COLOURS)]
                for one in range(len(seen)):
                    for two in range(one):
                        apart = sum((a - b) ** 2 for a, b in zip(seen[one], seen[two])) ** 0.5
                        self.assertGreaterEqual(apart, LEAST_DIFFERENCE, f"{theme}, {sight}: c{two} and c{one}")


if __name__ == "__main__":
    unittest.main()
