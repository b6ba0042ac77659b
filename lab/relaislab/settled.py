"""Whether a cluster is at rest, from what its nodes say."""

from . import api, lab, topology
from .buckets import BUCKETS
from .shell import LabError


def why_lab_unsettled(state):
    """Why not, or None: all running nodes are members, nothing moves, and as below."""
    reason = lab.not_serving(state)
    if reason:
        return reason
    running = state.running()
    try:
        statuses = {node: api.status(state.nodes[node]) for node in running}
    except LabError as error:
        return error.what
    return why_unsettled(statuses, weights_of(state.plan, running))


def why_unsettled(statuses, weights):
    """Why not, or None: all agree on owners, every bucket has one, shares follow the weights, nobody is drained or in
    its grace.

    Pure. statuses: {node name: answer of /v1/status} of all running nodes, which are members. weights: {node number:
    weight}.
    """
    first_name, first = next(iter(statuses.items()))
    for node, status in statuses.items():
        if [vip["buckets"] for vip in status["vips"]] != [vip["buckets"] for vip in first["vips"]]:
            return f"{node} sees other owners than {first_name}"
    if any(node["drained"] or node["grace"] for node in first["nodes"]):
        return "a node is drained or in its grace"
    for vip in first["vips"]:
        if any(bucket["owner"] == 0 for bucket in vip["buckets"]):
            return "buckets without owner"
        reason = uneven(vip, weights)
        if reason:
            return reason
    return None


def uneven(vip, weights):
    """Whose number of buckets is more than one off its exact share, or None."""
    for number, weight in weights.items():
        exact = BUCKETS * weight / sum(weights.values())
        mine = sum(1 for bucket in vip["buckets"] if bucket["owner"] == number)
        if abs(mine - exact) > 1:
            return f"n{number} owns {mine} buckets of {vip['name']}, its exact share is {exact:.1f}"
    return None


def weights_of(plan, running):
    """{node number: weight} of the running nodes as configured."""
    return {topology.number_of(node): plan.weights.get(node, 1) for node in running}
