"""Who is measured: what each one's nodes run, and how to see that all is in its place."""

import json
import os
import sys
from dataclasses import dataclass

from relaislab import api, lab, node as nodes, topology
from relaislab.buckets import BUCKETS
from relaislab.node import Software
from relaislab.shell import ip_batch, run

VICTIM = "n2"   # who crashes and returns, in every run of everybody
SHARE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "share.py")


@dataclass(frozen=True)
class Contestant:
    """`name` is for the command line, `title` for the table. `ours` says whether it is relais."""

    name: str
    title: str
    nodes: int
    ours = "no"

    def plan(self, prefix, build):
        return topology.Plan(prefix=prefix, nodes=self.nodes, build=build, relaisd="no")

    def software(self, node):
        """What a node runs."""
        raise NotImplementedError

    def prepare(self, state):
        """What the network needs besides."""

    def displaced(self, state):
        """Why not everything is where it belongs while all nodes run, or None."""
        raise NotImplementedError

    def restless(self, state):
        """Why a run should not begin yet, or None."""
        return self.displaced(state)


@dataclass(frozen=True)
class Relais(Contestant):
    """relais as built. Two nodes have no majority without each other: the lower one goes on alone."""

    timing: str
    ours = "yes"

    def plan(self, prefix, build):
        return topology.Plan(prefix=prefix, nodes=self.nodes, build=build, timing=self.timing)

    def software(self, node):
        if self.nodes > 2:
            return Software()
        text = nodes.config.relais_toml(self.plan("bench", ""))
        return Software(files={"relais/relais.toml": text + '\n[quorum]\ntwo_node = "lowest"\n'})

    def displaced(self, state):
        reason = lab.not_serving(state)
        if reason:
            return reason
        for vip in api.status(state.nodes[VICTIM])["vips"]:
            own = sum(1 for bucket in vip["buckets"] if bucket["owner"] == topology.number_of(VICTIM))
            if own < BUCKETS // self.nodes:
                return f"{VICTIM} owns {own} buckets of {vip['name']}"
        return None

    def restless(self, state):
        reason = self.displaced(state)
        if reason:
            return reason
        status = api.status(state.nodes[VICTIM])
        if any(node["grace"] for node in status["nodes"]):
            return "a node is in its grace"
        left = [vip["name"] for vip in status["vips"] if any(bucket["leftovers"] for bucket in vip["buckets"])]
        return f"leftovers in {', '.join(left)}" if left else None


@dataclass(frozen=True)
class Keepalived(Contestant):
    """VRRP as its manual shows it. The node that crashes is the preferred one: a crash of the other costs nothing."""

    advert_s: float

    def config(self, node):
        role, priority = ("MASTER", 140) if node == VICTIM else ("BACKUP", 100)
        version = "    vrrp_version 3\n" if self.advert_s < 1 else ""
        return (f"global_defs {{\n    router_id {node}\n{version}}}\n"
                f"vrrp_instance VI_1 {{\n    state {role}\n    interface eth0\n    virtual_router_id 51\n"
                f"    priority {priority}\n    advert_int {self.advert_s:g}\n"
                f"    virtual_ipaddress {{\n        {topology.VIP4}/24 dev eth0\n    }}\n}}\n")

    def software(self, node):
        argv = ["/usr/sbin/keepalived", "-n", "-D", "-l", "-P", "-f", "/etc/keepalived/keepalived.conf"]
        return Software(services=[{"name": "keepalived", "argv": argv}],
                        files={"keepalived/keepalived.conf": self.config(node)})

    def prepare(self, state):
        """The VIP has the MAC of whoever is master: the router learns it by ARP."""
        ip_batch([f"neigh del {topology.VIP4} dev front"], netns=state.plan.netns("router"))

    def displaced(self, state):
        holders = [node for node in state.running() if holds_vip(state, node)]
        return None if holders == [VICTIM] else f"the VIP is on {' and '.join(holders) or 'no node'}"


@dataclass(frozen=True)
class CorosyncShare(Contestant):
    """share.py on Corosync. Token and consensus are those of Corosync 3.0, a third of today's defaults; the ping times
    are explicit because knet's own ones follow the token."""

    token_ms: int = 1000
    consensus_ms: int = 1200

    def config(self):
        links = "".join(f"  interface {{\n    linknumber: {link}\n    knet_ping_interval: 200\n"
                        "    knet_ping_timeout: 2000\n    knet_pong_count: 1\n  }\n" for link in (0, 1))
        members = "".join(f"  node {{\n    nodeid: {number}\n    name: n{number}\n"
                          f"    ring0_addr: {topology.heart(f'n{number}', 0)}\n"
                          f"    ring1_addr: {topology.heart(f'n{number}', 1)}\n  }}\n"
                          for number in range(1, self.nodes + 1))
        return (f"totem {{\n  version: 2\n  cluster_name: share\n  transport: knet\n  link_mode: active\n"
                f"  token: {self.token_ms}\n  token_coefficient: 0\n  consensus: {self.consensus_ms}\n{links}}}\n"
                f"nodelist {{\n{members}}}\n"
                "logging {\n  to_stderr: yes\n  to_logfile: no\n  to_syslog: no\n  timestamp: hires\n}\n")

    def software(self, node):
        share = [sys.executable, "-I", SHARE, "--node", str(topology.number_of(node)), "--nodes", str(self.nodes),
                 "--vip", f"{topology.VIP4}/32", "--mac", topology.CLUSTER_MAC]
        return Software(services=[{"name": "corosync", "argv": ["/usr/sbin/corosync", "-f"], "stop_ms": 10000},
                                  {"name": "share", "argv": share, "respawn_ms": 200}],
                        files={"corosync/corosync.conf": self.config()})

    def displaced(self, state):
        everybody = list(range(1, self.nodes + 1))
        for node in state.running():
            try:
                with open(nodes.path_in_node(state, node, "/run/share.json"), encoding="utf-8") as file:
                    told = json.load(file)
            except FileNotFoundError:
                return f"{node} has not said what it owns"
            if told != {"members": everybody, "buckets": [topology.number_of(node) - 1]}:
                return f"{node} sees the members {told['members']} and owns {told['buckets']}"
        return None


def holds_vip(state, node):
    return f"inet {topology.VIP4}/" in run(["ip", "-n", state.plan.netns(node), "-o", "addr", "show", "dev", "eth0"])


CONTESTANTS = (
    Relais("relais-fast", "relais `fast`", 3, "fast"),
    Relais("relais-normal", "relais `normal`", 3, "normal"),
    Relais("relais-fast-2", "relais `fast`, `lowest`", 2, "fast"),
    Relais("relais-normal-2", "relais `normal`, `lowest`", 2, "normal"),
    Keepalived("keepalived-1s", "keepalived, advert 1 s", 2, 1),
    Keepalived("keepalived-0.1s", "keepalived, advert 0.1 s", 2, 0.1),
    CorosyncShare("corosync-jhash", "Corosync + nft jhash", 2),
)
