#!/usr/bin/env python3
"""Holds the tree to its own rules: who may include whom, what the core may touch, sizes, heads, habits, links.

Usage: tidy.py [--root DIRECTORY]. Prints findings as `file:line: message: way out` and ends with 1 if there are any.
A line may carry `tidy: allow RULE: reason`; the rule's name is in brackets at the end of each finding.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import rooms  # noqa: E402

MAX_FILE_LINES = 600
AIM_FILE_LINES = 500
MAX_COLUMNS = 120
MAX_MAIN_LINES = 100

CPP_SUFFIXES = (".h", ".cpp", ".c")
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


@dataclasses.dataclass(frozen=True)
class Finding:
    path: str
    line: int
    message: str
    way_out: str
    rule: str
    fatal: bool = True

    def __str__(self):
        kind = "" if self.fatal else "note: "
        return f"{self.path}:{self.line}: {kind}{self.message}: {self.way_out} [{self.rule}]"


class Source:
    """One text file of the tree: its path from the top, its lines, and its code (C++: no comments, no literals)."""

    def __init__(self, path, text):
        self.path = path
        self.lines = text.splitlines()
        self.suffix = pathlib.PurePosixPath(path).suffix
        self.is_cpp = self.suffix in CPP_SUFFIXES
        self.is_script = text.startswith("#!") or self.suffix == ".py"
        self.is_code = self.is_cpp or self.is_script
        self.code = code_lines(text) if self.is_cpp else self.lines

    def in_room(self, names):
        return room_of(self.path) in names


# Comments and literals; a newline inside them is kept, so that line numbers stay.
NOT_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)
INCLUDE_LINE = re.compile(r"^\s*#\s*include\b")
# Apostrophes between digits are separators, not the start of a character.
DIGIT_SEPARATOR = re.compile(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])")


def code_lines(text):
    text = DIGIT_SEPARATOR.sub("", text)
    return NOT_CODE.sub(lambda match: "\n" * match.group().count("\n") or '""', text).split("\n")


def room_of(path):
    """The longest room that `path` lies in, or None."""
    found = [room for room in rooms.ROOMS if path == room or path.startswith(room + "/")]
    return max(found, key=len, default=None)


def covers(allowed, target):
    """True if `allowed` (a room or one header) covers the header `target`."""
    return target == allowed if allowed.endswith(".h") else target.startswith(allowed + "/")


def may_include(room, target):
    own = target.startswith(room + "/") and room_of(target) == room
    return own or any(covers(allowed, target) for allowed in rooms.ROOMS[room])


def includes_of(source):
    """(line number, quote or bracket, header) of every #include."""
    for number, line in enumerate(source.lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1), match.group(2)


def check_includes(source, tree):
    room = room_of(source.path)
    if not source.is_cpp:
        return
    if room is None:
        yield Finding(source.path, 1, "this folder is no room", "add it to tests/tidy/rooms.py, below what it uses",
                      "rooms")
        return
    for number, mark, target in includes_of(source):
        generated = [allowed for suffix, allowed in rooms.GENERATED if target.endswith(suffix)]
        if generated:
            if room not in generated[0]:
                yield Finding(source.path, number, f"{room} may not include generated {target}",
                              f"only {', '.join(generated[0])} may", "rooms")
        elif target in tree:
            if mark == "<":
                yield Finding(source.path, number, f"<{target}> is ours", f'write "{target}"', "include-form")
            elif not may_include(room, target):
                allowed = ", ".join(rooms.ROOMS[room]) or "nothing of ours"
                yield Finding(source.path, number, f"{room} may not include {target}",
                              f"it may use {allowed}; move what is needed down, or its user up", "rooms")
        elif mark == '"':
            yield Finding(source.path, number, f'"{target}" is not in the tree',
                          'write our headers from the top of the tree, and others as <…>', "include-form")


IMPURE_WORDS = re.compile(
    r"\b(system_clock|steady_clock|high_resolution_clock|boot_now|clock_gettime|gettimeofday|getenv|s?rand"
    r"|random_device"
    r"|printf|thread_local|std::cout|std::cerr|errno|unordered_map|unordered_set)\b")
# A variable (not a function, not a constant) that outlives its block.
MUTABLE_STATIC = re.compile(r"^\s*(inline\s+)?static\s+(?!const\b|constexpr\b|constinit const\b|inline\b)[^()]*[;={]")


def check_purity(source, _tree):
    if not source.is_cpp or not source.in_room(rooms.PURE_ROOMS):
        return
    for number, mark, target in includes_of(source):
        if target in rooms.IMPURE_BASE or (mark == "<" and target not in rooms.PURE_HEADERS):
            yield Finding(source.path, number, f"{room_of(source.path)} is pure and may not include {target}",
                          "take time, chance and the world as arguments; a pure header is added in tests/tidy/rooms.py",
                          "purity")
    for number, line in enumerate(source.code, 1):
        match = IMPURE_WORDS.search(line)
        if match and not INCLUDE_LINE.match(line):
            yield Finding(source.path, number, f"{room_of(source.path)} is pure and may not use {match.group()}",
                          "take it as an argument (ordered containers: the same on every node)", "purity")
        if MUTABLE_STATIC.match(line):
            yield Finding(source.path, number, "a pure room has no global state", "put it into the state argument",
                          "purity")


def check_head(source, _tree):
    if not source.is_code or not any(line.strip() for line in source.lines):
        return
    first = source.lines[1:2] if source.lines[0].startswith("#!") else source.lines[:1]
    marks = ("//", "/*") if source.is_cpp else ("#", '"""')
    if not first or not first[0].startswith(marks) or len(first[0].strip("/*#\" ")) < 10:
        yield Finding(source.path, 1, "the file does not begin with a comment", "say in one sentence what it is for",
                      "head")


def check_sizes(source, _tree):
    if not source.is_code and os.path.basename(source.path) not in ("Makefile", "CMakeLists.txt"):
        return
    count = len(source.lines)
    if count > AIM_FILE_LINES:
        yield Finding(source.path, count, f"{count} lines", f"split it by concern, {AIM_FILE_LINES} is the aim", "size",
                      fatal=count > MAX_FILE_LINES)
    if source.path == "daemon/main.cpp" and count > MAX_MAIN_LINES:
        yield Finding(source.path, count, f"{count} lines", f"main only builds objects, in {MAX_MAIN_LINES} lines",
                      "size")
    for number, line in enumerate(source.lines, 1):
        if len(line) > MAX_COLUMNS:
            yield Finding(source.path, number, f"{len(line)} columns", f"break it at {MAX_COLUMNS}", "columns")


# `bool name` as a parameter: after ( or , and before , ) or a default value.
BOOL_PARAMETER = re.compile(r"[(,]\s*(?:const\s+)?bool\s*&?\s*\w+\s*(?:[,)]|=(?!=))")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")   # in parts, so that this file passes itself
DETACHED = re.compile(r"\bco_spawn\b.*\bdetached\b|\basio::detached\b")


def check_habits(source, _tree):
    if not source.is_cpp:
        return
    is_header = source.suffix == ".h"
    if is_header and not source.in_room(("netfilter/abi", "netfilter/bpf")) and "#pragma once" not in source.lines:
        yield Finding(source.path, 1, "a header without #pragma once", "write it below the head comment", "habits")
    for number, line in enumerate(source.code, 1):
        if is_header and BOOL_PARAMETER.search(line):
            yield Finding(source.path, number, "a bool parameter", "name the two cases with an enum class",
                          "bool-parameter")
        if is_header and re.match(r"using namespace\b", line):
            yield Finding(source.path, number, "using namespace in a header", "write the names out", "habits")
        if DETACHED.search(line):
            yield Finding(source.path, number, "detached hides errors", "give the task a named completion handler",
                          "detached")
        if re.search(r"(?<![\w:.])assert\s*\(", line):
            yield Finding(source.path, number, "assert is off in release builds", 'write INVARIANT(condition, "why")',
                          "habits")


# Paths that exist on one machine only.
PRIVATE_PATH = re.compile(r"(?<![\w./])/(?:work|root|home/\w+)/")


def check_words(source, _tree):
    for number, line in enumerate(source.lines, 1):
        if source.is_code and UNFINISHED.search(line):
            yield Finding(source.path, number, "unfinished work in the tree", "finish it, or make it an issue",
                          "unfinished")
        match = PRIVATE_PATH.search(line)
        if match:
            yield Finding(source.path, number, f"{match.group()} is a path of one machine", "use a relative path",
                          "private-path")


LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)|(?:src|href)=\"([^\"#]+)\"")


def check_links(source, tree):
    if source.suffix != ".md":
        return
    folders = {str(parent) for path in tree for parent in pathlib.PurePosixPath(path).parents}
    for number, line in enumerate(source.lines, 1):
        for match in LINK.finditer(line):
            target = match.group(1) or match.group(2)
            if re.match(r"[a-z]+:", target):
                continue
            path = os.path.normpath(os.path.join(os.path.dirname(source.path), target))
            if path not in tree and path not in folders:
                yield Finding(source.path, number, f"{target} does not exist", "mend the link", "links")


CHECKS = (check_includes, check_purity, check_head, check_sizes, check_habits, check_words, check_links)


def is_allowed(finding, source):
    """True if the line says that this rule does not hold for it, and why."""
    line = source.lines[finding.line - 1] if finding.line <= len(source.lines) else ""
    return re.search(rf"tidy: allow {finding.rule}: \S", line) is not None


def check_tree(sources):
    """All findings of a tree, given as {path: text}."""
    findings = []
    for path, text in sorted(sources.items()):
        source = Source(path, text)
        found = [finding for check in CHECKS for finding in check(source, sources)]
        findings += [finding for finding in found if not is_allowed(finding, source)]
    return findings


def read_tree(root):
    """{path: text} of every text file that is under version control, or new and not ignored."""
    listing = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=root,
                             capture_output=True, check=True)
    sources = {}
    for path in filter(None, listing.stdout.decode().split("\0")):
        try:
            sources[path] = (root / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue   # binary, or deleted and not committed yet
    return sources


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    try:
        sources = read_tree(parser.parse_args().root)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"tidy: cannot list the tree: {error}: git and a checkout are needed", file=sys.stderr)
        return 77
    findings = check_tree(sources)
    for finding in findings:
        print(finding)
    fatal = sum(finding.fatal for finding in findings)
    print(f"tidy: {len(sources)} files, {fatal} findings")
    return 1 if fatal else 0


if __name__ == "__main__":
    sys.exit(main())
