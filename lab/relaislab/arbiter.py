"""The arbiter: one corosync-qnetd on the first heartbeat network, with a network, a /run and an /etc/corosync of its
own."""

import os
import signal
import subprocess

from . import certificates, topology
from .process import Process
from .shell import LabError, in_netns, ip_batch, netns_exists, run

OWN_DIRECTORIES = "mount -t tmpfs tmpfs /run && mkdir /run/corosync-qnetd && exec "
QNETD = ["corosync-qnetd", "-f", "-s", "req", "-l", topology.ARBITER4, "-S", "heartbeat_interval_min=100"]


def start(state):
    """Makes the network and starts corosync-qnetd; nothing if it runs."""
    if is_running(state):
        return
    make_network(state.plan)
    os.makedirs(state.path("log"), exist_ok=True)
    with open(state.path("log", "arbiter.log"), "ab") as log:
        child = subprocess.Popen(
            in_netns(state.plan.netns(topology.ARBITER), certificates.on_disk_of(
                state, topology.ARBITER, ["sh", "-c", OWN_DIRECTORIES + " ".join(QNETD)])),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    state.arbiter = Process.of(child.pid)   # each program on the way replaces the one before: it is corosync-qnetd
    state.save()


def make_network(plan):
    if netns_exists(plan.netns(topology.ARBITER)):
        return
    run(["ip", "netns", "add", plan.netns(topology.ARBITER)])
    ip_batch(topology.arbiter_cable_lines(plan))
    ip_batch(topology.arbiter_port_lines(), netns=plan.netns("switch"))
    ip_batch(topology.arbiter_lines(), netns=plan.netns(topology.ARBITER))


def is_running(state):
    return state.arbiter is not None and state.arbiter.alive()


def check(state):
    if not state.plan.has_arbiter():
        raise LabError("this lab has no arbiter",
                       topology.lab_command(state.plan.prefix, "up --nodes 2 --two-node arbiter"))


def crash(state):
    """SIGKILL; its connections end as those of a killed program do."""
    check(state)
    if is_running(state):
        state.arbiter.send(signal.SIGKILL)
        state.arbiter.wait_gone(5)
    state.arbiter = None
    state.save()


def set_port(state, up_or_down):
    """Plugs its cable in, or pulls it: then the nodes hear nothing of it, not even the end of connections."""
    check(state)
    ip_batch([f"link set {topology.ARBITER} {up_or_down}"], netns=state.plan.netns("switch"))
    state.cuts.pop(topology.ARBITER, None)
    if up_or_down == "down":
        state.cuts[topology.ARBITER] = {"heart0": "both"}
    state.save()
