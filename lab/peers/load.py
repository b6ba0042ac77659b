"""The load that every contestant gets: the probe in the client's network, with phases, IPv4 only."""

import json
import os
import subprocess

from relaislab import node as nodes, topology
from relaislab.shell import LabError

RATE, LONG_LIVED = 200, 64


class Load:
    """A running probe. Used as a context it never outlives its block."""

    def __init__(self, state, path):
        self.path = path
        argv = [nodes.program(state.plan, "probe"), "load", "--rate", str(RATE), "--duration", "0",
                "--long", str(LONG_LIVED), "--vip", topology.VIP4, "--sources", topology.CLIENT_RANGE4,
                "--control", "-", "--json", path]
        if os.path.exists(path):
            os.unlink(path)
        self.process = subprocess.Popen(nodes.exec_argv(state, "client", argv), stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def phase(self, name):
        self.order(f"phase {name}")

    def order(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise LabError("the probe has ended in the middle of a run") from error

    def report(self):
        """Ends the run; what the probe saw."""
        self.order("stop")
        if self.process.wait(timeout=60) != 0:
            raise LabError("the probe failed")
        with open(self.path, encoding="utf-8") as file:
            return json.load(file)
