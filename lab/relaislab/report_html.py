"""Builds HTML and SVG that is well-formed XML too, and in which nothing that comes from a file is markup. Pure."""

import re

VOID = {"br", "hr", "meta", "col"}
# What XML 1.0 has no place for: most control characters, halves of surrogate pairs, two that are no characters.
NOT_TEXT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Html(str):
    """Text that is markup already. Only `tag`, `join` and `raw` make it."""


def raw(text):
    """Markup of our own, such as a style sheet. Never for text that comes from a file."""
    return Html(text)


def escape(value):
    """Any text, as harmless markup."""
    if isinstance(value, Html):
        return value
    text = NOT_TEXT.sub("\ufffd", str(value))
    for letter, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(letter, entity)
    return Html(text)


def join(parts):
    return Html("".join(escape(part) for part in parts))


def tag(name, /, *children, **attributes):
    """One element. Children that are not Html are escaped; `class_` is class, `aria_label` is aria-label; an attribute
    that is None is left out."""
    words = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
                    for key, value in attributes.items() if value is not None)
    return Html(f"<{name}{words}/>" if name in VOID else f"<{name}{words}>{join(children)}</{name}>")


def table(heads, rows, **attributes):
    """A table whose rows are lists of cells; a cell is text, Html, or a ready td. The first cell heads its row."""
    def cells(row):
        for index, value in enumerate(row):
            if isinstance(value, Html) and value.startswith("<td"):
                yield value
            else:
                yield tag("th", value, scope="row") if index == 0 else tag("td", value)
    head = tag("thead", tag("tr", *(tag("th", text, scope="col") for text in heads)))
    body = tag("tbody", *(tag("tr", *cells(row)) for row in rows))
    return tag("div", tag("table", head, body), class_="wide", tabindex="0", role="region", **attributes)


def section(name, title, *parts):
    return tag("section", tag("h2", title, id=name), *parts, aria_labelledby=name)


def note(missing):
    """In place of what cannot be shown."""
    return tag("p", f"Not shown here: {missing}.", class_="note")


def soft(words):
    return tag("p", words, class_="soft")


def number(value, digits=1):
    """A coordinate: as few characters as it takes."""
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else str(round(value))


def count(value):
    """12,345"""
    return f"{value:,.0f}"


def duration(ms):
    """A duration for people: 0.21 ms, 12 ms, 1.03 s, 2:05 min, 20 min, 1:00:05 h."""
    if ms < 0:
        return "-" + duration(-ms)
    if ms < 10:
        return f"{number(ms, 2)} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 119_950:
        return f"{number(ms / 1000, 2 if ms < 9_995 else 1)} s"
    text = clock(ms)
    return f"{text} h" if text.count(":") == 2 else f"{text.removesuffix(':00')} min"


def clock(ms):
    """A time of the run: 2:05, or 1:00:05 after an hour."""
    seconds = round(ms / 1000)
    hours, rest = divmod(abs(seconds), 3600)
    text = f"{rest // 60}:{rest % 60:02}" if not hours else f"{hours}:{rest // 60:02}:{rest % 60:02}"
    return ("-" if seconds < 0 else "") + text


def plain(value, limit=2000):
    """Any value of a JSON file as a line of words."""
    if isinstance(value, dict):
        text = "; ".join(f"{key}: {plain(item, limit)}" for key, item in value.items())
    elif isinstance(value, list):
        text = ", ".join(plain(item, limit) for item in value)
    elif isinstance(value, bool) or value is None:
        text = {True: "yes", False: "no", None: "–"}[value]
    elif isinstance(value, float):
        text = number(value, 3)
    else:
        text = str(value)
    return text if len(text) <= limit else text[:limit] + " …"
