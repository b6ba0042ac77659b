"""Carries a plan's faults out: each kind has a begin and an end."""

import signal
import subprocess
import time

from . import api, faults, lab, topology
from . import node as nodes
from .shell import LabError

ORDER_TRIES = 40
ORDER_PAUSE_S = 0.05
BURNERS = 2
FLOOD_RATE = 5000
CUTS = {   # kind: (nets, direction)
    "cut-link": (("heart0",), "both"),
    "cut-hearts": (("heart0", "heart1"), "both"),
    "cut-hearts-silent": (("heart0", "heart1"), "silent"),
    "cut-hearts-in": (("heart0", "heart1"), "in"),
    "cut-hearts-out": (("heart0", "heart1"), "out"),
    "cut-front": (("front",), "both"),
    "cut-front-silent": (("front",), "silent"),
}
FREEZES = {"freeze-relaisd": ("relaisd",), "freeze-corosync": ("corosync",), "freeze-both": ("relaisd", "corosync"),
           "freeze-node": ("all",)}


def flood_argv(state, rate, duration_s):
    """A SYN flood of both VIPs from the clients' network."""
    argv = [nodes.program(state.plan, "probe"), "flood", "--vip", topology.VIP4, "--vip", topology.VIP6,
            "--rate", str(rate), "--duration", str(duration_s)]
    for text in topology.FLOOD_RANGES:
        argv += ["--sources", text]
    return nodes.exec_argv(state, "client", argv)


class Faults:
    """What is under way in a lab; `clean` ends the programs that were started."""

    def __init__(self, state):
        self.state = state
        self.programs = {}   # fault -> running programs

    def begin(self, fault, busy):
        """busy: the nodes that have faults in this round, and take no orders."""
        node, kind = fault.node, fault.kind
        if kind == "crash":
            faults.crash(self.state, node)
        elif kind in CUTS:
            faults.cut(self.state, node, *CUTS[kind])
        elif kind in FREEZES:
            for process in FREEZES[kind]:
                faults.freeze(self.state, node, process)
        elif kind == "kill-relaisd":
            faults.kill_process(self.state, node, "relaisd", int(fault.lasts_s * 1000))
        elif kind == "kill-corosync":
            faults.kill_process(self.state, node, "corosync")
        elif kind == "restart-all":
            self.restart_all()
        elif kind == "drain":
            self.order(busy, "drain", {"node": node})
        elif kind == "weight":
            self.order(busy, "weight", {"node": node, "weight": fault.weight})
        else:
            self.start_programs(fault)

    def end(self, fault, busy):
        node, kind = fault.node, fault.kind
        if kind == "crash":
            nodes.boot(self.state, node)
        elif kind in CUTS:
            faults.heal(self.state, node)
        elif kind in FREEZES:
            faults.thaw(self.state, [node])
        elif kind == "kill-relaisd":
            faults.release(self.state, node, "relaisd")
        elif kind == "drain":
            self.order(busy, "resume", {"node": node})
        elif kind == "weight":
            self.order(busy, "weight", {"node": node, "weight": self.state.plan.weights.get(node, 1)})
        else:
            self.stop_programs(fault)

    def start_programs(self, fault):
        if fault.kind == "flood":
            argvs = [flood_argv(self.state, FLOOD_RATE, fault.lasts_s)]
        else:
            # `timeout` bounds them even if nobody is left to stop them.
            burner = ["timeout", "-s", "KILL", str(fault.lasts_s + 5), "sh", "-c", "while :; do :; done"]
            argvs = [nodes.exec_argv(self.state, fault.node, burner)] * BURNERS
        self.programs[fault] = [subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                                 stderr=subprocess.PIPE, text=True, start_new_session=True)
                                for argv in argvs]

    def start_flood(self, argv):
        """A flood that lasts until `clean`."""
        self.programs[None] = [subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                                start_new_session=True)]

    def check_flood(self):
        """LabError if a flood has ended before its time: then the run was another one than it seemed."""
        if any(program.poll() is not None for program in self.programs.get(None, [])):
            raise LabError("the flood in the background has ended before its time", "lab/lab flood")

    def stop_programs(self, fault):
        """LabError if a flood did not do its work."""
        for program in self.programs.pop(fault, []):
            if fault.kind == "flood":
                _, errors = program.communicate(timeout=30)
                if program.returncode != 0:
                    raise LabError(f"the flood failed: {errors.strip()}", "lab/lab flood")
            else:
                stop_program(self.state, fault.node, program)

    def restart_all(self):
        """TERM to each relaisd, the next one when the cluster serves again."""
        for node in self.state.running():
            for process in nodes.processes(self.state, node, "relaisd"):
                process.send(signal.SIGTERM)
                if not process.wait_gone(30):
                    raise LabError(f"relaisd of {node} did not end within 30 s of TERM")
            lab.wait_until_serving(self.state)

    def order(self, busy, word, body):
        """Gives an order to a node that has no fault. A ring that forms anew may need a moment."""
        free = [node for node in self.state.running() if node not in busy]
        for left in range(ORDER_TRIES, 0, -1):
            try:
                api.request(self.state.nodes[free[left % len(free)]], "POST", f"/v1/{word}", body)
                return
            except LabError:
                if left == 1:
                    raise
                time.sleep(ORDER_PAUSE_S)

    def clean(self):
        for fault in list(self.programs):
            for program in self.programs.pop(fault):
                stop_program(self.state, fault.node if fault else "", program)


def stop_program(state, node, program):
    """Ends a program that runs in a node: nsenter, and what it has started there."""
    for process in nodes.processes(state, node, "timeout") if node else []:
        process.send(signal.SIGTERM)   # `timeout` hands it on as KILL
    program.terminate()
    try:
        program.communicate(timeout=2)
    except subprocess.TimeoutExpired:
        program.kill()
        program.communicate()
