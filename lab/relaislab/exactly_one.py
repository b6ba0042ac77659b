"""Exactly one answer: watches every connection opener at the clients and says which got none, a late one, or two.

An opener is a client's SYN, with all its transmissions: VIP, port, client, its port and its initial sequence number. A
node answers it with a SYN-ACK that carries a sequence number of the node's own, the same each time that it is sent
again. So two numbers are two nodes. Which ones is seen between the nodes and the router, where their own Ethernet
addresses are still in the frames.

`judge` and what it uses are pure; `ExactlyOne` runs tcpdump.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

from . import buckets, frames, topology
from . import state as states
from .require import require_root
from .run_record import RunRecord
from .shell import LabError, in_netns, interrupted, tell

LATE_MS = 200   # above any scheduling noise, below TCP's first retry
# A node's state is asked for several times a second; this long around an opener it may be what explains it.
AROUND_MS = 500
MAX_TOLD = 10
SYNS = "((tcp[tcpflags] & tcp-syn != 0) or (ip6[6] == 6 and ip6[53] & 0x02 != 0))"
# Not judged here; they tell why a client that only listens was not told that its node is dead.
TICKLES = ("((tcp[tcpflags] == tcp-ack and tcp[4:4] = 0 and tcp[8:4] = 0) or "
           "(ip6[6] == 6 and ip6[53] == 0x10 and ip6[44:4] = 0 and ip6[48:4] = 0))")
RESETS = "((tcp[tcpflags] & tcp-rst != 0) or (ip6[6] == 6 and ip6[53] & 0x04 != 0))"
SYN_ACKS = "((tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)) or (ip6[6] == 6 and ip6[53] & 0x12 == 0x12))"


@dataclass
class Opener:
    """One client's SYN with all its transmissions and answers."""

    first_us: int
    transmissions: int = 0
    answers: dict = field(default_factory=dict)   # a SYN-ACK's sequence number -> µs of its first arrival


@dataclass
class Verdict:
    """What was seen. Findings are dicts as in the JSON file; docs/lab.md has their fields."""

    openers: int = 0
    answered: int = 0
    undecided: int = 0   # sent so shortly before the end that an answer may have been on its way
    unasked: int = 0     # SYN-ACKs to openers that began before the capture
    retransmitted: int = 0   # openers that took more than one transmission
    none: list = field(default_factory=list)
    late: list = field(default_factory=list)
    two: list = field(default_factory=list)

    def ok(self):
        return not (self.none or self.late or self.two)

    def findings(self):
        return [*self.none, *self.late, *self.two]

    def to_json(self):
        return dict(vars(self))


def collect(packets):
    """({key: Opener}, number of SYN-ACKs whose SYN was not seen); packets as frames.packets_of gives them."""
    openers, unasked = {}, 0
    for when_us, frame in packets:
        segment = frames.segment_of(frame)
        if segment is None or not segment.flags & frames.SYN:
            continue
        if not segment.flags & frames.ACK:
            key = (segment.target, segment.target_port, segment.source, segment.source_port, segment.sequence)
            openers.setdefault(key, Opener(when_us)).transmissions += 1
        elif answered_key(segment) in openers:
            openers[answered_key(segment)].answers.setdefault(segment.sequence, when_us)
        else:
            unasked += 1
    return openers, unasked


def answered_key(segment):
    """The key of the opener that a SYN-ACK answers."""
    return (segment.source, segment.source_port, segment.target, segment.target_port,
            (segment.acknowledged - 1) & 0xFFFFFFFF)


def who_answered(packets, names):
    """{(opener's key, sequence number): node}, from SYN-ACKs before the router; names: Ethernet address -> node."""
    found = {}
    for _, frame in packets:
        segment = frames.segment_of(frame)
        if segment and segment.flags & frames.SYN and segment.flags & frames.ACK:
            found[answered_key(segment), segment.sequence] = names.get(segment.mac, "")
    return found


def finding(key, opener, who):
    """An opener as a finding, still without bucket and states."""
    vip, vip_port, client, port, _ = key
    answers = [{"after_ms": (when_us - opener.first_us) / 1000, "sequence": sequence,
                "node": who.get((key, sequence), "")} for sequence, when_us in opener.answers.items()]
    return {"wall_ms": opener.first_us // 1000, "client": frames.address_text(client), "port": port,
            "vip": frames.address_text(vip), "vip_port": vip_port, "transmissions": opener.transmissions,
            "answers": answers}


def judge(packets, end_us, who=None):
    """The verdict on a capture that ended at end_us; who: as who_answered gives it."""
    openers, unasked = collect(packets)
    verdict = Verdict(openers=len(openers), unasked=unasked)
    for key, opener in openers.items():
        verdict.retransmitted += opener.transmissions > 1
        verdict.answered += bool(opener.answers)
        told = None if len(opener.answers) == 1 and not is_late(opener) else finding(key, opener, who or {})
        if len(opener.answers) > 1:
            verdict.two.append(told)
        if is_late(opener):
            verdict.late.append(told)
        if not opener.answers:
            if end_us - opener.first_us < LATE_MS * 1000:
                verdict.undecided += 1
            else:
                verdict.none.append(told)
    return verdict


def is_late(opener):
    return bool(opener.answers) and min(opener.answers.values()) - opener.first_us > LATE_MS * 1000


def explain(verdict, key, record):
    """Adds to each finding the VIP's name, the bucket (key: hash_key's) and the nodes' states around that time."""
    for item in verdict.findings():
        item["vip_name"] = topology.VIP_NAMES.get(item["vip"], "")
        item["bucket"] = buckets.bucket_of(key, item["client"])
        last_ms = item["wall_ms"] + max((answer["after_ms"] for answer in item["answers"]), default=0)
        item["states"] = record.states_around(item["vip_name"], item["bucket"], item["wall_ms"] - AROUND_MS,
                                              last_ms + AROUND_MS)


def described(item):
    """A finding as one line for people."""
    when = time.strftime("%H:%M:%S", time.localtime(item["wall_ms"] / 1000)) + f".{item['wall_ms'] % 1000:03d}"
    answers = ", ".join(f"{answer['node'] or 'a node'} after {answer['after_ms']:.0f} ms" for answer in item["answers"])
    held = ", ".join(f"{node} {words}" for node, words in item.get("states", {}).items()
                     if words not in ("foreign", "off"))
    return (f"{when}  {item['client']} port {item['port']} to {item['vip']}, bucket {item.get('bucket', '?')}: "
            f"{item['transmissions']} SYN, answers: {answers or 'none'}; states: {held or 'all foreign'}")


def summary(verdict):
    """Lines for people; of each kind only the first few findings."""
    lines = [f"{verdict.openers} openers, {verdict.answered} answered; none {len(verdict.none)}, late "
             f"{len(verdict.late)}, two {len(verdict.two)}; {verdict.retransmitted} took more than one SYN, "
             f"{verdict.undecided} undecided at the end"]
    for name, found in (("none", verdict.none), ("late", verdict.late), ("two", verdict.two)):
        lines += [f"  {name}: {described(item)}" for item in found[:MAX_TOLD]]
        if len(found) > MAX_TOLD:
            lines.append(f"  {name}: … and {len(found) - MAX_TOLD} more")
    return lines


def counts_of(text):
    """tcpdump's own counts, from what it prints at SIGUSR1 (one line) and at its end (three)."""
    return {what: int(number) for number, what in
            re.findall(r"(\d+) packets? (captured|received by filter|dropped by kernel)", text)}


class Capture:
    """tcpdump in a place's network, between its making and finish."""

    def __init__(self, netns, device, path, what):
        self.path = path
        # In immediate mode, because the ring buffer's last second would be lost otherwise.
        self.process = subprocess.Popen(
            in_netns(netns, ["tcpdump", "-i", device, "-n", "-U", "-Z", "root", "--immediate-mode", "-B", "16384",
                             "-s", "96", "-w", path, what]), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
        if not any("listening on" in line for line in self.process.stderr):
            raise LabError(f"tcpdump does not start in {netns}", "apt-get install tcpdump")

    def finish(self):
        """Ends the capture. LabError if packets are missing in it: then it proves nothing."""
        self.wait_written()
        self.wait_processed()
        self.process.send_signal(signal.SIGINT)
        _, figures = self.process.communicate(timeout=30)
        if counts_of(figures).get("dropped by kernel", 1):
            raise LabError(f"tcpdump has lost packets: {figures.strip()}", "repeat it on a calmer machine")

    def wait_written(self, timeout_s=10):
        """Waits until the file has not grown for half a second: the traffic has ended, tcpdump may lag behind. Traffic
        that does not end is waited for no longer than timeout_s."""
        size, end = -1, time.monotonic() + timeout_s
        while size != os.path.getsize(self.path) and time.monotonic() < end:
            size = os.path.getsize(self.path)
            time.sleep(0.5)

    def wait_processed(self, timeout_s=10):
        """Waits until tcpdump has read all that the kernel has put into its buffer until now: at SIGINT it leaves the
        rest there. LabError if it does not in time."""
        end, target = time.monotonic() + timeout_s, None
        while time.monotonic() < end:
            self.process.send_signal(signal.SIGUSR1)   # it tells its counts
            line = self.process.stderr.readline()
            counts = counts_of(line)
            if not {"captured", "received by filter"} <= counts.keys():
                raise LabError(f"tcpdump does not tell its counts: {line.strip()}", "look whether it still runs")
            target = counts["received by filter"] if target is None else target
            if counts["captured"] >= target:
                return
            time.sleep(0.1)
        raise LabError(f"tcpdump lags behind: {line.strip()}", "repeat it on a calmer machine")

    def abandon(self):
        """Ends the capture if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


class ExactlyOne:
    """Watches a lab's clients between its making and finish. Captures are kept in `directory`."""

    def __init__(self, state, directory):
        self.state = state
        not_flood = f" and not ({topology.FLOOD_FILTER})"
        self.clients = Capture(state.plan.netns("client"), "eth0", os.path.join(directory, "answers.pcap"),
                               f"({SYNS} or {TICKLES} or {RESETS}){not_flood}")
        try:
            self.nodes = Capture(state.plan.netns("router"), "front", os.path.join(directory, "nodes.pcap"),
                                 SYN_ACKS + not_flood)
        except BaseException:
            self.clients.abandon()
            raise

    def finish(self, record=None):
        """The verdict, explained if there is a record of the run. LabError if the capture is incomplete."""
        self.clients.wait_written()
        end_us = time.time_ns() // 1000
        self.clients.finish()
        self.nodes.finish()
        names = {bytes.fromhex(topology.node_mac(node).replace(":", "")): node
                 for node in self.state.plan.node_names()}
        verdict = judge(frames.read_packets(self.clients.path), end_us,
                        who_answered(frames.read_packets(self.nodes.path), names))
        if record is not None:
            explain(verdict, self.bucket_key(), record)
        return verdict

    def bucket_key(self):
        with open(self.state.path("cluster.key"), encoding="utf-8") as file:
            return buckets.hash_key(file.read().strip())

    def abandon(self):
        self.clients.abandon()
        self.nodes.abandon()


def watch(prefix, duration_s, directory):
    """Watches for duration_s (None: until interrupted) and returns the verdict."""
    state = states.load_or_fail(prefix)
    check = ExactlyOne(state, directory)
    record = RunRecord(lambda: states.load(prefix))
    record.start()
    try:
        print("watching; interrupt with Ctrl-C" if duration_s is None else f"watching for {duration_s:g} s", flush=True)
        try:
            time.sleep(duration_s if duration_s is not None else 86400)
        except KeyboardInterrupt:
            print()
        return check.finish(record)
    finally:
        record.stop()
        check.abandon()


def parse():
    parser = argparse.ArgumentParser(prog="lab/exactly-one", description=__doc__.split("\n", maxsplit=1)[0],
                                     epilog="Exit code 0: exactly one timely answer each; 1: findings; 2: no proof.")
    parser.add_argument("--prefix", default=topology.DEFAULT_PREFIX, help="name of the lab (default %(default)s)")
    parser.add_argument("--duration", type=float, metavar="S", help="seconds (default: until Ctrl-C)")
    parser.add_argument("--json", metavar="FILE", help="write the verdict with all findings there")
    parser.add_argument("--captures", metavar="DIR", help="keep the captures there")
    return parser.parse_args()


def main():
    arguments = parse()
    signal.signal(signal.SIGINT, interrupted)   # also where it was ignored: a background job of a shell
    signal.signal(signal.SIGTERM, interrupted)
    try:
        require_root()
        with tempfile.TemporaryDirectory() as scratch:
            if arguments.captures:
                os.makedirs(arguments.captures, exist_ok=True)
            verdict = watch(arguments.prefix, arguments.duration, arguments.captures or scratch)
        if arguments.json:
            with open(arguments.json, "w", encoding="utf-8") as file:
                json.dump(verdict.to_json(), file, indent=1)
    except LabError as error:
        tell("exactly-one", error)
        return 2
    except OSError as error:
        print(f"exactly-one: {error}", file=sys.stderr)
        return 2
    print("\n".join(summary(verdict)))
    if verdict.openers == 0:
        tell("exactly-one", LabError("no client sent anything, which proves nothing",
                                     "load beside it, lab/lab probe load"))
        return 2
    return 0 if verdict.ok() else 1
