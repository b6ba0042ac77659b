"""The lab as a whole: up, down, and waiting until a cluster serves."""

import os
import secrets
import shutil
import signal
import time

from . import api, arbiter, certificates, config, faults, topology
from . import node as nodes
from . import state as states
from .process import Process
from .require import ARBITER_TOOLS, require_all, require_root, require_tools
from .shell import LabError, ip_batch, run, sysctl_in

# A starting corosync holds a core long enough to stall its neighbours: nodes boot one after the other.
STAGGER_S = 0.3
START_TIMEOUT_S = 45


def make_base(plan):
    """Switch, router and client."""
    for place in ("switch", "router", "client"):
        run(["ip", "netns", "add", plan.netns(place)])
        sysctl_in(plan.netns(place), nodes.NO_DAD)
    sysctl_in(plan.netns("switch"), {"net.ipv6.conf.default.disable_ipv6": 1, "net.ipv6.conf.all.disable_ipv6": 1})
    sysctl_in(plan.netns("router"), {"net.ipv4.ip_forward": 1, "net.ipv6.conf.all.forwarding": 1})
    sysctl_in(plan.netns("client"), {"net.ipv4.ip_local_port_range": "'10000 65000'"})
    ip_batch(topology.switch_lines(), netns=plan.netns("switch"))
    ip_batch(topology.router_cable_lines(plan))
    ip_batch(topology.router_port_lines(), netns=plan.netns("switch"))
    ip_batch(topology.router_lines(), netns=plan.netns("router"))
    ip_batch(topology.client_lines(), netns=plan.netns("client"))


def make_disks(state):
    """One tmpfs for all nodes' disks: an overlay's upper layer must not lie on another overlay, as /run may."""
    os.makedirs(state.path("disk"), mode=0o700, exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", "mode=700", f"{state.plan.prefix}-disks", state.path("disk")])
    nodes.write_file(state.path("cluster.key"), (state.plan.key or secrets.token_hex(32)) + "\n", 0o600)


def check_programs(plan):
    needed = ["probe"] + (["relaisd", "relais"] if plan.relaisd == "yes" else [])
    if plan.has_arbiter():
        require_tools(tuple(ARBITER_TOOLS))
    missing = [path for path in (nodes.program(plan, name) for name in needed) if not os.access(path, os.X_OK)]
    if missing:
        raise LabError("not built: " + ", ".join(missing), "make build, or name the build directory with --build")


def up(plan, start=None):
    """Builds the lab and boots the first `start` nodes (default: all). What is already up is kept; LabError if it
    differs."""
    problems = plan.errors()
    if problems:
        raise LabError("; ".join(problems))
    require_all()
    check_programs(plan)
    state = states.load(plan.prefix)
    if state and state.plan != plan:
        raise LabError(f"a lab '{plan.prefix}' of another shape is up", topology.lab_command(plan.prefix, "down"))
    try:
        state = state or new_lab(plan)
        wanted = plan.node_names()[:plan.nodes if start is None else start]
        for node in wanted:
            if node not in state.running():
                nodes.boot(state, node)
                time.sleep(STAGGER_S)
    except BaseException:
        down(plan.prefix)
        raise
    return state


def new_lab(plan):
    down(plan.prefix)   # what a killed `up` may have left
    state = states.LabState(plan)
    state.save()
    make_disks(state)
    make_base(plan)
    if plan.has_arbiter():
        certificates.make(state)
        arbiter.start(state)
    return state


def down(prefix):
    """Ends the lab and removes all traces. Works from names too, when the state file is gone or damaged."""
    require_root()
    directory = states.directory(prefix)
    try:
        state = states.load(prefix)
    except LabError:
        state = None
    for node in list(state.nodes) if state else []:
        nodes.kill(state, node)
    plan = topology.Plan(prefix=prefix)
    names = [name for name in sorted(os.listdir("/run/netns")) if topology.is_own_netns(prefix, name)] \
        if os.path.isdir("/run/netns") else []
    places = [name[len(prefix) + 1:] for name in names]
    for place in places:
        kill_all_in(plan, place)
    for place in places:
        run(["ip", "netns", "del", plan.netns(place)], check=False)
    if os.path.ismount(os.path.join(directory, "disk")):
        run(["umount", "-l", os.path.join(directory, "disk")])
    shutil.rmtree(directory, ignore_errors=True)
    return bool(places or state)


def kill_all_in(plan, place):
    """Ends everything that lives in a place's network and waits for it."""
    found = [Process.of(int(pid)) for pid in run(["ip", "netns", "pids", plan.netns(place)], check=False).split()]
    for process in filter(None, found):
        if process.pid != os.getpid():
            process.send(signal.SIGKILL)
    for process in filter(None, found):
        process.wait_gone(5)


def remains(prefix):
    """What is left of a lab after `down`: must be nothing."""
    found = []
    if os.path.isdir("/run/netns"):
        found += [f"namespace {name}" for name in os.listdir("/run/netns") if topology.is_own_netns(prefix, name)]
    if os.path.exists(states.directory(prefix)):
        found.append(f"directory {states.directory(prefix)}")
    with open("/proc/self/mounts", encoding="utf-8") as file:
        found += [f"mount {line.split()[1]}" for line in file if f"/run/{prefix}-lab/" in line]
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if f"/run/{prefix}-lab/".encode() in file.read() and int(pid) != os.getpid():
                    found.append(f"process {pid}")
        except (OSError, ValueError):
            continue
    return found


def has_quorum(state):
    """Whether the running nodes are enough to begin with: `lowest` and `both` wait until the two have met."""
    votes = 1 if arbiter.is_running(state) else 0
    return 2 * (len(state.running()) + votes) > state.plan.nodes + votes


def not_serving(state):
    """Why the lab does not serve yet, or None: every running node is a quorate member and sees no move under way."""
    running = state.running()
    for node in running:
        status = api.status_or_none(state.nodes[node])
        if status is None:
            return f"relaisd of {node} does not answer"
        if status["role"] != "member" or not status["quorate"]:
            return f"{node} is {status['role']}: {status.get('why') or 'no quorum'}"
        members = sorted(other["name"] for other in status["nodes"] if other["member"])
        if members != sorted(running):
            return f"{node} sees the members {', '.join(members)}"
        if status["moves"]:
            return f"{node} sees {len(status['moves'])} moves under way"
    return None


def last_words(state):
    """The last line of each running node's relaisd."""
    words = []
    for node in state.running():
        try:
            with open(nodes.log_path(state, node, "relaisd"), encoding="utf-8", errors="replace") as file:
                words.append(f"{node} says last: {(file.read().splitlines() or ['nothing'])[-1]}")
        except FileNotFoundError:
            words.append(f"{node} says nothing")
    return "; ".join(words)


def wait_until_serving(state, timeout_s=START_TIMEOUT_S):
    """Waits until all running nodes are members with a quorum and nothing moves; returns the seconds that it took."""
    if state.plan.relaisd == "no" or not has_quorum(state):
        return 0.0
    begin = time.monotonic()
    while True:
        reason = not_serving(state)
        took_s = time.monotonic() - begin
        if reason is None:
            return took_s
        if took_s > timeout_s:
            raise LabError(f"the cluster does not serve after {timeout_s} s: {reason}; {last_words(state)}",
                           f"read {state.path('log')}/*-relaisd.log")
        time.sleep(0.1)


def add(state, node):
    """Boots a node that is planned but off; or plans one more: new configuration everywhere, relaisd restarted one by
    one."""
    number = topology.number_of(node)
    if number > state.plan.nodes + 1:
        raise LabError(f"the next node is n{state.plan.nodes + 1}")
    if number == state.plan.nodes + 1:
        if number > topology.MAX_NODES:
            raise LabError(f"a lab has at most {topology.MAX_NODES} nodes")
        state.plan.nodes = number
        state.save()
        for other in state.running():
            reconfigure(state, other)
    if node not in state.running():
        nodes.boot(state, node)


def reconfigure(state, node):
    """Gives a running node the new configuration and restarts its relaisd in order."""
    target = nodes.path_in_node(state, node, "/etc/relais/relais.toml")
    nodes.write_file(target, config.relais_toml(state.plan), 0o644)
    faults.set_respawn(state, node, "relaisd", 100)
    for process in nodes.processes(state, node, "relaisd"):
        process.send(signal.SIGTERM)
        process.wait_gone(30)
    wait_for_member(state, node)


def wait_for_member(state, node, timeout_s=START_TIMEOUT_S):
    """Waits until one node is a quorate member."""
    end = time.monotonic() + timeout_s
    while True:
        status = api.status_or_none(state.nodes[node])
        if status and status["role"] == "member" and status["quorate"]:
            return
        if time.monotonic() > end:
            raise LabError(f"{node} is no member after {timeout_s} s", f"read {nodes.log_path(state, node, 'relaisd')}")
        time.sleep(0.1)
