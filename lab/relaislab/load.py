"""The probe in the client namespace: load that goes on until its report is asked for, told of phases as they begin."""

import json
import os
import subprocess

from . import node as nodes
from . import topology
from .shell import LabError


class Load:
    """A running probe; see `probe load --help`. Without words about them, from all client addresses to both VIPs. The
    report goes to path. Used as a context it never outlives its block."""

    def __init__(self, state, path, rate, long_lived=0, idle=0, vips=(topology.VIP4, topology.VIP6),
                 sources=(topology.CLIENT_RANGE4, topology.CLIENT_RANGE6), options=()):
        argv = [nodes.program(state.plan, "probe"), "load", "--rate", str(rate), "--duration", "0",
                "--long", str(long_lived), "--idle", str(idle), "--control", "-", "--json", path, *options]
        for option, values in (("--vip", vips), ("--sources", sources)):
            argv += [word for value in values for word in (option, value)]
        self.path = path
        self.table = ""   # for people, once there is a report
        if os.path.exists(path):
            os.unlink(path)
        self.process = subprocess.Popen(nodes.exec_argv(state, "client", argv), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.abandon()

    def order(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise LabError("the probe has ended before its time", "lab/lab probe load") from error

    def phase(self, name):
        self.order(f"phase {name}")

    def report(self):
        """Waits for what is under way and ends the run; what the probe saw."""
        self.order("stop")
        self.table, _ = self.process.communicate(timeout=60)
        if self.process.returncode != 0:
            raise LabError(f"the probe failed: {self.table.strip()}")
        with open(self.path, encoding="utf-8") as file:
            return json.load(file)

    def abandon(self):
        """Ends the probe if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
