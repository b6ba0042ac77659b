#!/usr/bin/env python3
"""The page of `lab/lab report` in a real browser, headless Chromium: everything is drawn, no label lies on another, and
nothing sticks out, light and dark, narrow and wide. Exit code 77 means skipped: there is no Chromium."""

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from html import unescape

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "lab"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from relaislab import report  # noqa: E402
import sample_run  # noqa: E402
from sample_run import Shape  # noqa: E402

SKIPPED = 77
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync")
THEMES = {"dark": 0, "light": 1}
WIDE, NARROW, HEIGHT = 1280, 500, 5000
SCALE = 0.5                 # of screenshots: pixels per CSS pixel; decoding them is slow
LEAST_DRAWN = 0.03          # of a chart's pixels differ from the page's background
OVERLAP = 1.5               # so many CSS pixels of two texts' boxes may touch: boxes are a little larger than letters
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*/>')
# Put into a copy of the page; the page itself has no script.
MEASURE = """<script>
const box = e => { const r = e.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
const charts = [...document.querySelectorAll("svg.chart")].map(svg => ({ id: svg.id, box: box(svg),
  texts: [...svg.querySelectorAll("text")].map(t => ({ words: t.textContent, box: box(t) })),
  bands: [...svg.querySelectorAll(".fault > rect:first-of-type")].map(box) }));
const seen = { charts, width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight,
  background: getComputedStyle(document.body).backgroundColor,
  small: [...document.querySelectorAll("main *")].filter(e => e.childElementCount === 0 && e.textContent.trim() &&
    !e.closest("svg") && parseFloat(getComputedStyle(e).fontSize) < 12).length };
document.body.innerHTML = "<pre id=seen></pre>";
document.getElementById("seen").textContent = JSON.stringify(seen);
</script>"""


def chromium(directory, page, width, theme, *words):
    """Runs Chromium with a profile of its own; its standard output."""
    with tempfile.TemporaryDirectory(dir=directory) as profile:
        done = subprocess.run([CHROMIUM, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{HEIGHT}",
                               f"--blink-settings=preferredColorScheme={THEMES[theme]}", *words, f"file://{page}"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        raise AssertionError(f"chromium failed: {done.stderr[-2000:]}")
    return done.stdout


def undo_filter(kind, row, above, size):
    """One row of a PNG, unfiltered (PNG specification, section 9.2)."""
    for index, value in enumerate(row):
        left = row[index - size] if index >= size else 0
        up, corner = above[index], above[index - size] if index >= size else 0
        if kind == 4:
            distances = [(abs(up - corner), left), (abs(left - corner), up), (abs(left + up - 2 * corner), corner)]
            row[index] = (value + min(distances, key=lambda pair: pair[0])[1]) & 255
        else:
            row[index] = (value + (0, left, up, (left + up) // 2)[kind]) & 255
    return row


def read_png(path):
    """(width, bytes per pixel, rows) of an 8-bit RGB or RGBA picture."""
    with open(path, "rb") as file:
        data = file.read()
    width, height, depth, colour = struct.unpack_from(">IIBB", data, 16)
    size = {2: 3, 6: 4}[colour]
    if depth != 8:
        raise AssertionError(f"{depth} bits per colour")
    offset, packed = 8, b""
    while offset < len(data):
        length, = struct.unpack_from(">I", data, offset)
        if data[offset + 4:offset + 8] == b"IDAT":
            packed += data[offset + 8:offset + 8 + length]
        offset += 12 + length
    raw, stride = zlib.decompress(packed), width * size + 1
    rows, above = [], bytearray(stride - 1)
    for start in range(0, height * stride, stride):
        kind, row = raw[start], bytearray(raw[start + 1:start + stride])
        above = undo_filter(kind, row, above, size) if kind else row
        rows.append(above)
    return width, size, rows


def drawn_share(picture, box, background):
    """Which share of the pixels in the box is not of the background's colour."""
    width, size, rows = picture
    left, top, right, bottom = (max(0, round(value * SCALE)) for value in box)
    pixels = other = 0
    for row in rows[top:bottom]:
        for column in range(left, min(right, width)):
            pixels += 1
            other += row[column * size:column * size + 3] != background
    return other / pixels


def screenshot(directory, page, theme):
    """The page as read_png gives it."""
    path = os.path.join(directory, "screenshot.png")
    chromium(directory, page, WIDE, theme, f"--force-device-scale-factor={SCALE}", f"--screenshot={path}")
    return read_png(path)


def rgb(text):
    return bytes(int(part) for part in re.findall(r"\d+", text)[:3])


class Browser(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = cls.enterClassContext(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))

    def make(self, shape):
        """(the page's path, the path of a copy that measures itself)"""
        run = os.path.join(self.directory, f"{shape.nodes}-{shape.seconds}-{shape.faults}")
        sample_run.write(run, shape)
        page, copy = os.path.join(run, "report.html"), os.path.join(run, "measured.html")
        report.write(run, page)
        with open(page, encoding="utf-8") as file:
            text = file.read()
        with open(copy, "w", encoding="utf-8") as file:
            file.write(POLICY.sub("", text).replace("</body>", MEASURE + "</body>"))
        return page, copy

    def measure(self, copy, width=WIDE, theme="light"):
        dom = chromium(self.directory, copy, width, theme, "--dump-dom")
        return json.loads(unescape(re.search(r'<pre id="seen">(.*?)</pre>', dom, re.DOTALL).group(1)))

    def assert_no_label_on_another(self, seen):
        for chart in seen["charts"]:
            texts = chart["texts"]
            self.assertTrue(texts)
            for index, one in enumerate(texts):
                for two in texts[:index]:
                    across = min(one["box"][2], two["box"][2]) - max(one["box"][0], two["box"][0])
                    down = min(one["box"][3], two["box"][3]) - max(one["box"][1], two["box"][1])
                    self.assertFalse(across > OVERLAP and down > OVERLAP,
                                     f"{chart['id']}: '{one['words']}' on '{two['words']}'")

    def assert_all_inside(self, seen, width):
        self.assertLessEqual(seen["width"], width)
        self.assertEqual(seen["small"], 0, "text below 12 px")
        for chart in seen["charts"]:
            left, top, right, bottom = chart["box"]
            for text in chart["texts"]:
                box = text["box"]
                self.assertTrue(left - 1 <= box[0] and box[2] <= right + 1 and top - 1 <= box[1] and
                                box[3] <= bottom + 1, f"{chart['id']}: '{text['words']}' sticks out")

    def test_every_chart_is_drawn_in_light_and_dark(self):
        page, copy = self.make(Shape())
        for theme in THEMES:
            seen = self.measure(copy, theme=theme)
            self.assertEqual([chart["id"] for chart in seen["charts"]],
                             ["latency-chart", "map0-chart", "map1-chart", "answers-chart"])
            self.assertLess(seen["height"], HEIGHT)
            picture, background = screenshot(self.directory, page, theme), rgb(seen["background"])
            self.assertEqual(sum(background) < 200, theme == "dark")
            for chart in seen["charts"]:
                self.assertEqual(len(chart["bands"]), 4)
                share = drawn_share(picture, chart["box"], background)
                self.assertGreater(share, LEAST_DRAWN, f"{chart['id']} {theme}")

    def test_labels_are_readable_with_few_and_many_nodes_and_faults(self):
        for shape in (Shape(), Shape(2, 10, 1), Shape(16, 300, 60)):
            _, copy = self.make(shape)
            seen = self.measure(copy)
            self.assert_no_label_on_another(seen)
            self.assert_all_inside(seen, WIDE)

    def test_a_narrow_window_scrolls_charts_and_tables_and_not_the_page(self):
        _, copy = self.make(Shape(16, 300, 60))
        seen = self.measure(copy, NARROW)
        self.assert_no_label_on_another(seen)
        self.assert_all_inside(seen, NARROW)

    def test_an_empty_chart_would_be_noticed(self):
        page, copy = self.make(Shape(3, 10, 0))
        with open(page, encoding="utf-8") as file:
            text = re.sub(r"<(rect|path|line|text|circle)\b", r'<\1 visibility="hidden"', file.read())
        with open(page, "w", encoding="utf-8") as file:
            file.write(text)
        seen, picture = self.measure(copy), screenshot(self.directory, page, "light")
        for chart in seen["charts"]:
            self.assertEqual(drawn_share(picture, chart["box"], rgb(seen["background"])), 0)


if __name__ == "__main__":
    if not CHROMIUM:
        print("skipped: there is no chromium (make deps)")
        sys.exit(SKIPPED)
    unittest.main()
