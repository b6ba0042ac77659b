"""Renders what a node finds in /etc: relais.toml, the key, and (without relaisd) a corosync.conf."""

from . import topology


def relais_toml(plan):
    """The cluster's configuration, equal on every node."""
    lines = [
        "# Written by the lab; equal on every node.",
        "[cluster]",
        f'name = "{plan.prefix}"',
        'key_file = "/etc/relais/cluster.key"',
        'metrics_listen = "127.0.0.1:9460"',
        "",
        "[timing]",
        f'preset = "{plan.timing}"',
        "",
        *quorum_lines(plan),
        "[defaults]",
        'interface = "eth0"',
    ]
    for node in plan.node_names():
        lines += [
            "", "[[node]]",
            f"id = {topology.number_of(node)}",
            f'name = "{node}"',
            f'address = "{topology.front4(node)}"',
            f'address6 = "{topology.front6(node)}"',
            f'links = ["{topology.heart(node, 0)}", "{topology.heart(node, 1)}"]',
        ]
    for address, name in topology.VIP_NAMES.items():
        lines += ["", "[[vip]]", f'name = "{name}"', f'address = "{address}"', f'mac = "{topology.CLUSTER_MAC}"']
        if plan.weights:
            lines += ["[vip.weights]"] + [f"{node} = {weight}" for node, weight in sorted(plan.weights.items())]
    return "\n".join(lines) + "\n"


def quorum_lines(plan):
    if plan.two_node == "none":
        return []
    lines = ["[quorum]", f'two_node = "{plan.two_node}"']
    if plan.has_arbiter():
        lines += [f'arbiter = "{topology.ARBITER4}"', f"arbiter_heartbeat_ms = {topology.ARBITER_HEARTBEAT_MS}"]
    return lines + [""]


def corosync_conf(plan):
    """For a lab without relaisd. knet's ping times are explicit: its defaults split a ring with a short token."""
    token_ms = topology.TOKEN_MS[plan.timing]
    links = "".join(
        f"  interface {{\n    linknumber: {link}\n    knet_ping_interval: 200\n    knet_ping_timeout: 2000\n"
        "    knet_pong_count: 1\n  }\n"
        for link in (0, 1))
    nodes = "".join(
        f"  node {{\n    nodeid: {topology.number_of(node)}\n    name: {node}\n"
        f"    ring0_addr: {topology.heart(node, 0)}\n    ring1_addr: {topology.heart(node, 1)}\n  }}\n"
        for node in plan.node_names())
    return (f"totem {{\n  version: 2\n  cluster_name: {plan.prefix}\n  transport: knet\n  link_mode: active\n"
            f"  token: {token_ms}\n  token_coefficient: 0\n"
            f"  token_retransmits_before_loss_const: {3 if token_ms < 131 else 4}\n{links}}}\n"
            f"nodelist {{\n{nodes}}}\nquorum {{\n  provider: corosync_votequorum\n}}\n"
            "logging {\n  to_stderr: yes\n  to_logfile: no\n  to_syslog: no\n  timestamp: hires\n}\n")
