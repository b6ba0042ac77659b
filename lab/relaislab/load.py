"""The probe in the client namespace: load that goes on until its report is asked for, told of phases as they begin."""

import json
import subprocess

from . import node as nodes
from . import topology
from .shell import LabError


class Load:
    """New connections and long-lived ones, from all client addresses to both VIPs; the report goes to path."""

    def __init__(self, state, path, rate, long_lived):
        argv = [nodes.program(state.plan, "probe"), "load", "--rate", str(rate), "--duration", "0",
                "--long", str(long_lived), "--vip", topology.VIP4, "--vip", topology.VIP6,
                "--sources", topology.CLIENT_RANGE4, "--sources", topology.CLIENT_RANGE6,
                "--control", "-", "--json", path]
        self.path = path
        self.process = subprocess.Popen(nodes.exec_argv(state, "client", argv), stdin=subprocess.PIPE,
                                        stdout=subprocess.DEVNULL, text=True)

    def order(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise LabError("the probe has ended before its time", "lab/lab probe load") from error

    def phase(self, name):
        self.order(f"phase {name}")

    def report(self):
        self.order("stop")
        self.process.communicate(timeout=60)
        if self.process.returncode != 0:
            raise LabError("the probe failed")
        with open(self.path, encoding="utf-8") as file:
            return json.load(file)

    def abandon(self):
        """Ends the probe if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
