"""What keeps the processors busy beside a quiet cluster: plain burners, or the simulation on seeds of its own.

Both are started with `beside(seconds)` around the time that is watched, and tended about once a second meanwhile.
"""

import contextlib
import multiprocessing
import os
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass

BLOCK_S = 20          # long enough that the pause between two blocks does not count
FIRST_BLOCK_SEEDS = 40
LAST_BLOCK_S = 60     # how long after its time a block may end
SUMMARY = re.compile(r"(\d+) seeds, (\d+) steps, .*?(\d+) violations")


def burn():
    while True:
        pass


class Burners:
    """Processes that do nothing but run."""

    violations = 0

    def __init__(self, count):
        self.count = count

    def __str__(self):
        return f"{self.count} CPU burners"

    @contextlib.contextmanager
    def beside(self, _seconds):
        processes = [multiprocessing.Process(target=burn, daemon=True) for _ in range(self.count)]
        try:
            for process in processes:
                process.start()
            yield
        finally:
            for process in processes:
                process.kill()
                process.join()

    def tend(self):
        """They need nothing."""

    def summary(self):
        return []


@dataclass(frozen=True)
class Block:
    """A row of seeds that one process runs."""

    first: int
    last: int

    def argv(self, program):
        return [program, "--seeds", f"{self.first}..{self.last}", "--all"]


def seeds_that_fit(pace, left_s):
    """How many seeds a block may have that ends in time, at so many seeds a second (None: not known); 0: no block."""
    seeds = FIRST_BLOCK_SEEDS if pace is None else int(pace * min(BLOCK_S, left_s))
    return seeds if seeds >= 2 and left_s >= 1 else 0   # of a single seed the program tells another story


def read_block(program, block, code, output):
    """(seeds, steps, violations, findings) of a block that has ended."""
    lines = output.splitlines()
    found = SUMMARY.match(lines[-1]) if lines else None
    findings = [program + line.removeprefix("simulation") for line in lines if line.startswith("simulation --seed")]
    if not found or (code != 0 and not findings):
        ended = f"{' '.join(block.argv(program))} ended with {code}: {lines[-1] if lines else 'no word'}"
        return 0, 0, max(1, len(findings)), findings + [ended]
    return *(int(word) for word in found.groups()), findings


@dataclass
class Running:
    block: Block
    process: subprocess.Popen
    output: object
    began: float


class Simulation:
    """The simulation, one process per processor, on seeds from `first_seed` on; counts over all times that it ran."""

    def __init__(self, program, first_seed, count, tell):
        self.program, self.first_seed, self.count, self.tell = program, first_seed, count, tell
        self.next_seed = first_seed
        self.seeds = self.steps = self.violations = 0
        self.running = []
        self.pace = None
        self.end = 0.0

    def __str__(self):
        return f"the simulation on {self.count} processors"

    @contextlib.contextmanager
    def beside(self, seconds):
        self.end = time.monotonic() + seconds
        begin = self.next_seed
        try:
            self.tend()
            yield
            self.finish()
        finally:
            for one in self.running:
                one.process.kill()
                one.process.wait()
                one.output.close()
            self.running = []
            if self.next_seed > begin:
                self.tell(f"seeds {begin}..{self.next_seed - 1} "
                          f"({' '.join(Block(begin, self.next_seed - 1).argv(self.program))} repeats them)")

    def tend(self):
        """Reads the blocks that have ended, and starts others as long as there is time for them."""
        self.collect()
        while len(self.running) < self.count:
            seeds = seeds_that_fit(self.pace, self.end - time.monotonic())
            if not seeds:
                return
            self.start(Block(self.next_seed, self.next_seed + seeds - 1))

    def start(self, block):
        output = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        process = subprocess.Popen(block.argv(self.program), stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT)
        self.running.append(Running(block, process, output, time.monotonic()))
        self.next_seed = block.last + 1

    def collect(self):
        for one in [one for one in self.running if one.process.poll() is not None]:
            self.running.remove(one)
            one.output.seek(0)
            seeds, steps, violations, findings = read_block(self.program, one.block, one.process.returncode,
                                                            one.output.read())
            one.output.close()
            self.pace = seeds / (time.monotonic() - one.began) if seeds else self.pace
            self.seeds, self.steps = self.seeds + seeds, self.steps + steps
            self.violations += violations
            for finding in findings:
                self.tell(finding)

    def finish(self):
        """Waits for the blocks under way; one that hangs is a violation."""
        limit = time.monotonic() + BLOCK_S + LAST_BLOCK_S
        while self.running and time.monotonic() < limit:
            time.sleep(0.1)
            self.collect()
        for one in self.running:
            self.violations += 1
            self.tell(f"{' '.join(one.block.argv(self.program))} did not end in time")

    def summary(self):
        return [f"{self.seeds} seeds, {self.steps} steps, {self.violations} violations"]
