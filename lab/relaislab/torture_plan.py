"""Draws a plan of faults. Pure: the same seed, minutes, timing, nodes and kinds give the same plan, bit for bit.

A plan is a row of rounds. A round is one fault, or two of different nodes that overlap; the cluster settles between two
rounds. At any time a majority of the nodes has its heartbeats and its relaisd.
"""

import random
from dataclasses import asdict, dataclass

from . import topology
from .shell import LabError

LEAD_IN_S = 4.0          # load before the first fault
FEWEST_NODES = 3         # of two, none may be lost
PAIR_CHANCE = 0.3
SHORT_CHANCE = 0.3       # of a pause or cut that may end before anybody is declared dead
DETECTION_MS = {timing: 2.2 * token for timing, token in topology.TOKEN_MS.items()}


@dataclass(frozen=True)
class Kind:
    """A sort of fault. `loses`: the node may be lost for the majority, and may lose its connections."""

    text: str                  # with {node}, {lasts} and {weight}
    loses: str = "no"          # "node", "daemon" (the majority misses it, its connections live), "front" or "no"
    lasts: str = "long"        # "long", "any" (also shorter than the detection), "instant", "all" (each node in turn)
    settle_s: float = 5.0      # what the cluster usually needs afterwards


KINDS = {
    "crash": Kind("{node} crashes, and boots again after {lasts}", "node", settle_s=8),
    "cut-link": Kind("{node} loses one heartbeat link for {lasts}", lasts="any"),
    "cut-hearts": Kind("{node} loses all heartbeat links (no carrier) for {lasts}", "node", "any"),
    "cut-hearts-silent": Kind("{node} loses all heartbeats (links up) for {lasts}", "node", "any"),
    "cut-hearts-in": Kind("{node} hears no heartbeats for {lasts}", "node", "any"),
    "cut-hearts-out": Kind("{node} cannot send heartbeats for {lasts}", "node", "any"),
    "cut-front": Kind("{node} loses its front link (no carrier) for {lasts}", "front"),
    "cut-front-silent": Kind("{node} loses its front link (link up) for {lasts}", "front"),
    "freeze-relaisd": Kind("relaisd of {node} is frozen for {lasts}", "node", "any"),
    "freeze-corosync": Kind("corosync of {node} is frozen for {lasts}", "node", "any"),
    "freeze-both": Kind("relaisd and corosync of {node} are frozen for {lasts}", "node", "any"),
    "freeze-node": Kind("all processes of {node} are frozen for {lasts}", "node", "any"),
    "kill-relaisd": Kind("kill -9 of relaisd of {node}, which starts again after {lasts}", "daemon"),
    "kill-corosync": Kind("kill -9 of corosync of {node}", "node", "instant", settle_s=8),
    "restart-all": Kind("relaisd of all nodes is restarted, one node after the other", "daemon", "all"),
    "slow-cpu": Kind("two busy programs in {node} for {lasts}"),
    "drain": Kind("{node} is drained, and resumed after {lasts}"),
    "weight": Kind("{node} gets the weight {weight} for {lasts}"),
    "flood": Kind("SYN flood for {lasts}"),
}
RESTART_S = 5.0   # one node of restart-all
WEIGHTS = (2, 3)


@dataclass(frozen=True)
class Fault:
    round: int
    at_s: float
    kind: str
    node: str         # "" : no single one
    lasts_s: float
    text: str
    weight: int = 0


@dataclass(frozen=True)
class Request:
    """What a plan is drawn from."""

    seed: int
    minutes: float
    timing: str = "normal"
    nodes: int = 3
    kinds: tuple = tuple(KINDS)


def check(request):
    """LabError if no plan can be drawn."""
    unknown = [kind for kind in request.kinds if kind not in KINDS]
    if unknown or not request.kinds:
        raise LabError(f"no kind of fault is called '{', '.join(unknown)}'", "the kinds are " + ", ".join(KINDS))
    if not FEWEST_NODES <= request.nodes <= topology.MAX_NODES:
        raise LabError(f"torture of {request.nodes} nodes: a majority must be left when one is lost",
                       f"--nodes {FEWEST_NODES} to {topology.MAX_NODES}")
    if not 0 < request.minutes <= 24 * 60:
        raise LabError(f"{request.minutes:g} minutes are no length of a run", "--minutes 0.5 to 1440")


def draw(request):
    """The faults of a plan, in order of their begin. At least one round."""
    check(request)
    chance = random.Random(f"relais torture {request.seed}")
    faults, at_s, bag = [], LEAD_IN_S, []
    for number in range(1, int(request.minutes * 60) + 2):
        drawn = draw_round(chance, request, number, round(at_s, 1), bag)
        end_s = max(fault.at_s + fault.lasts_s + KINDS[fault.kind].settle_s for fault in drawn)
        if faults and end_s > request.minutes * 60:
            break
        faults += drawn
        at_s = end_s + chance.uniform(0.5, 2)
    return faults


def draw_round(chance, request, number, at_s, bag):
    first = draw_fault(chance, request, (number, at_s), next_kind(chance, request, bag), "")
    if chance.random() >= PAIR_CHANCE or first.kind == "restart-all":
        return [first]
    # The second begins while the first one lasts; if the first is over at once, while the cluster still settles.
    later_s = round(at_s + chance.uniform(0.05, max(first.lasts_s, 1.0)), 2)
    fitting = [kind for kind in request.kinds if kind not in (first.kind, "restart-all")
               and lost(first) + (KINDS[kind].loses in ("node", "daemon")) <= spare(request.nodes)]
    if not fitting:
        return [first]
    return [first, draw_fault(chance, request, (number, later_s), chance.choice(fitting), first.node)]


def next_kind(chance, request, bag):
    """From a bag that is filled again when it is empty: so each kind comes early."""
    if not bag:
        bag += chance.sample(request.kinds, len(request.kinds))
    return bag.pop()


def draw_fault(chance, request, when, name, not_node):
    number, at_s = when
    kind = KINDS[name]
    nodes = [f"n{i}" for i in range(1, request.nodes + 1) if f"n{i}" != not_node]
    node = "" if name in ("restart-all", "flood") else chance.choice(nodes)
    lasts_s = draw_length(chance, request, kind)
    weight = chance.choice(WEIGHTS) if name == "weight" else 0
    text = kind.text.format(node=node, lasts=f"{lasts_s:g} s", weight=weight)
    return Fault(number, at_s, name, node, lasts_s, text, weight)


def draw_length(chance, request, kind):
    """Seconds. "any" is often about as long as the time in which a node is declared dead, because that is the hard
    case."""
    detection_s = DETECTION_MS[request.timing] / 1000
    if kind.lasts == "instant":
        return 0.0
    if kind.lasts == "all":
        return RESTART_S * request.nodes
    if kind.lasts == "any" and chance.random() < SHORT_CHANCE:
        return round(chance.uniform(0.05, 1.5) * detection_s, 3)
    return round(detection_s + chance.uniform(1, 3), 1)


def lost(fault):
    """How many nodes the majority misses while the fault lasts."""
    return int(KINDS[fault.kind].loses in ("node", "daemon"))


def spare(nodes):
    """How many nodes may be missing."""
    return (nodes - 1) // 2


def rounds_of(faults):
    """[[fault, …], …]."""
    found = {}
    for fault in faults:
        found.setdefault(fault.round, []).append(fault)
    return list(found.values())


def to_json(request, faults):
    return {"seed": request.seed, "minutes": request.minutes, "timing": request.timing, "nodes": request.nodes,
            "kinds": list(request.kinds), "faults": [asdict(fault) for fault in faults]}


def lines(request, faults):
    """The plan for people."""
    found = [f"Plan of seed {request.seed}: {request.minutes:g} minutes, timing {request.timing}, {request.nodes} "
             f"nodes, {len(faults)} faults in {len(rounds_of(faults))} rounds"]
    for fault in faults:
        found.append(f"  {fault.at_s:7.1f} s  round {fault.round:<3} {fault.text}")
    return found


def replay_command(request, options=""):
    """What a user types to get the same plan again."""
    words = ["lab/lab torture", f"--minutes {request.minutes:g}", f"--seed {request.seed}",
             f"--timing {request.timing}", f"--nodes {request.nodes}"]
    if request.kinds != tuple(KINDS):
        words.append("--kinds " + ",".join(request.kinds))
    return " ".join([*words, *([options] if options else [])])
