"""What the lab needs of the machine, checked before anything is made: all that is missing in one message."""

import os
import shutil

from .shell import LabError, in_netns, run

TOOLS = {"ip": "iproute2", "tc": "iproute2", "nsenter": "util-linux", "corosync": "corosync",
         "tcpdump": "tcpdump"}
ARBITER_TOOLS = {"corosync-qnetd": "corosync-qnetd", "corosync-qdevice": "corosync-qdevice",
                 "certutil": "libnss3-tools", "pk12util": "libnss3-tools"}
TRIAL_NETNS = "relais-trial-{pid}"


def is_root():
    return os.geteuid() == 0


def missing_tools(names=tuple(TOOLS)):
    packages = {**TOOLS, **ARBITER_TOOLS}
    return [f"{name} (Debian package {packages.get(name, name)})" for name in names if not shutil.which(name)]


def missing_kernel_features():
    """Tries each feature in a namespace of its own."""
    netns = TRIAL_NETNS.format(pid=os.getpid())
    trials = [
        ("network namespaces", ["ip", "netns", "add", netns]),
        ("bridges", ["ip", "-n", netns, "link", "add", "name", "front", "type", "bridge"]),
        ("veth pairs", ["ip", "-n", netns, "link", "add", "name", "one", "type", "veth", "peer", "name", "two"]),
        ("tc clsact", in_netns(netns, ["tc", "qdisc", "add", "dev", "one", "clsact"])),
        ("mount namespaces and the BPF file system",
         ["unshare", "--mount", "--pid", "--uts", "--ipc", "--fork", "mount", "-t", "bpf", "bpf", "/sys/fs/bpf"]),
        ("overlay file system", ["unshare", "--mount", "sh", "-ec",
                                 "mount -t tmpfs t /dev/shm; mkdir /dev/shm/u /dev/shm/w; mount -t overlay -o "
                                 "lowerdir=/etc,upperdir=/dev/shm/u,workdir=/dev/shm/w overlay /etc"]),
    ]
    missing = []
    try:
        for name, argv in trials:
            try:
                run(argv)
            except LabError as error:
                missing.append(f"{name}: {error.what}")
    finally:
        run(["ip", "netns", "del", netns], check=False)
    return missing


def require_root():
    if not is_root():
        raise LabError("the lab needs root: it makes network, mount and process namespaces", "sudo lab/lab …")


def require_tools(names=tuple(TOOLS)):
    missing = missing_tools(names)
    if missing:
        raise LabError("missing programs: " + ", ".join(missing), "make deps")


def require_all():
    require_root()
    require_tools()
    missing = missing_kernel_features()
    if missing:
        raise LabError("this kernel or container lacks: " + "; ".join(missing),
                       "run on a machine or VM with a Debian 12 kernel, as real root")
