#!/usr/bin/env python3
"""Copies a source file with one rule broken: plant_bug.py SOURCE OUTPUT OLD NEW. OLD must stand there exactly once."""

import pathlib
import sys


def main():
    source, output, old, new = sys.argv[1:]
    text = pathlib.Path(source).read_text(encoding="utf-8")
    if text.count(old) != 1:
        print(f"plant_bug: {old!r} stands {text.count(old)} times in {source}, not once:")
        print("           mend tests/simulation/CMakeLists.txt")
        return 1
    pathlib.Path(output).write_text(text.replace(old, new), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
