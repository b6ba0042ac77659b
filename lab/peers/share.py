"""Sharing one address the way CLUSTERIP's users do it by hand: a program on Corosync's process groups that, on each
change of membership, writes the nftables rule of this node's buckets. One of the programs that relais is measured
against; runs inside of a node.

Usage: share.py --node NUMBER --nodes N --vip ADDRESS/PREFIX --mac MAC [--interface eth0] [--state FILE]

Every node has the address, on a multicast MAC. A client's bucket is jhash of its address modulo the number of nodes.
Bucket B belongs to node B + 1, or to the lowest living node when that one is dead. A node that has just started is
alone in its first membership; so that it does not take everything from the living ones, it owns nothing until it has
seen all nodes, or until the guard time is over.
"""

import argparse
import ctypes
import json
import os
import select
import subprocess
import sys
import time

GROUP = b"share"
GUARD_S = 10
RETRY_S = 0.1
SEED = "0xdeadbeef"   # xt_cluster's manual page
CS_OK, CS_ERR_TRY_AGAIN, CS_DISPATCH_ALL = 1, 6, 2


def buckets_of(node, members, nodes):
    """The buckets that a node owns, given who lives."""
    if node not in members:
        return []
    owners = [bucket + 1 if bucket + 1 in members else min(members) for bucket in range(nodes)]
    return [bucket for bucket, owner in enumerate(owners) if owner == node]


def may_own(seen_all, since_start_s):
    """The start-up guard."""
    return seen_all == "yes" or since_start_s >= GUARD_S


def ruleset(vip, mac, buckets, nodes):
    """What `nft -f -` takes, in one transaction: this node's buckets pass, the rest for the VIP is dropped; what the
    node says by ARP about the VIP carries the multicast MAC. TCP takes no frame that came by multicast: pkttype."""
    address = vip.partition("/")[0]
    passing = f"    ip daddr {address} jhash ip saddr mod {nodes} seed {SEED} " \
              f"{{ {', '.join(map(str, buckets))} }} meta pkttype set host accept\n" if buckets else ""
    tables = "".join(f"table {family} share {{}}\ndelete table {family} share\n" for family in ("ip", "arp"))
    return (f"{tables}table ip share {{\n  chain take {{\n"
            "    type filter hook prerouting priority raw; policy accept;\n"
            f"{passing}    ip daddr {address} drop\n  }}\n}}\n"
            "table arp share {\n  chain say {\n    type filter hook output priority 0; policy accept;\n"
            f"    arp saddr ip {address} arp saddr ether set {mac}\n  }}\n}}\n")


class CpgName(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint32), ("value", ctypes.c_char * 128)]


class CpgAddress(ctypes.Structure):
    _fields_ = [("nodeid", ctypes.c_uint32), ("pid", ctypes.c_uint32), ("reason", ctypes.c_uint32)]


ADDRESSES = (ctypes.POINTER(CpgAddress), ctypes.c_size_t)
DELIVER = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.POINTER(CpgName), ctypes.c_uint32, ctypes.c_uint32,
                           ctypes.c_void_p, ctypes.c_size_t)
CONFCHG = ctypes.CFUNCTYPE(None, ctypes.c_uint64, ctypes.POINTER(CpgName), *ADDRESSES, *ADDRESSES, *ADDRESSES)


class CpgCallbacks(ctypes.Structure):
    _fields_ = [("deliver", DELIVER), ("confchg", CONFCHG)]


class Membership:
    """The group's membership: `on_change(members)` for each new one, from within `dispatch`."""

    def __init__(self, on_change):
        self.library = ctypes.CDLL("libcpg.so.4")
        self.handle = ctypes.c_uint64()
        self.callbacks = CpgCallbacks(DELIVER(lambda *_: None),
                                      CONFCHG(lambda handle, group, members, count, *_:
                                              on_change({members[i].nodeid for i in range(count)})))

    def join(self):
        """Waits until Corosync takes us; returns the descriptor to wait on."""
        while self.library.cpg_initialize(ctypes.byref(self.handle), ctypes.byref(self.callbacks)) != CS_OK:
            time.sleep(RETRY_S)
        group = CpgName(len(GROUP), GROUP)
        while (code := self.library.cpg_join(self.handle, ctypes.byref(group))) == CS_ERR_TRY_AGAIN:
            time.sleep(RETRY_S)
        descriptor = ctypes.c_int()
        if code != CS_OK or self.library.cpg_fd_get(self.handle, ctypes.byref(descriptor)) != CS_OK:
            raise OSError(f"Corosync does not let us join: error {code}")
        return descriptor.value

    def dispatch(self):
        """Calls back; False when Corosync is gone."""
        return self.library.cpg_dispatch(self.handle, CS_DISPATCH_ALL) in (CS_OK, CS_ERR_TRY_AGAIN)


class Node:
    """This node's rules, as the last membership wants them."""

    def __init__(self, arguments):
        self.arguments = arguments
        self.members = set()
        self.buckets = None
        self.seen_all = "no"
        self.begin = time.monotonic()

    def on_change(self, members):
        self.members = members
        if len(members) == self.arguments.nodes:
            self.seen_all = "yes"
        self.write()

    def write(self):
        """Sets the rule if it must change."""
        wanted = buckets_of(self.arguments.node, self.members, self.arguments.nodes) \
            if may_own(self.seen_all, time.monotonic() - self.begin) else []
        if wanted != self.buckets:
            text = ruleset(self.arguments.vip, self.arguments.mac, wanted, self.arguments.nodes)
            subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
            self.buckets = wanted
        self.tell()

    def tell(self):
        print(f"members {sorted(self.members)}, buckets {self.buckets}", flush=True)
        with open(self.arguments.state + ".new", "w", encoding="utf-8") as file:
            json.dump({"members": sorted(self.members), "buckets": self.buckets}, file)
        os.replace(self.arguments.state + ".new", self.arguments.state)


def claim_address(arguments):
    """The address comes after the rule that drops everything. /32: the node's own address stays the preferred one."""
    device = arguments.interface
    subprocess.run(["ip", "maddr", "add", arguments.mac, "dev", device], check=False)
    subprocess.run(["ip", "addr", "replace", arguments.vip, "dev", device], check=True)


def parse(argv=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--node", type=int, required=True, help="this node's number, from 1")
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--vip", required=True, metavar="ADDRESS/PREFIX")
    parser.add_argument("--mac", required=True)
    parser.add_argument("--interface", default="eth0")
    parser.add_argument("--state", default="/run/share.json", help="who lives and what is ours, as JSON")
    return parser.parse_args(argv)


def main():
    arguments = parse()
    node = Node(arguments)
    node.write()
    claim_address(arguments)
    membership = Membership(node.on_change)
    descriptor = membership.join()
    while True:
        readable, _, _ = select.select([descriptor], [], [], None if node.seen_all == "yes" else RETRY_S)
        if not readable:
            node.write()
        elif not membership.dispatch():
            node.on_change(set())
            return "share: Corosync is gone: this node owns nothing"


if __name__ == "__main__":
    sys.exit(main())
