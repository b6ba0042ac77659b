"""What can go wrong with a node, on purpose. Every function may be repeated."""

import os
import signal

from . import node as nodes
from . import topology
from .process import name_of
from .shell import LabError, in_netns, ip_batch, run

SILENT_DROP = "1,6 0 0 2"   # classic BPF: return 2 = TC_ACT_SHOT
# Heartbeats first: a node that lost its front a moment before its heartbeats would still hand its share over.
AT_ONCE = ("heart0", "heart1", "front")
DIRECTIONS = ("in", "out", "both", "silent")


def crash(state, node):
    """The node's links are gone at once, then everything in it is killed: nothing is said to anybody."""
    nodes.init_of(state, node)
    ip_batch([f"link set {topology.port(node, net)} down" for net in AT_ONCE], netns=state.plan.netns("switch"))
    nodes.kill(state, node)
    state.cuts.pop(node, None)
    nodes.kill_strays(state.plan, node)
    nodes.remove_network(state.plan, node)
    state.save()


def stop(state, node, timeout_s=60):
    """Orderly: process 1 stops relaisd, then a corosync that is left, then everything."""
    init = nodes.init_of(state, node)
    thaw(state, [node])
    init.send(signal.SIGTERM)
    if not init.wait_gone(timeout_s):
        raise LabError(f"{node} did not stop within {timeout_s} s",
                       topology.lab_command(state.plan.prefix, f"crash {node}"))
    state.nodes.pop(node, None)
    state.cuts.pop(node, None)
    nodes.kill_strays(state.plan, node)
    nodes.remove_network(state.plan, node)
    state.save()


def tc(state, argv, check=True):
    run(in_netns(state.plan.netns("switch"), ["tc", *argv]), check=check)


def silence(state, port, directions):
    """Drops what a node sends ("out": it enters the switch) or what is sent to it ("in"), at the switch."""
    tc(state, ["qdisc", "replace", "dev", port, "clsact"])
    for direction in directions:
        hook = {"out": "ingress", "in": "egress"}[direction]
        tc(state, ["filter", "replace", "dev", port, hook, "protocol", "all", "prio", "1", "handle", "1",
                   "bpf", "da", "bytecode", SILENT_DROP])


def cut(state, node, nets=topology.NETS, direction="both"):
    """both: the cable is pulled (no carrier). silent: nothing passes, but the link stays up. in, out: one way,
    silently."""
    nodes.init_of(state, node)
    ports = {net: topology.port(node, net) for net in AT_ONCE if net in nets}
    if direction == "both":
        ip_batch([f"link set {port} down" for port in ports.values()], netns=state.plan.netns("switch"))
    else:
        for port in ports.values():
            silence(state, port, ("in", "out") if direction == "silent" else (direction,))
    for net in nets:
        before = state.cuts.setdefault(node, {}).get(net)
        one_way_twice = {before, direction} == {"in", "out"}
        state.cuts[node][net] = "silent" if one_way_twice else direction
    state.save()


def heal(state, node):
    """Plugs all cables of a node in again."""
    if node in state.running():
        switch = state.plan.netns("switch")
        for net in topology.NETS:
            tc(state, ["qdisc", "del", "dev", topology.port(node, net), "clsact"], check=False)
        ip_batch([f"link set {topology.port(node, net)} up" for net in topology.NETS], netns=switch)
        restore_routes(state, node)
    state.cuts.pop(node, None)
    state.save()


def restore_routes(state, node):
    """A pulled cable takes neither addresses nor static neighbours, but be sure: every line may be repeated."""
    lines = [line for line in topology.node_lines(node) if line.startswith(("neigh replace", "route replace"))]
    ip_batch(lines, netns=state.plan.netns(node), check=False)


def targets(state, node, process):
    """The processes that a freeze or thaw is about."""
    nodes.init_of(state, node)
    name = None if process == "all" else process
    found = nodes.processes(state, node, name)
    if not found:
        raise LabError(f"{node} runs no {process}")
    return found


def freeze(state, node, process="relaisd"):
    """SIGSTOP. A frozen process keeps its sockets and says nothing to anybody."""
    for target in targets(state, node, process):
        target.send(signal.SIGSTOP)


def thaw(state, names):
    for node in names:
        for target in nodes.processes(state, node):
            target.send(signal.SIGCONT)


def kill_process(state, node, name, after_ms=None):
    """kill -9 of relaisd or corosync; process 1 starts relaisd again after after_ms (default 1 s)."""
    if after_ms is not None:
        set_respawn(state, node, name, after_ms)
    found = targets(state, node, name)
    for target in found:
        if name_of(target.pid) == name:
            target.send(signal.SIGKILL)
            target.wait_gone(5)


def control_file(state, node, name):
    return nodes.path_in_node(state, node, f"/run/lab/{name}")


def set_respawn(state, node, service, after_ms):
    with open(control_file(state, node, f"{service}.respawn_ms"), "w", encoding="utf-8") as file:
        file.write(str(int(after_ms)))


def hold_down(state, node, service):
    """From now on process 1 does not start the service; end it by kill_process or by asking it to stop."""
    with open(control_file(state, node, f"{service}.down"), "w", encoding="utf-8"):
        pass


def release(state, node, service):
    """Process 1 starts the service again."""
    for name in (f"{service}.down", f"{service}.respawn_ms"):
        try:
            os.unlink(control_file(state, node, name))
        except FileNotFoundError:
            pass
