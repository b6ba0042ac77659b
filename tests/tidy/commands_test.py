"""The commands that the documentation names are real: make targets, subcommands of lab/lab and relais, their options.

Usage: commands_test.py [--relais PATH --probe PATH], the built programs. Without them, theirs are not looked at,
and the test is skipped.
"""

import argparse
import functools
import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\s*$")
INLINE = re.compile(r"`([^`]+)`")
OPTION = re.compile(r"(?<=\s)--[a-z][a-z0-9-]*")
# Words with a number of words that name a subcommand.
TWO_WORD_COMMANDS = {"config"}


def documents():
    return [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]


def commands_of(text):
    """(line number, command line) of each line of a shell block and of each `inline` command; inline may be wrapped."""
    language = None
    prose = []
    for number, line in enumerate(text.split("\n"), 1):
        fence = FENCE.match(line)
        if fence:
            language = None if language is not None else fence.group(1)
            continue
        if language in ("sh", "console"):
            yield number, re.sub(r"\s#\s.*", "", line.removeprefix("$ ").removeprefix("# "))
        prose.append(line if language is None else "")
    joined = "\n".join(prose)
    for match in INLINE.finditer(joined):
        if "\n\n" not in match.group():
            yield joined.count("\n", 0, match.start()) + 1, match.group(1).replace("\n", " ")


@functools.cache
def make_targets():
    makefile = (TOP / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


@functools.cache
def help_of(*argv):
    """The help text of a subcommand, or None if there is no such subcommand."""
    done = subprocess.run([*argv, "--help"], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout if done.returncode == 0 else None


def problem_with_make(words):
    names = [word for word in words if "=" not in word]
    unknown = [name for name in names if re.fullmatch(r"[a-z][a-z-]*", name) and name not in make_targets()]
    return f"make has no target {unknown[0]}" if unknown else None


def problem_with_subcommand(program, shown, words, line):
    """`program` is how it is called here, `shown` how the documentation calls it."""
    if not words or words[0].startswith("-"):
        return None
    count = 2 if words[0] in TWO_WORD_COMMANDS and shown == "relais" else 1
    text = help_of(program, *words[:count])
    if text is None:
        return f"{shown} has no command {' '.join(words[:count])}"
    missing = [option for option in OPTION.findall(line) if option not in text and option not in help_of(program)]
    return f"{shown} {words[0]} has no option {missing[0]}" if missing else None


def problem_with_lab(line, words, programs):
    """A command of lab/lab; what stands behind ` -- ` or `probe` is a command of another program, and so is `flood`."""
    own, _, inner = line.partition(" -- ")
    if words[:1] == ["flood"]:
        words = ["probe", *words]
    if words[:1] != ["probe"]:
        problem = problem_with_subcommand(str(TOP / "lab/lab"), "lab/lab", words, own)
        return problem or (problem_with(inner, programs) if inner else None)
    return problem_with_subcommand(programs.probe, "probe", words[1:], line) if programs.probe else None


def problem_with(line, programs):
    words = line.split()
    if words[:1] == ["sudo"]:
        words = words[1:]
    if words[:1] == ["make"]:
        return problem_with_make(words[1:])
    if words[:1] == ["lab/lab"]:
        return problem_with_lab(line, words[1:], programs)
    if words[:1] == ["relais"] and programs.relais:
        return problem_with_subcommand(programs.relais, "relais", words[1:], line)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--relais", help="the built relais command")
    parser.add_argument("--probe", help="the built probe")
    programs = parser.parse_args()
    looked_at = problems = 0
    for document in documents():
        for number, line in commands_of(document.read_text(encoding="utf-8")):
            problem = problem_with(line, programs)
            looked_at += line.split()[:1] in (["make"], ["lab/lab"], ["relais"])
            if problem:
                problems += 1
                print(f"{document.relative_to(TOP)}:{number}: {problem}: mend the text or the command")
    print(f"{looked_at} commands, {problems} problems")
    if problems:
        return 1
    if not (programs.relais and programs.probe):
        print("skipped: without --relais and --probe their commands were not looked at")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
