#!/usr/bin/env python3
"""Three nodes with real Corosync in namespaces, each with ring_daemon: what relaisd sees when things die.

    ring_test.py RING_DAEMON

Needs root and corosync; exits with 77 ("skipped") and says why if something is missing. Each node has a network, mount
and pid namespace of its own, so everything in it ends with its first process. Names begin with rlsco-.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

TOKEN_MS = 200
PREFIX = "rlsco-"
SWITCHES = (PREFIX + "sw0", PREFIX + "sw1")
NETWORKS = ("192.0.2", "198.51.100")
DAEMON = ""


def now_ms():
    return time.clock_gettime(time.CLOCK_BOOTTIME) * 1000


def run(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done


def read_text(path):
    return pathlib.Path(path).read_text(encoding="utf-8")


def children_of(process):
    return [int(child) for child in read_text(f"/proc/{process}/task/{process}/children").split()]


def missing():
    if os.geteuid() != 0:
        return "not root"
    for program in ("corosync", "ip", "unshare", "nsenter"):
        if shutil.which(program) is None:
            return f"no {program}"
    name = PREFIX + "try"
    if run("ip", "netns", "add", name, check=False).returncode != 0:
        return "network namespaces are not permitted"
    run("ip", "netns", "del", name, check=False)
    return None


class Node:
    """The namespaces of one machine: a holder process keeps them, the daemon comes and goes in them."""

    def __init__(self, number, nodes, directory):
        self.number = number
        self.name = f"{PREFIX}n{number}"
        self.nodes = nodes
        self.directory = directory
        self.lines = []
        self.daemon = None
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        for link, switch in enumerate(SWITCHES):
            port = f"n{number}l{link}"
            run("ip", "link", "add", port, "netns", switch, "type", "veth", "peer", "name", f"heart{link}",
                "netns", self.name)
            run("ip", "-n", switch, "link", "set", port, "master", "bridge", "up")
            run("ip", "-n", self.name, "addr", "add", f"{NETWORKS[link]}.{number}/24", "dev", f"heart{link}")
            run("ip", "-n", self.name, "link", "set", f"heart{link}", "up")
        own = ("/run", "/var/lib/corosync", "/etc/corosync", "/dev/shm")
        mounts = "; ".join(f"mount -t tmpfs tmpfs {directory}" for directory in own)
        # The first process of the pid namespace: when it is killed, the kernel kills all others in it.
        self.holder = subprocess.Popen(
            ["ip", "netns", "exec", self.name, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "--propagation", "private", "sh", "-c", f"{mounts}; echo ready; exec sleep 100000"],
            stdout=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            raise RuntimeError(f"{self.name}: cannot make the namespaces")
        self.holder.stdout.close()
        self.first = children_of(self.holder.pid)[0]

    def inside(self, *command):
        return ["nsenter", "-t", str(self.first), "--mount", "--net", "--pid", *command]

    def start(self):
        """Starts the daemon."""
        command = self.inside(DAEMON, str(self.number), str(TOKEN_MS), str(len(self.nodes)), self.directory)
        self.daemon = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, args=(self.daemon,), daemon=True).start()

    def read(self, daemon):
        with daemon.stdout:
            for text in daemon.stdout:
                self.lines.append(json.loads(text))

    def daemon_process(self):
        """The daemon's process id outside (nsenter forks for --pid)."""
        return children_of(self.daemon.pid)[0]

    def corosync_process(self):
        """Corosync's process id outside."""
        ours = os.readlink(f"/proc/{self.first}/ns/pid")
        for name in os.listdir("/proc"):
            try:
                if (name.isdigit() and read_text(f"/proc/{name}/comm") == "corosync\n"
                        and os.readlink(f"/proc/{name}/ns/pid") == ours):
                    return int(name)
            except OSError:
                pass   # it has just ended
        raise RuntimeError(f"{self.name}: no corosync")

    def tell(self, command):
        self.daemon.stdin.write(command + "\n")
        self.daemon.stdin.flush()

    def status(self):
        since = now_ms() - 1
        self.tell("status")
        return self.wait("status", since)

    def wait(self, kind, since, limit_s=15.0, **wanted):
        """The first line of a kind after a time, with the fields wanted."""
        deadline = time.monotonic() + limit_s
        while True:
            for line in list(self.lines):
                matches = all(line.get(key) == value for key, value in wanted.items())
                if line["kind"] == kind and line["at"] >= since - 1 and matches:
                    return line
            if time.monotonic() > deadline:
                raise AssertionError(f"node {self.number}: no {kind} {wanted} in {limit_s} s; last: {self.lines[-6:]}")
            time.sleep(0.01)

    def last_view(self):
        return [line for line in self.lines if line["kind"] == "view"][-1]

    def set_links(self, state):
        for link, switch in enumerate(SWITCHES):
            run("ip", "-n", switch, "link", "set", f"n{self.number}l{link}", state)

    def wait_for_end(self):
        self.daemon.wait(timeout=5)
        self.daemon.stdin.close()

    def remove(self):
        self.holder.kill()   # --kill-child: takes all processes of the namespace along
        self.holder.wait()
        if self.daemon is not None and not self.daemon.stdin.closed:
            self.wait_for_end()
        run("ip", "netns", "del", self.name, check=False)


def remove_leftovers():
    """Also of an earlier run that was killed."""
    for line in run("ip", "netns", "list").stdout.splitlines():
        name = line.split()[0]
        if name.startswith(PREFIX):
            for process in run("ip", "netns", "pids", name).stdout.split():
                try:
                    os.kill(int(process), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            run("ip", "netns", "del", name, check=False)


class Cluster(unittest.TestCase):
    """A cluster of its own for each class of tests."""

    numbers = ()

    @classmethod
    def setUpClass(cls):
        cls.nodes = {}
        cls.addClassCleanup(cls.remove_all)
        remove_leftovers()
        cls.directory = tempfile.mkdtemp(prefix=PREFIX)
        for switch in SWITCHES:
            run("ip", "netns", "add", switch)
            run("ip", "-n", switch, "link", "add", "bridge", "type", "bridge")
            run("ip", "-n", switch, "link", "set", "bridge", "up")
        cls.began = now_ms()
        for number in cls.numbers:
            cls.nodes[number] = Node(number, cls.numbers, cls.directory)
            cls.nodes[number].start()

    @classmethod
    def remove_all(cls):
        for node in cls.nodes.values():
            node.remove()
        remove_leftovers()
        shutil.rmtree(cls.directory, ignore_errors=True)

    def setUp(self):
        self.wait_for_all(self.began)

    def wait_for_all(self, since):
        """Until all nodes show the same quorate view of all."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            views = []
            for node in self.nodes.values():
                shown = [line for line in node.lines if line["kind"] in ("view", "lost") and line["at"] >= self.began]
                views.append(shown[-1] if shown else {"kind": "none"})
            complete = all(view.get("members") == list(self.numbers) and view["quorate"] for view in views)
            if complete and len({view["view"] for view in views}) == 1:
                return
            time.sleep(0.05)
        self.fail(f"no common view: {views}")

    def measure(self, what, milliseconds, limit):
        print(f"  {what}: {milliseconds:.0f} ms (limit {limit})", flush=True)
        self.assertLess(milliseconds, limit, what)


class ThreeNodes(Cluster):
    numbers = (1, 2, 3)

    def test_a_node_is_alone_and_not_quorate_first_and_then_all_share_one_view(self):
        for node in self.nodes.values():
            first = node.wait("view", self.began)
            self.assertEqual(first["joined"], first["members"])
            self.assertEqual((first["quorum"], first["expected"]), (2, 3))
            if first["members"] == [node.number]:
                self.assertFalse(first["quorate"])

    def test_the_timers_that_were_asked_for_are_the_ones_it_runs_with(self):
        time.sleep(2.5)
        status = self.nodes[1].status()
        self.assertEqual((status["token_ms"], status["ping_interval_ms"]), (TOKEN_MS, 200))

    def test_all_nodes_see_the_same_messages_in_the_same_order(self):
        time.sleep(1)
        since = now_ms()
        view = self.nodes[1].last_view()["view"]
        os.kill(self.nodes[3].daemon_process(), signal.SIGTERM)
        lists = [self.nodes[n].wait("messages", since, view=view)["list"].split() for n in self.numbers]
        self.assertGreater(len(lists[0]), 60)
        self.assertEqual(lists[0], lists[1])
        self.assertEqual(lists[0][:len(lists[2])], lists[2])
        self.nodes[3].wait_for_end()
        self.nodes[3].start()

    def test_a_corosync_that_dies_is_lost_at_once_and_started_again(self):
        since = now_ms()
        os.kill(self.nodes[2].corosync_process(), signal.SIGKILL)
        lost = self.nodes[2].wait("lost", since)
        self.measure("RingLost after SIGKILL of corosync", lost["at"] - since, 300)
        for number in (1, 3):
            view = self.nodes[number].wait("view", since, left=["2:node"])
            self.measure(f"node {number} sees it gone", view["at"] - since, 3000)
            self.assertTrue(view["quorate"])
        view = self.nodes[2].wait("view", since, members=[1, 2, 3])
        self.measure("back in the ring", view["at"] - since, 10000)
        self.assertIn(2, self.nodes[1].wait("view", view["at"] - 1000, members=[1, 2, 3])["joined"])

    def test_a_frozen_corosync_stops_nobody_but_itself(self):
        since = now_ms()
        node = self.nodes[3]
        node.status()   # from here on the gap counts
        corosync = node.corosync_process()
        os.kill(corosync, signal.SIGSTOP)
        try:
            for number in (1, 2):
                self.nodes[number].wait("view", since, left=["3:node"])
            time.sleep(8)   # long enough for a send to block in the library
            status = node.status()
            self.measure("longest pause of the frozen node's io_context", status["gap_ms"], 500)
            self.assertTrue(status["connected"])
        finally:
            os.kill(corosync, signal.SIGCONT)
        node.wait("view", now_ms() - 10, members=[1, 2, 3])

    def test_a_daemon_ends_in_bounded_time_while_corosync_is_frozen(self):
        since = now_ms()
        node = self.nodes[3]
        corosync = node.corosync_process()
        os.kill(corosync, signal.SIGSTOP)
        try:
            time.sleep(8)
            os.kill(node.daemon_process(), signal.SIGTERM)
            self.measure("waited for the thread", node.wait("ended", since)["waited_ms"], 1500)
            node.wait_for_end()
        finally:
            os.kill(corosync, signal.SIGCONT)
        node.start()

    def test_a_daemon_that_dies_leaves_its_corosync_and_finds_it_again(self):
        since = now_ms()
        node = self.nodes[1]
        corosync = node.corosync_process()
        os.kill(node.daemon_process(), signal.SIGKILL)
        for number in (2, 3):
            view = self.nodes[number].wait("view", since, left=["1:daemon"])
            self.measure(f"node {number} sees the daemon gone", view["at"] - since, 500)
        node.wait_for_end()
        since = now_ms()
        node.start()
        first = node.wait("view", since)
        self.assertEqual((first["members"], first["joined"], first["left"]), ([1, 2, 3], [1, 2, 3], []))
        self.assertEqual(self.nodes[2].wait("view", since, members=[1, 2, 3])["joined"], [1])
        self.assertEqual(node.corosync_process(), corosync)
        self.assertTrue(node.status()["adopted"])

    def test_a_node_that_is_cut_off_is_not_quorate_and_comes_back(self):
        since = now_ms()
        node = self.nodes[1]
        node.set_links("down")
        try:
            alone = node.wait("view", since, members=[1])
            self.assertFalse(alone["quorate"])
            for number in (2, 3):
                self.assertTrue(self.nodes[number].wait("view", since, left=["1:node"])["quorate"])
        finally:
            since = now_ms()
            node.set_links("up")
        self.assertEqual(node.wait("view", since, members=[1, 2, 3])["joined"], [2, 3])
        for number in (2, 3):
            self.assertEqual(self.nodes[number].wait("view", since, members=[1, 2, 3])["joined"], [1])
        for line in node.lines:
            if line["kind"] == "view" and line["members"] == [1]:
                self.assertFalse(line["quorate"], "alone and quorate")
        back = now_ms()
        time.sleep(2)   # what hears one of the others earlier than another falls out again a second later
        for number in self.numbers:
            changes = [line for line in self.nodes[number].lines if line["kind"] == "view" and line["at"] > back]
            self.assertEqual(changes, [], f"node {number}: the ring did not stay")

    def test_an_ordered_stop_ends_corosync(self):
        since = now_ms()
        node = self.nodes[2]
        node.tell("stop")
        node.wait("corosync-stopped", since)
        node.wait_for_end()
        for number in (1, 3):
            # A Corosync that ends in order takes its daemons out of the group before it leaves the ring.
            view = self.nodes[number].wait("view", since, left=["2:daemon"])
            self.measure(f"node {number} sees it gone", view["at"] - since, 2000)
        node.start()

    def test_garbage_in_the_group_is_reported_with_its_sender_and_does_no_harm(self):
        since = now_ms()
        run(*self.nodes[2].inside(DAEMON, "garbage", "2"))
        for number in self.numbers:
            self.assertEqual(self.nodes[number].wait("message-damaged", since)["node"], 2)
        self.wait_for_all(since)

    def test_following_the_ring_costs_little(self):
        process = self.nodes[1].daemon_process()
        before, began = cpu_seconds(process), time.monotonic()
        time.sleep(5)
        percent = 100 * (cpu_seconds(process) - before) / (time.monotonic() - began)
        print(f"  {percent:.1f} % of a core at 150 messages a second, 50 of them sent", flush=True)
        self.assertLess(percent, 3.0)


class TwoNodes(Cluster):
    numbers = (1, 2)

    def test_the_lowest_stays_quorate_alone_and_the_other_does_not(self):
        for gone, stays, quorate in ((2, 1, True), (1, 2, False)):
            since = now_ms()
            self.nodes[gone].set_links("down")
            view = self.nodes[stays].wait("view", since, members=[stays])
            self.assertEqual(view["quorate"], quorate)
            since = now_ms()
            self.nodes[gone].set_links("up")
            self.nodes[stays].wait("view", since, members=[1, 2])
            self.wait_for_all(since)

    def test_neither_is_quorate_until_they_have_met(self):
        for node in self.nodes.values():
            node.tell("stop")
        for node in self.nodes.values():
            node.wait_for_end()
        since = now_ms()
        for node in self.nodes.values():
            node.set_links("down")
            node.start()
            view = node.wait("view", since)
            self.assertEqual((view["members"], view["quorate"]), ([node.number], False))
        time.sleep(2)
        for node in self.nodes.values():
            self.assertFalse(node.last_view()["quorate"])
        for node in self.nodes.values():
            node.set_links("up")


def cpu_seconds(process):
    fields = read_text(f"/proc/{process}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    reason = missing()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # so that a run that takes too long cleans up
    DAEMON = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
