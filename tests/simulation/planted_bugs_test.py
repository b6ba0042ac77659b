#!/usr/bin/env python3
"""Each deliberately broken core is caught, and its seed replays to the same step. And a run is its seed's alone.

Usage: planted_bugs_test.py SIMULATION BROKEN=INVARIANT[@FIRST]... (BROKEN is a simulation built around a broken core;
FIRST is the seed to begin with, for a bug that shows only once in some thousand runs)
"""

import subprocess
import sys

SEEDS = 600     # each planted bug is caught within them
TWICE = range(1, 21)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout.rstrip().splitlines()


def check_caught(program, invariant, first):
    status, lines = run([program, "--seeds", f"{first}..{first + SEEDS - 1}"])
    if status == 0:
        return f"{program}: not caught in {SEEDS} seeds from {first} on"
    violation, replay = lines[-2], lines[-1].split()
    if not violation.startswith(invariant):
        return f"{program}: caught as {violation!r}, expected {invariant}"
    again_status, again = run([program, *replay[1:]])
    if again_status == 0 or again[-2:] != lines[-2:]:
        return f"{program}: {' '.join(replay)} did not end at the same step: {again[-2:]}"
    print(f"{program.rsplit('/', 1)[-1]}: {violation}; replays: {' '.join(replay)}")
    return None


def check_twice(program, seed):
    first, second = (run([program, "--seed", str(seed)]) for _ in range(2))
    if first != second or "fingerprint" not in first[1][-1]:
        return f"seed {seed}: two runs differ: {first[1][-1]} / {second[1][-1]}"
    return None


def main():
    sound, broken = sys.argv[1], [argument.split("=") for argument in sys.argv[2:]]
    findings = [check_twice(sound, seed) for seed in TWICE]
    for program, expected in broken:
        invariant, _, first = expected.partition("@")
        findings.append(check_caught(program, invariant, int(first or 1)))
    findings = [finding for finding in findings if finding]
    print("\n".join(findings) if findings else f"{len(broken)} planted bugs caught, {len(TWICE)} seeds run twice")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
