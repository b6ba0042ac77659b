"""What the lab looks like: names, addresses and the `ip` lines that build it. Pure: nothing here touches the machine.

          client ── router ── switch (bridge "front") ══ eth0 of n1 … nN
                                     (bridge "heart0") ══ heart0, and the arbiter if there is one
                                     (bridge "heart1") ══ heart1

Every node's frames for the cluster MAC must reach all nodes and nobody else. A Linux bridge cannot pin a multicast MAC
to ports for IP frames, so the flag mcast_flood is off on all other ports, and IGMP snooping is off: with snooping on
and a querier about, the frames would reach nobody (docs/network.md). With mcast_flood off the router hears no neighbour
solicitation either, hence the nodes' static neighbour entry for it.
"""

import re
from dataclasses import asdict, dataclass, field

DEFAULT_PREFIX = "relais"     # the name of a lab that was given none
NETS = ("front", "heart0", "heart1")
NODE_DEVICE = {"front": "eth0", "heart0": "heart0", "heart1": "heart1"}
CLUSTER_MAC = "03:00:5e:11:11:11"
ROUTER_MAC = "02:00:5e:00:00:01"
VIP4 = "198.51.100.100"
VIP6 = "2001:db8:1::100"
SERVICE_PORT = 7000
VIP_NAMES = {VIP4: "mail4", VIP6: "mail6"}
ROUTER4, ROUTER6 = "198.51.100.1", "2001:db8:1::1"
CLIENT_SIDE_MTU = 1500
MAX_NODES = 16
PRESETS = ("fast", "normal", "relaxed")
TWO_NODE_RULES = ("none", "lowest", "arbiter", "both")
ARBITER = "arbiter"           # the place; it is on the first heartbeat network
ARBITER4 = "192.0.2.10"
ARBITER_HEARTBEAT_MS = 200    # a node that is silent is gone for the arbiter after 0.3 to 0.6 s
TOKEN_MS = {"fast": 100, "normal": 200, "relaxed": 1000}


@dataclass
class Plan:
    """A lab as asked for. `build` is the build directory that the programs come from."""

    prefix: str = DEFAULT_PREFIX
    nodes: int = 3
    timing: str = "normal"
    weights: dict = field(default_factory=dict)   # node name -> weight of all VIPs
    build: str = "build"
    relaisd: str = "yes"                          # "no": corosync by itself, without relaisd
    key: str = ""                                 # cluster key, 64 hex digits; empty: a random one
    two_node: str = "none"                        # what two nodes do that lose each other

    def to_json(self):
        return asdict(self)

    @staticmethod
    def from_json(data):
        return Plan(**data)

    def errors(self):
        """All that is wrong with this plan, as sentences."""
        found = []
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", self.prefix):
            found.append(f"prefix '{self.prefix}' must be 1 to 32 of a-z, 0-9 and -, and begin with a letter")
        fewest = 2 if self.relaisd == "yes" else 1
        if not fewest <= self.nodes <= MAX_NODES:
            found.append(f"{self.nodes} nodes: a lab has {fewest} to {MAX_NODES}")
        if self.timing not in PRESETS:
            found.append(f"timing '{self.timing}' is none of {', '.join(PRESETS)}")
        if self.two_node not in TWO_NODE_RULES:
            found.append(f"two-node rule '{self.two_node}' is none of {', '.join(TWO_NODE_RULES)}")
        elif self.two_node == "arbiter" and self.nodes % 2:
            found.append(f"{self.nodes} nodes never fall into halves: an arbiter is for an even number of them")
        elif self.two_node in ("lowest", "both") and self.nodes != 2:
            found.append(f"two-node rule '{self.two_node}' with {self.nodes} nodes")
        if self.key and not re.fullmatch(r"[0-9a-f]{64}", self.key):
            found.append("the key must be 64 hex digits")
        for name, weight in self.weights.items():
            if name not in self.node_names():
                found.append(f"weight for '{name}': the nodes are {', '.join(self.node_names())}")
            if weight < 0:
                found.append(f"weight {weight} of {name} is negative")
        return found

    def node_names(self):
        return [f"n{number}" for number in range(1, self.nodes + 1)]

    def has_arbiter(self):
        return self.two_node == "arbiter"

    def netns(self, place):
        """Name of the network namespace of a node, or of client, router, switch, arbiter."""
        return f"{self.prefix}-{place}"


def lab_command(prefix, words=""):
    """What to type for an order to this lab, as hints name it."""
    return ("lab/lab" if prefix == DEFAULT_PREFIX else f"lab/lab --prefix {prefix}") + (f" {words}" if words else "")


def is_own_netns(prefix, netns):
    """Whether a namespace's name is one that a lab with this prefix makes."""
    return re.fullmatch(re.escape(prefix) + r"-(n\d{1,2}|client|router|switch|arbiter)", netns) is not None


def number_of(node):
    return int(node[1:])


def front4(node):
    return f"198.51.100.{10 + number_of(node)}"


def front6(node):
    return f"2001:db8:1::{10 + number_of(node)}"


def heart(node, link):
    """Heartbeat address on link 0 or 1."""
    return f"192.0.2.{10 + number_of(node) + 128 * link}"


def node_mac(node):
    return f"02:00:5e:00:01:{number_of(node):02x}"


def port(node, net):
    """Name of the switch port that a node's interface is plugged into."""
    return f"{node}-{net}"


def client_addresses():
    """(240 IPv4, 240 IPv6) source addresses of the client namespace."""
    return ([f"203.0.113.{i}" for i in range(10, 250)], [f"2001:db8:2::{i:x}" for i in range(0x100, 0x1F0)])


# Sources of a SYN flood: routed to the clients' network like all others of theirs, but nobody there has them.
FLOOD_RANGES = ("203.0.113.4-9", "203.0.113.250-254", "2001:db8:2::f000-ffff")
FLOOD_FILTER = " or ".join([f"host 203.0.113.{i}" for i in (*range(4, 10), *range(250, 255))]
                           + ["net 2001:db8:2::f000/116"])
CLIENT_RANGE4 = "203.0.113.10-249"
CLIENT_RANGE6 = "2001:db8:2::100-1ef"


def switch_lines():
    """`ip -n SWITCH` lines: the three bridges."""
    lines = ["link set lo up"]
    for net in NETS:
        lines.append(f"link add name {net} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        lines.append(f"link set {net} up")
    return lines


def cable_lines(plan, node):
    """`ip` lines (host): one veth pair per net, from the switch to the node."""
    return [f"link add name {port(node, net)} netns {plan.netns('switch')} type veth "
            f"peer name {NODE_DEVICE[net]} netns {plan.netns(node)}" for net in NETS]


def node_port_lines(node):
    """`ip -n SWITCH` lines: a node's ports. Set up before the node's side, so that nothing is lost at boot."""
    lines = []
    for net in NETS:
        lines.append(f"link set {port(node, net)} master {net} up")
        lines.append(f"link set {port(node, net)} type bridge_slave mcast_flood on")
    return lines


def node_lines(node):
    """`ip -n NODE` lines: addresses, routes, the router's neighbour entry. No VIP: that is relaisd's work."""
    return [
        "link set lo up",
        f"link set eth0 address {node_mac(node)}",
        "link set eth0 up", "link set heart0 up", "link set heart1 up",
        f"addr add {front4(node)}/24 dev eth0",
        f"addr add {front6(node)}/64 dev eth0 nodad",
        f"addr add {heart(node, 0)}/25 dev heart0",
        f"addr add {heart(node, 1)}/25 dev heart1",
        f"neigh replace {ROUTER6} lladdr {ROUTER_MAC} dev eth0 nud permanent",
        f"route replace default via {ROUTER4} dev eth0",
        f"route replace ::/0 via {ROUTER6} dev eth0",
    ]


def arbiter_cable_lines(plan):
    """`ip` lines (host): the arbiter's cable."""
    return [f"link add name {ARBITER} netns {plan.netns('switch')} type veth "
            f"peer name heart0 netns {plan.netns(ARBITER)}"]


def arbiter_port_lines():
    return [f"link set {ARBITER} master heart0 up"]


def arbiter_lines():
    """`ip -n ARBITER` lines."""
    return ["link set lo up", "link set heart0 up", f"addr add {ARBITER4}/25 dev heart0"]


def router_cable_lines(plan):
    """`ip` lines (host): router to switch, router to client."""
    return [
        f"link add name router netns {plan.netns('switch')} type veth peer name front netns {plan.netns('router')}",
        f"link add name client netns {plan.netns('router')} type veth peer name eth0 netns {plan.netns('client')}",
    ]


def router_port_lines():
    return ["link set router master front up", "link set router type bridge_slave mcast_flood off"]


def router_lines():
    """`ip -n ROUTER` lines. The static entries for the VIPs are what RFC 1812 routers need (docs/network.md)."""
    return [
        "link set lo up",
        f"link set front address {ROUTER_MAC}",
        "link set front up", f"link set client mtu {CLIENT_SIDE_MTU} up",
        f"addr add {ROUTER4}/24 dev front",
        f"addr add {ROUTER6}/64 dev front nodad",
        f"neigh replace {VIP4} lladdr {CLUSTER_MAC} dev front nud permanent",
        f"neigh replace {VIP6} lladdr {CLUSTER_MAC} dev front nud permanent",
        "addr add 203.0.113.1/30 dev client",
        "addr add 2001:db8:2::1/126 dev client nodad",
        "route replace 203.0.113.0/24 via 203.0.113.2 dev client",
        "route replace 2001:db8:2::/64 via 2001:db8:2::2 dev client",
    ]


def client_lines():
    """`ip -n CLIENT` lines: one machine with many addresses, so that neighbour tables stay small."""
    lines = ["link set lo up", "link set eth0 up", "addr add 203.0.113.2/30 dev eth0",
             "addr add 2001:db8:2::2/126 dev eth0 nodad"]
    addresses4, addresses6 = client_addresses()
    lines += [f"addr add {address}/32 dev eth0" for address in addresses4]
    lines += [f"addr add {address}/128 dev eth0 nodad" for address in addresses6]
    lines += ["route replace default via 203.0.113.1 dev eth0", "route replace ::/0 via 2001:db8:2::1 dev eth0"]
    # What is sent to an address that nobody has (a flood's) ends here, without a word to its sender.
    lines += ["route replace blackhole 203.0.113.0/24", "route replace blackhole 2001:db8:2::/64"]
    return lines
