"""What the lab remembers between two commands: one file under /run/PREFIX-lab, and a lock beside it."""

import contextlib
import fcntl
import json
import os
from dataclasses import dataclass, field

from .process import Process
from .shell import LabError
from .topology import Plan, lab_command


def directory(prefix):
    return f"/run/{prefix}-lab"


@dataclass
class LabState:
    plan: Plan
    nodes: dict = field(default_factory=dict)   # node name -> Process of its init; absent: the node is off
    cuts: dict = field(default_factory=dict)    # node name -> {net: "in" | "out" | "both" | "silent"}
    arbiter: Process = None                     # its corosync-qnetd; None: it has none, or it is off

    @property
    def directory(self):
        return directory(self.plan.prefix)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def running(self):
        """Names of the nodes whose init lives."""
        return [node for node in self.plan.node_names() if node in self.nodes and self.nodes[node].alive()]

    def save(self):
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        data = {"plan": self.plan.to_json(), "cuts": self.cuts,
                "nodes": {node: [init.pid, init.start] for node, init in self.nodes.items()},
                "arbiter": [self.arbiter.pid, self.arbiter.start] if self.arbiter else None}
        with open(self.path("state.json.new"), "w", encoding="utf-8") as file:
            json.dump(data, file, indent=1)
        os.replace(self.path("state.json.new"), self.path("state.json"))


def load(prefix):
    """The lab's state, or None if there is no such lab."""
    try:
        with open(os.path.join(directory(prefix), "state.json"), encoding="utf-8") as file:
            data = json.load(file)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise LabError(f"{directory(prefix)}/state.json is damaged: {error}",
                       lab_command(prefix, "down")) from error
    nodes = {node: Process(*identity) for node, identity in data["nodes"].items()}
    arbiter = Process(*data["arbiter"]) if data.get("arbiter") else None
    return LabState(Plan.from_json(data["plan"]), nodes, data["cuts"], arbiter)


def load_or_fail(prefix):
    state = load(prefix)
    if state is None:
        raise LabError(f"no lab '{prefix}' is up", lab_command(prefix, "up"))
    return state


@contextlib.contextmanager
def locked(prefix):
    """One changing command at a time per lab. The lock file goes when the lab is gone."""
    path = f"/run/{prefix}-lab.lock"
    while True:
        file = open(path, "w", encoding="utf-8")
        fcntl.flock(file, fcntl.LOCK_EX)
        if is_file(file, path):
            break
        file.close()   # its last holder has removed it
    try:
        yield
    finally:
        if not os.path.exists(directory(prefix)):
            os.unlink(path)
        file.close()


def is_file(file, path):
    """Whether path still names the open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
