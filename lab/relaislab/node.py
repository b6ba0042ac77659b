"""One node: its network, its boot, its end, and running programs in it."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field

from . import config, topology
from .process import Process, in_same_namespace, name_of
from .shell import LabError, in_netns, ip_batch, netns_exists, run, sysctl_in

INIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "init.py")
NO_DAD = {"net.ipv6.conf.default.accept_dad": 0, "net.ipv6.conf.all.accept_dad": 0,
          "net.ipv6.conf.default.accept_ra": 0, "net.ipv6.conf.all.accept_ra": 0}


@dataclass(frozen=True)
class Software:
    """What a node runs instead of what its plan says. Services as process 1 takes them, without their logs; empty: the
    plan's. Files by their path below /etc."""

    services: list = field(default_factory=list)
    files: dict = field(default_factory=dict)


PLANNED = Software()


def program(plan, name):
    """Path of a program of the build directory."""
    return os.path.join(plan.build, {"relaisd": "daemon/relaisd", "relais": "bin/relais",
                                     "probe": "lab/probe/probe"}[name])


def make_network(plan, node):
    run(["ip", "netns", "add", plan.netns(node)])
    sysctl_in(plan.netns(node), NO_DAD)
    ip_batch(topology.cable_lines(plan, node))
    ip_batch(topology.node_port_lines(node), netns=plan.netns("switch"))
    ip_batch(topology.node_lines(node), netns=plan.netns(node))


def remove_network(plan, node):
    """Pulls the cables first: the namespace itself may live on for a moment."""
    if netns_exists(plan.netns("switch")):
        ip_batch([f"link del {topology.port(node, net)}" for net in topology.NETS],
                 netns=plan.netns("switch"), check=False)
    if netns_exists(plan.netns(node)):
        run(["ip", "netns", "del", plan.netns(node)], check=False)


def write_disk(state, node, software=PLANNED):
    """The node's files in /etc. The disk outlives a reboot, as a disk does."""
    disk = state.path("disk", node)
    for directory in ("etc/upper", "etc/work", "var/upper", "var/work"):
        os.makedirs(os.path.join(disk, directory), exist_ok=True)
    for directory in ("etc/upper/relais", "etc/upper/corosync", "var/upper/lib/relais", "var/upper/lib/corosync"):
        os.makedirs(os.path.join(disk, directory), exist_ok=True)
    write_file(os.path.join(disk, "etc/upper/relais/relais.toml"), config.relais_toml(state.plan), 0o644)
    with open(state.path("cluster.key"), encoding="utf-8") as file:
        write_file(os.path.join(disk, "etc/upper/relais/cluster.key"), file.read(), 0o600)
    if state.plan.relaisd == "no":
        write_file(os.path.join(disk, "etc/upper/corosync/corosync.conf"), config.corosync_conf(state.plan), 0o644)
    for path, text in software.files.items():
        target = os.path.join(disk, "etc/upper", path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        write_file(target, text, 0o644)


def write_file(path, text, mode):
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)


def cluster_services(plan, node):
    """What makes a node one of the cluster."""
    if plan.relaisd == "no":
        return [{"name": "corosync", "argv": ["/usr/sbin/corosync", "-f"], "stop_ms": 10000}]
    return [{"name": "relaisd", "stop_ms": 30000,
             "argv": [program(plan, "relaisd"), "--config", "/etc/relais/relais.toml", "--node", node]}]


def services(state, node, software=PLANNED):
    """What process 1 keeps running; the first is stopped first."""
    plan = state.plan
    probe = {"name": "probe", "respawn_ms": 200,
             "argv": [program(plan, "probe"), "serve", "--name", node, "--port", str(topology.SERVICE_PORT)]}
    found = [dict(service) for service in software.services or cluster_services(plan, node)] + [probe]
    for service in found:
        service["log"] = log_path(state, node, service["name"])
    return found


def log_path(state, node, service):
    return state.path("log", f"{node}-{service}.log")


def boot(state, node, software=PLANNED):
    """Makes the network and starts process 1; returns once its services are being started."""
    remove_network(state.plan, node)
    make_network(state.plan, node)
    write_disk(state, node, software)
    os.makedirs(state.path("log"), exist_ok=True)
    spec = {"name": node, "netns": state.plan.netns(node), "disk": state.path("disk", node),
            "log": log_path(state, node, "init"), "services": services(state, node, software)}
    write_file(state.path(f"{node}.json"), json.dumps(spec, indent=1), 0o644)
    state.cuts.pop(node, None)
    start_process_one(state, node)


def start_process_one(state, node):
    """Its identity is saved before it may go on: whoever is killed here leaves nothing that `down` does not know."""
    with subprocess.Popen([sys.executable, "-I", INIT, state.path(f"{node}.json")], text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as starter:
        word = starter.stdout.readline().strip()
        if word.isdigit():
            state.nodes[node] = Process.of(int(word))
            state.save()
            starter.stdin.write("\n")
            starter.stdin.flush()
            word = starter.stdout.readline().strip()
    if word != "ready":
        raise LabError(f"{node} did not boot: {word or 'its process 1 ended'}", f"read {log_path(state, node, 'init')}")


def kill(state, node):
    """SIGKILL of everything in the node: the kernel ends a PID namespace with its process 1."""
    init = state.nodes.pop(node, None)
    if init:
        init.send(signal.SIGKILL)
        if not init.wait_gone(10):
            raise LabError(f"process 1 of {node} ({init.pid}) survives SIGKILL")
    state.save()


def kill_strays(plan, place):
    """Ends what a user left running in a place's network (a shell's child, a capture), by its namespace."""
    path = f"/run/netns/{plan.netns(place)}"
    if not os.path.exists(path):
        return
    for pid in run(["ip", "netns", "pids", plan.netns(place)], check=False).split():
        process = Process.of(int(pid))
        if process and process.pid != os.getpid():
            process.send(signal.SIGKILL)


def processes(state, node, name=None):
    """The living processes of a node, or those with a program name. Process 1 is not among them."""
    init = state.nodes.get(node)
    if init is None or not init.alive():
        return []
    inside = [process for process in in_same_namespace(init.pid, "pid") if process.pid != init.pid]
    return inside if name is None else [process for process in inside if name_of(process.pid) == name]


def init_of(state, node):
    """Process 1 of a running node; LabError if the node is off or unknown."""
    if node not in state.plan.node_names():
        raise LabError(f"there is no node '{node}'", "the nodes are " + ", ".join(state.plan.node_names()))
    init = state.nodes.get(node)
    if init is None or not init.alive():
        raise LabError(f"{node} is off", topology.lab_command(state.plan.prefix, f"start {node}"))
    return init


def exec_argv(state, place, argv):
    """The command line that runs argv in a node, or in the network of client, router or switch."""
    if place in ("client", "router", "switch", topology.ARBITER):
        return in_netns(state.plan.netns(place), argv)
    init = init_of(state, place)
    return ["nsenter", "--target", str(init.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--wd=/", "--", *argv]


def exec_environment(plan):
    """The environment for exec: the build's own programs come first."""
    own = [os.path.dirname(program(plan, name)) for name in ("relais", "relaisd", "probe")]
    standard = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**os.environ, "PATH": ":".join(own + [standard])}


def path_in_node(state, node, path):
    """A file of the node, as the host sees it."""
    return f"/proc/{init_of(state, node).pid}/root{path}"
