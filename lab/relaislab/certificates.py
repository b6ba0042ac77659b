"""TLS between the nodes and the arbiter: the certificates, made by the commands of relais.toml(5), each on the disk of
the machine on which an administrator would type it. What goes by scp there is copied from disk to disk here."""

import os
import shutil

from . import node as nodes
from . import topology
from .shell import LabError, run

HOME = "/etc/corosync"   # of each machine
ARBITER_DATABASE = f"{HOME}/qnetd/nssdb"
NODE_DATABASE = f"{HOME}/qdevice/net/nssdb"
AUTHORITY = "qnetd-cacert.crt"
REQUEST = "qdevice-net-node.crq"
NODE_KEY = "qdevice-net-node.p12"
ON_ITS_DISK = 'mount --bind "$1" ' + HOME + ' && shift && exec "$@"'


def make(state):
    """Gives the arbiter an authority and every node of the plan the cluster's certificate; replaces what they had.
    What runs keeps what it has read at its start."""
    first, *others = state.plan.node_names()
    make_authority(state)
    for node in (first, *others):
        trust(state, node)
    request(state, first, state.plan.prefix)
    for node in others:
        copy(state, first, f"{NODE_DATABASE}/{NODE_KEY}", node)
        certify(state, node, "-m", "-c", f"{HOME}/{NODE_KEY}")
    for node in (first, *others):
        verify(state, node)


def make_authority(state):
    """The arbiter's own, as its package makes it when it is installed."""
    os.makedirs(home(state, topology.ARBITER), exist_ok=True)
    shutil.rmtree(os.path.join(home(state, topology.ARBITER), "qnetd"), ignore_errors=True)
    run(on_disk_of(state, topology.ARBITER, ["corosync-qnetd-certutil", "-i", "-G"]))


def trust(state, node):
    """A new database of the node, in which there is nothing but the arbiter's authority."""
    os.makedirs(home(state, node), exist_ok=True)
    shutil.rmtree(os.path.join(home(state, node), "qdevice"), ignore_errors=True)
    copy(state, topology.ARBITER, f"{ARBITER_DATABASE}/{AUTHORITY}", node)
    certify(state, node, "-i", "-c", f"{HOME}/{AUTHORITY}")


def request(state, node, cluster):
    """The certificate of a cluster of this name, signed by the arbiter, in the database of one node."""
    signed = f"cluster-{cluster}.crt"
    certify(state, node, "-r", "-n", cluster)
    copy(state, node, f"{NODE_DATABASE}/{REQUEST}", topology.ARBITER)
    run(on_disk_of(state, topology.ARBITER,
                   ["corosync-qnetd-certutil", "-s", "-c", f"{HOME}/{REQUEST}", "-n", cluster]))
    copy(state, topology.ARBITER, f"{ARBITER_DATABASE}/{signed}", node)
    certify(state, node, "-M", "-c", f"{HOME}/{signed}")


def certify(state, node, *words):
    run(on_disk_of(state, node, ["corosync-qdevice-net-certutil", *words]))


def verify(state, node):
    """The commands above call it success whatever becomes of them."""
    words = run(on_disk_of(state, node, ["certutil", "-V", "-u", "C", "-e", "-n", "Cluster Cert", "-d", NODE_DATABASE]),
                check=False)
    if "certificate is valid" not in words:
        raise LabError(f"{node} has no certificate for the arbiter: {words.strip() or 'none at all'}",
                       "see what corosync-qdevice-net-certutil does on this machine")


def home(state, place):
    """A machine's /etc/corosync, as the host sees it."""
    if place in state.running():
        return nodes.path_in_node(state, place, HOME)
    return state.path("disk", place, *(["corosync"] if place == topology.ARBITER else ["etc", "upper", "corosync"]))


def on_disk_of(state, place, argv):
    """The command line that runs argv with a machine's own /etc/corosync, also of one that is off."""
    if place in state.running():
        return nodes.exec_argv(state, place, argv)
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", ON_ITS_DISK, "sh", home(state, place), *argv]


def copy(state, source, path, target):
    """Copies a file of one machine's /etc/corosync into that of another."""
    shutil.copy(os.path.join(home(state, source), os.path.relpath(path, HOME)), home(state, target))
