"""The command line of lab/lab."""

import argparse
import os
import signal
import sys
import time

from . import api, arbiter, faults, lab, report, report_run, topology, torture, torture_plan
from . import node as nodes
from . import state as states
from .require import require_root
from .shell import LabError, in_netns, interrupted, tell

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EPILOG = """A lab lives until `down`. Places: n1 … nN; for exec, shell and capture also client, router, switch, arbiter.
Examples:  lab/lab up --nodes 3 --timing fast      lab/lab exec n1 -- relais status
           lab/lab crash n2; lab/lab start n2      lab/lab probe load --rate 200 --duration 10
"""


def parse_weights(text):
    weights = {}
    for item in filter(None, text.split(",")):
        name, _, number = item.partition("=")
        if not number.isdigit():
            raise argparse.ArgumentTypeError(f"'{item}': expected NODE=NUMBER, for example n1=2,n2=1")
        weights[name] = int(number)
    return weights


def parse_nets(text):
    words = {"all": topology.NETS, "hearts": ("heart0", "heart1")}
    nets = []
    for word in text.split(","):
        if word not in words and word not in topology.NETS:
            raise argparse.ArgumentTypeError(f"'{word}' is none of front, heart0, heart1, hearts, all")
        nets += words.get(word, (word,))
    return tuple(dict.fromkeys(nets))


def make_parser():
    parser = argparse.ArgumentParser(prog="lab/lab", epilog=EPILOG,
                                     description="A relais cluster on virtual networks of this machine.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prefix", default=topology.DEFAULT_PREFIX,
                        help="name of the lab; several can run side by side")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, function, text, node=""):
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(function=function)
        command.add_argument("--prefix", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        if node:
            command.add_argument("node", metavar="NODE", nargs="?" if node == "optional" else None)
        return command

    add_lab_commands(add)
    add_node_commands(add)
    add_fault_commands(add)
    add_use_commands(add)
    add_torture_command(add)
    return parser


def add_lab_commands(add):
    up = add("up", up_command, "build the lab and boot its nodes")
    up.add_argument("--nodes", type=int, default=3, help="size of the cluster (default 3)")
    up.add_argument("--start", type=int, help="boot only the first so many; the others with `start`")
    up.add_argument("--timing", default="normal", choices=topology.PRESETS)
    up.add_argument("--two-node", default="none", choices=topology.TWO_NODE_RULES,
                    help="what two nodes do that lose each other; `arbiter` also starts one (default none)")
    up.add_argument("--weights", type=parse_weights, default={}, metavar="n1=2,…", help="weights of both VIPs")
    up.add_argument("--build", default=os.environ.get("RELAIS_BUILD", os.path.join(REPOSITORY, "build")),
                    help="build directory (default $RELAIS_BUILD or build)")
    up.add_argument("--key", default="", help="cluster key, 64 hex digits (default: a random one)")
    up.add_argument("--no-relaisd", action="store_true", help="corosync by itself, nothing on the VIPs")
    up.add_argument("--no-wait", action="store_true", help="do not wait until the cluster serves")
    add("down", down_command, "end the lab and remove all traces")
    add("status", status_command, "what runs, what is cut, what relaisd says")
    add("add", add_command, "boot a planned node; or enlarge the cluster by one", node="yes")


def add_node_commands(add):
    add("start", start_command, "boot a node that is off (fresh namespaces, same disk)", node="yes")
    add("stop", stop_command, "shut a node down in order", node="yes")
    add("crash", crash_command, "links gone at once, then SIGKILL of everything", node="yes")
    kill = add("kill-daemon", kill_command, "kill -9 of relaisd; process 1 of the node starts it again", node="yes")
    kill.add_argument("--process", default="relaisd", choices=("relaisd", "corosync"))
    kill.add_argument("--after", type=float, default=1.0, metavar="S", help="seconds until the next start (default 1)")


def add_fault_commands(add):
    cut = add("cut", cut_command, "interrupt a node's links", node="yes")
    cut.add_argument("--net", type=parse_nets, default=topology.NETS,
                     help="front, heart0, heart1, hearts or all (default)")
    cut.add_argument("--direction", choices=faults.DIRECTIONS, default="both",
                     help="both: pull the cable (default); in, out: lose one direction; silent: lose both, link up")
    add("heal", heal_command, "restore the links of a node, or of all", node="optional")
    freeze = add("freeze", freeze_command, "SIGSTOP", node="yes")
    freeze.add_argument("--process", default="relaisd", choices=("relaisd", "corosync", "all"))
    add("thaw", thaw_command, "SIGCONT to everything in a node, or in all", node="optional")


def add_use_commands(add):
    run = add("exec", exec_command, "run a command in a node, client, router or switch", node="yes")
    run.add_argument("argv", metavar="-- CMD", nargs=argparse.REMAINDER)
    add("shell", shell_command, "a shell in a node, client, router or switch", node="yes")
    capture = add("capture", capture_command, "tcpdump in a node, client, router, switch or arbiter", node="yes")
    capture.add_argument("-o", dest="output", help="write a pcap file instead of text")
    capture.add_argument("--net", default="front", choices=(*topology.NETS, "client"))
    capture.add_argument("filter", nargs="*", help="tcpdump filter")
    add("probe", probe_command, "run the probe in the client namespace: probe load …; fills in VIPs and sources")
    page = add("report", report_command, "write a page about a run: latency, bucket map, bounds, findings")
    page.add_argument("directory", metavar="DIR", nargs="?", help="a run's directory (default: the build's newest)")
    page.add_argument("--out", default="", metavar="FILE", help="the page (default DIR/report.html)")
    page.add_argument("--build", default=os.environ.get("RELAIS_BUILD", os.path.join(REPOSITORY, "build")),
                      help="build directory (default $RELAIS_BUILD or build)")
    add("flood", flood_command, "a SYN flood from the client namespace: flood --rate N …; fills in VIPs and sources")
    log = add("log", log_command, "a node's log", node="yes")
    log.add_argument("--service", default="relaisd", choices=("relaisd", "probe", "corosync", "init"))


def add_torture_command(add):
    run = add("torture", torture.torture, "faults drawn from a seed, under load, in a lab of its own")
    run.add_argument("--seed", type=int, required=True, help="the same seed draws the same plan")
    run.add_argument("--minutes", type=float, default=20.0, help="length of the plan (default 20)")
    run.add_argument("--timing", default="normal", choices=topology.PRESETS)
    run.add_argument("--nodes", type=int, default=3, help="size of the cluster (default 3)")
    run.add_argument("--kinds", type=lambda text: text.split(","), metavar="KIND,…",
                     help="only these: " + ", ".join(torture_plan.KINDS))
    run.add_argument("--flood", action="store_true", help="a SYN flood all the time")
    run.add_argument("--plan-only", action="store_true", help="print the plan and end")
    run.add_argument("--out", metavar="DIR", help="what was seen (default BUILD/lab-results/torture-SEED)")
    run.add_argument("--build", default=os.environ.get("RELAIS_BUILD", os.path.join(REPOSITORY, "build")),
                     help="build directory (default $RELAIS_BUILD or build)")


def up_command(arguments):
    plan = topology.Plan(prefix=arguments.prefix, nodes=arguments.nodes, timing=arguments.timing,
                         weights=arguments.weights, build=os.path.abspath(arguments.build),
                         relaisd="no" if arguments.no_relaisd else "yes", key=arguments.key,
                         two_node=arguments.two_node)
    require_root()
    with states.locked(arguments.prefix):
        state = lab.up(plan, arguments.start)
    running = state.running()
    if not arguments.no_wait:
        took_s = lab.wait_until_serving(state)
        print(f"{len(running)} of {plan.nodes} nodes are up, serving after {took_s:.1f} s" if took_s
              else f"{len(running)} of {plan.nodes} nodes are up")
    return 0


def down_command(arguments):
    require_root()
    with states.locked(arguments.prefix):
        was = lab.down(arguments.prefix)
    left = lab.remains(arguments.prefix)
    if left:
        raise LabError("left behind: " + ", ".join(left))
    print("down" if was else "was not up")
    return 0


def changing(function):
    """A command that changes a running lab: root, lock, state; then function(state, arguments)."""
    def command(arguments):
        require_root()
        with states.locked(arguments.prefix):
            return function(states.load_or_fail(arguments.prefix), arguments) or 0
    return command


def known_node(state, node):
    if node not in state.plan.node_names():
        raise LabError(f"there is no node '{node}'", "the nodes are " + ", ".join(state.plan.node_names()))


@changing
def add_command(state, arguments):
    if not (arguments.node[:1] == "n" and arguments.node[1:].isdigit()):
        raise LabError(f"'{arguments.node}' is no node name", f"for example n{state.plan.nodes + 1}")
    lab.add(state, arguments.node)


@changing
def start_command(state, arguments):
    if arguments.node == topology.ARBITER:
        arbiter.check(state)
        arbiter.start(state)
        return
    known_node(state, arguments.node)
    if arguments.node in state.running():
        print(f"{arguments.node} is already on")
        return
    nodes.boot(state, arguments.node)


def when_running(state, node, function):
    known_node(state, node)
    if node in state.running():
        function(state, node)
    else:
        print(f"{node} is already off")


@changing
def stop_command(state, arguments):
    when_running(state, arguments.node, faults.stop)


@changing
def crash_command(state, arguments):
    if arguments.node == topology.ARBITER:
        arbiter.crash(state)
        return
    when_running(state, arguments.node, faults.crash)


@changing
def kill_command(state, arguments):
    faults.kill_process(state, arguments.node, arguments.process, int(arguments.after * 1000))


@changing
def cut_command(state, arguments):
    if arguments.node == topology.ARBITER:
        if arguments.direction != "both" or arguments.net != topology.NETS:
            raise LabError("the arbiter has one cable, which can be pulled",
                           topology.lab_command(state.plan.prefix, "cut arbiter"))
        arbiter.set_port(state, "down")
        return
    faults.cut(state, arguments.node, arguments.net, arguments.direction)


@changing
def heal_command(state, arguments):
    if state.plan.has_arbiter() and arguments.node in (None, topology.ARBITER):
        arbiter.set_port(state, "up")
    if arguments.node == topology.ARBITER:
        return
    for node in [arguments.node] if arguments.node else state.plan.node_names():
        known_node(state, node)
        faults.heal(state, node)


@changing
def freeze_command(state, arguments):
    faults.freeze(state, arguments.node, arguments.process)


@changing
def thaw_command(state, arguments):
    faults.thaw(state, [arguments.node] if arguments.node else state.running())


def status_command(arguments):
    require_root()
    state = states.load(arguments.prefix)
    if state is None:
        print(f"no lab '{arguments.prefix}' is up")
        return 1
    plan = state.plan
    print(f"lab {plan.prefix}: {plan.nodes} nodes, timing {plan.timing}, build {plan.build}")
    print(f"VIPs {topology.VIP4} {topology.VIP6} port {topology.SERVICE_PORT}, MAC {topology.CLUSTER_MAC}")
    for node in plan.node_names():
        print(f"  {node:4} {describe(state, node)}")
    if plan.has_arbiter():
        words = [f"{'on' if arbiter.is_running(state) else 'off'}   {topology.ARBITER4}",
                 *cut_words(state, topology.ARBITER)]
        print(f"  {topology.ARBITER}  {'  '.join(words)}")
    return 0


def describe(state, node):
    """One line about a node."""
    if node not in state.running():
        return "off"
    inside = {name: nodes.processes(state, node, name) for name in ("relaisd", "corosync")}
    words = [f"on   {topology.front4(node):15}"]
    words += [f"{name} {found[0].pid}" if found else f"no {name}" for name, found in inside.items()]
    status = api.status_or_none(state.nodes[node])
    if status:
        words.append(status["role"] + (", quorate" if status["quorate"] else ", no quorum"))
    return "  ".join(words + cut_words(state, node))


def cut_words(state, place):
    return [f"CUT {net} ({direction})" for net, direction in state.cuts.get(place, {}).items()]


def become(argv, environment):
    sys.stdout.flush()
    os.execvpe(argv[0], argv, environment)


def place_checked(state, place):
    if place not in ("client", "router", "switch", topology.ARBITER):
        nodes.init_of(state, place)


def exec_command(arguments):
    require_root()
    state = states.load_or_fail(arguments.prefix)
    argv = arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv
    if not argv:
        raise LabError("exec needs a command",
                       topology.lab_command(arguments.prefix, f"exec {arguments.node} -- relais status"))
    return become(nodes.exec_argv(state, arguments.node, argv), nodes.exec_environment(state.plan))


def shell_command(arguments):
    require_root()
    state = states.load_or_fail(arguments.prefix)
    environment = {**nodes.exec_environment(state.plan), "PS1": f"{arguments.prefix} {arguments.node}# "}
    return become(nodes.exec_argv(state, arguments.node, ["bash", "--norc", "-i"]), environment)


def device_of(place, net):
    """What a capture in that place listens on."""
    if place in ("router", "switch"):
        return net
    only = {"client": "eth0", topology.ARBITER: "heart0"}
    return only.get(place) or topology.NODE_DEVICE.get(net, "eth0")


def capture_command(arguments):
    require_root()
    state = states.load_or_fail(arguments.prefix)
    place_checked(state, arguments.node)
    device = device_of(arguments.node, arguments.net)
    output = ["-U", "-Z", "root", "-w", arguments.output] if arguments.output else ["-l"]
    tcpdump = ["tcpdump", "-n", "-e", "-i", device, *output, *arguments.filter]
    return become(in_netns(state.plan.netns(arguments.node), tcpdump), dict(os.environ))


def probe_argv(plan, argv):
    """The probe's command line; without targets, `load` gets both VIPs with all client addresses, and `flood` with
    addresses that nobody has."""
    argv = argv[1:] if argv[:1] == ["--"] else argv
    if argv[:1] not in (["serve"], ["load"], ["flood"]):
        argv = ["load", *argv]
    if argv[0] != "serve" and "--vip" not in argv and "--help" not in argv:
        argv = [*argv, "--vip", topology.VIP4, "--vip", topology.VIP6]
    if argv[0] != "serve" and "--sources" not in argv and "--help" not in argv:
        ranges = topology.FLOOD_RANGES if argv[0] == "flood" else (topology.CLIENT_RANGE4, topology.CLIENT_RANGE6)
        argv = [*argv, *(word for text in ranges for word in ("--sources", text))]
    return [nodes.program(plan, "probe"), *argv]


def probe_command(arguments):
    if "--help" in arguments.argv:   # which needs no lab
        build = os.environ.get("RELAIS_BUILD", os.path.join(REPOSITORY, "build"))
        return become(probe_argv(topology.Plan(build=build), arguments.argv), dict(os.environ))
    require_root()
    state = states.load_or_fail(arguments.prefix)
    argv = nodes.exec_argv(state, "client", probe_argv(state.plan, arguments.argv))
    return become(argv, nodes.exec_environment(state.plan))


def report_command(arguments):
    path, missing = report.write(arguments.directory or report_run.newest(arguments.build), arguments.out)
    for words in missing:
        print(f"not shown: {words}", file=sys.stderr)
    print(path)
    return 0


def flood_command(arguments):
    arguments.argv = ["flood", *arguments.argv]
    return probe_command(arguments)


def log_command(arguments):
    require_root()
    state = states.load_or_fail(arguments.prefix)
    known_node(state, arguments.node)
    try:
        with open(nodes.log_path(state, arguments.node, arguments.service), encoding="utf-8", errors="replace") as file:
            sys.stdout.write(file.read())
    except FileNotFoundError as error:
        raise LabError(f"{arguments.node} has no log of {arguments.service}",
                       topology.lab_command(arguments.prefix,
                                            f"exec {arguments.node} -- ls /var/log /var/log/corosync")) from error
    return 0


def split_probe(argv):
    """All behind `probe` or `flood` is for the probe; argparse would take its options for our own."""
    index = 2 if argv[:1] == ["--prefix"] else 1 if argv[:1] and argv[0].startswith("--prefix=") else 0
    if argv[index:index + 1] in (["probe"], ["flood"]):
        return argv[:index + 1], argv[index + 1:]
    return argv, []


def main():
    signal.signal(signal.SIGTERM, interrupted)
    own, for_probe = split_probe(sys.argv[1:])
    arguments = make_parser().parse_args(own)
    arguments.argv = for_probe or getattr(arguments, "argv", [])
    begin = time.monotonic()
    try:
        code = arguments.function(arguments)
        if arguments.command in ("start", "stop", "crash", "add"):
            print(f"{arguments.command} {arguments.node}: {time.monotonic() - begin:.2f} s")
        return code
    except LabError as error:
        tell("lab", error)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141
