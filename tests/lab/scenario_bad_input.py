"""Garbage and bad surroundings: a clear message, no crash, nothing wrong served."""

import os
import random
import signal
import socket
import subprocess
import time

from relaislab import faults, node as nodes
from relaislab.api import SOCKET_IN_NODE

from harness import Scenario, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
GROUP = "relais"
SICK = "n3"   # the node that is treated badly


class SickNodeScenario(Scenario):
    """relaisd of one node is held down, started by hand in bad surroundings, and released again. Clients of the other
    two must notice nothing of it."""

    timeout_s = 150

    def daemons(self):
        return {node: [process.pid for process in nodes.processes(self.cluster.state, node, "relaisd")]
                for node in self.cluster.running()}

    def hold(self):
        faults.hold_down(self.cluster.state, SICK, "relaisd")
        for process in nodes.processes(self.cluster.state, SICK, "relaisd"):
            process.send(signal.SIGTERM)
            self.assertTrue(process.wait_gone(30), "relaisd ignores SIGTERM")
        wait_until(lambda: self.cluster.shares("n1")[SICK] == 0, 15, f"{SICK} keeps its share")

    def release(self):
        faults.release(self.cluster.state, SICK, "relaisd")
        self.cluster.wait_settled()

    def start_by_hand(self, *words, wrapper=(), config="/etc/relais/relais.toml"):
        """relaisd in the sick node, as a child of this test: the process, its output on a pipe."""
        argv = [*wrapper, nodes.program(self.cluster.plan, "relaisd"), "--config", config, "--node", SICK, *words]
        return subprocess.Popen(nodes.exec_argv(self.cluster.state, SICK, argv), text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, env=nodes.exec_environment(self.cluster.plan))

    def end(self, process):
        """Ends a hand-started relaisd: (exit code or None if it had to be told, its output)."""
        code = process.poll()
        for inside in nodes.processes(self.cluster.state, SICK, "relaisd"):
            inside.send(signal.SIGTERM)
        output, _ = process.communicate(timeout=40)
        print(output)
        return code, output

    def assert_no_crash(self, process):
        self.assertNotIn(process.returncode, (-6, -11, 134, 139), "relaisd crashed")

    def run_sick(self, *words, seconds=4.0, **settings):
        """Starts relaisd in bad surroundings under load, and checks that the sick node answers nobody."""
        run = self.load(rate=100)
        process = self.start_by_hand(*words, **settings)
        try:
            time.sleep(seconds)
        finally:
            code, output = self.end(process)
        report = run.finish()
        self.assert_no_crash(process)
        self.assert_no_harm(report)
        self.assertEqual(report.total["answers"].get(SICK, 0), 0, f"{SICK} answers although it cannot serve")
        return code, output


class Garbage(SickNodeScenario):
    name = "garbage"
    timeout_s = 180

    def send_into_ring(self, node):
        for seed in range(3):
            self.cluster.execute(node, ["/usr/bin/env", "python3", os.path.join(HERE, "ring_garbage.py"), GROUP, "300",
                                        str(seed)])

    def assert_garbage_is_reported(self):
        self.assertIn("message-damaged", {event["kind"] for event in self.cluster.events("n1")})

    def test_garbage_from_a_node_without_relaisd_changes_nothing(self):
        self.hold()
        before, owners = self.daemons(), self.cluster.owners("n1", 0)
        run = self.load(rate=100, long_lived=16)
        time.sleep(1)
        self.send_into_ring(SICK)
        time.sleep(1)
        report = run.finish()
        self.assert_no_harm(report)
        self.assertEqual(self.daemons(), before, "a relaisd died")
        self.assertEqual(self.cluster.owners("n1", 0), owners)
        self.assert_garbage_is_reported()
        self.release()

    # A second program of that node in the group, which only root can bring in. The node may have to join again.
    def test_garbage_in_the_name_of_a_serving_node_stops_nobody(self):
        before = self.daemons()
        run = self.load(rate=100)
        time.sleep(1)
        self.send_into_ring("n2")
        report = run.finish()
        self.assertEqual((report.total["failed"], report.total["refused"], report.total["reset"]), (0, 0, 0),
                         report.total["troubles"][:5])
        self.assertEqual(self.daemons(), before, "a relaisd died")
        self.assert_garbage_is_reported()
        self.cluster.wait_settled()
        self.assert_one_owner_per_bucket()

    def test_garbage_on_the_control_socket_changes_nothing(self):
        before = self.daemons()
        path = nodes.path_in_node(self.cluster.state, "n1", SOCKET_IN_NODE)
        generator = random.Random(1)
        heads = [b"GET /v1/status HTTP/1.1\r\n", b"POST /v1/drain HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n{",
                 b"POST /v1/drain HTTP/1.1\r\nContent-Length: 9\r\n\r\n{\"node\":1", b"\x16\x03\x01\x02", b"",
                 b"GET " + b"/" * 70000]
        idle = [send_raw(path, b"") for _ in range(20)]
        for index in range(200):
            send_raw(path, generator.choice(heads) + generator.randbytes(generator.choice((0, 3, 500)))).close()
        self.assertEqual(self.cluster.status("n1")["role"], "member")
        for connection in idle:
            connection.close()
        self.assertEqual(self.daemons(), before, "relaisd died")
        self.assertEqual(set(self.cluster.shares("n1").values()) <= {85, 86}, True, "garbage drained a node")


def send_raw(path, data):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)   # blocking: connect waits for room in the backlog
    connection.connect(path)
    connection.settimeout(2)
    try:
        connection.sendall(data)
    except OSError:
        pass   # refused half-way: its right
    return connection


class BadSurroundings(SickNodeScenario):
    """Whatever relaisd lacks, it says what and how to get it, and clients notice nothing."""

    name = "bad_surroundings"
    timeout_s = 240

    def sh(self, script):
        return self.cluster.execute(SICK, ["sh", "-ec", script])

    def hold_until_the_end(self):
        self.hold()
        self.addCleanup(self.release)

    def assert_says(self, output, *words):
        for word in words:
            self.assertIn(word, output)

    def test_a_missing_interface_is_named(self):
        self.hold_until_the_end()
        self.sh("sed 's/interface = \"eth0\"/interface = \"eth9\"/' /etc/relais/relais.toml > /etc/relais/eth9.toml")
        code, output = self.run_sick(config="/etc/relais/eth9.toml", seconds=1)
        self.assertEqual(code, 1)
        self.assert_says(output, "no interface eth9", "ip link")

    def test_another_timing_is_refused_by_name(self):
        self.hold_until_the_end()
        self.sh("sed 's/^preset = .*/preset = \"relaxed\"/' /etc/relais/relais.toml > /etc/relais/other.toml; "
                "! cmp -s /etc/relais/relais.toml /etc/relais/other.toml")
        last = self.cluster.events("n1")[-1]["id"]
        self.run_sick(config="/etc/relais/other.toml", seconds=8)
        refusals = [event for event in self.cluster.events("n1", last) if event["kind"] == "join-refused"]
        self.assertTrue(refusals, "n1 says nothing")
        self.assert_says(refusals[0]["text"], SICK, "timing", "same configuration")

    def test_an_absent_corosync_is_named(self):
        self.hold_until_the_end()
        self.sh("for p in $(pidof corosync); do kill -9 $p; done; mkdir -p /run/sbin/upper /run/sbin/work; "
                "mknod /run/sbin/upper/corosync c 0 0; mount -t overlay -o "
                "lowerdir=/usr/sbin,upperdir=/run/sbin/upper,workdir=/run/sbin/work overlay /usr/sbin")
        try:
            _, output = self.run_sick()
        finally:
            self.sh("umount /usr/sbin; rm -r /run/sbin")
        self.assert_says(output, "cannot start /usr/sbin/corosync: No such file", "apt-get install corosync")

    def test_without_bpf_relaisd_says_so_and_answers_nobody(self):
        self.hold_until_the_end()
        dropped = "-sys_admin,-bpf,-perfmon"
        code, output = self.run_sick(wrapper=("setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"),
                                     seconds=1)
        self.assertEqual(code, 1)
        self.assert_says(output, "cannot load the BPF programs: Operation not permitted", "CAP_BPF")

    def test_not_root_is_said(self):
        self.hold_until_the_end()
        process = self.start_by_hand(wrapper=("setpriv", "--reuid=65534", "--clear-groups"))
        output, _ = process.communicate(timeout=20)
        print(output)
        self.assertEqual(process.returncode, 1)
        self.assert_says(output, "not root", "start relaisd as root")

    def test_no_daemon_is_said_by_the_cli(self):
        self.hold_until_the_end()
        code, output, errors = self.cluster.relais(SICK, "status")
        print(errors)
        self.assertNotEqual(code, 0)
        self.assertEqual(output, "")
        self.assert_says(errors, "relaisd", SOCKET_IN_NODE)

    def test_a_second_relaisd_is_refused_and_disturbs_nobody(self):
        before = self.daemons()
        self.sh("sed '0,/^name/s//control_socket = \"\\/run\\/relais\\/second.sock\"\\nname/' /etc/relais/relais.toml "
                "> /etc/relais/second.toml")
        run = self.load(rate=100, long_lived=16)
        for config in ("/etc/relais/relais.toml", "/etc/relais/second.toml"):
            process = self.start_by_hand(config=config)
            output, _ = process.communicate(timeout=20)
            print(output)
            self.assertEqual(process.returncode, 1)
            self.assert_says(output, "a relaisd runs already on interface eth0", "stop the other relaisd")
            time.sleep(1)
        report = run.finish()
        self.assert_no_harm(report)
        self.assertEqual(self.daemons(), before)


class FrontTakenOff(SickNodeScenario):
    """Somebody takes off the sick node's front interface what relaisd has put there."""

    name = "front_taken_off"

    def kinds(self):
        return [event["kind"] for event in self.cluster.events(SICK)]

    def sh(self, script):
        return self.cluster.execute(SICK, ["/bin/sh", "-ec", script])

    def test_addresses_are_put_back(self):
        self.sh("ip addr del 198.51.100.100/32 dev eth0; ip addr del 2001:db8:1::100/128 dev eth0")
        wait_until(lambda: self.kinds().count("address-put-back") >= 2, 10, "nothing was put back")
        shown = self.sh("ip addr show dev eth0")
        self.assertIn("198.51.100.100/32", shown)
        self.assertIn("2001:db8:1::100/128", shown)

    def test_an_unguarded_node_hands_over_and_is_guarded_again_after_its_restart(self):
        before = self.daemons()[SICK]
        run = self.load(rate=100, long_lived=16)
        time.sleep(1)
        self.sh("tc qdisc del dev eth0 clsact")
        wait_until(lambda: not set(self.daemons()[SICK]) & set(before), 30, "relaisd did not end")
        wait_until(lambda: self.cluster.unsettled_but_leftovers() is None, 30, self.cluster.unsettled_but_leftovers)
        run.phase("guarded")
        time.sleep(3)
        report = run.finish()
        self.cluster.wait_settled()
        guarded = report.phase("guarded")
        self.assertEqual((guarded["failed"], guarded["refused"], guarded["reset"]), (0, 0, 0))
        self.assertGreater(guarded["answers"].get(SICK, 0), 0, f"{SICK} does not serve again")
        self.assertIn("relais_tc", self.sh("tc filter show dev eth0 egress"))
        broken = report.total["long"]["broken_by_node"]
        self.assertEqual({node: count for node, count in broken.items() if node != SICK and count}, {},
                         "connections of other nodes were broken")


class FullDisk(SickNodeScenario):
    name = "full_disk"

    def test_a_full_disk_for_state_is_said_and_serving_goes_on(self):
        self.hold()
        self.cluster.execute(SICK, ["sh", "-ec", "mount -t tmpfs -o size=4k full /var/lib/relais; "
                                                 "head -c 4096 /dev/zero > /var/lib/relais/filler || true"])
        run = self.load(rate=100)
        faults.release(self.cluster.state, SICK, "relaisd")
        wait_until(lambda: self.cluster.shares("n1")[SICK] >= 85, 30, f"{SICK} does not serve with a full disk")
        run.phase("serving")
        time.sleep(2)
        report = run.finish()
        self.assert_no_harm(report)
        self.assertGreater(report.phase("serving")["answers"].get(SICK, 0), 0)
        events = [event for event in self.cluster.events(SICK) if event["severity"] != "info"]
        self.assertTrue(any("relais" in event["text"] and "space" in event["text"].lower() for event in events), events)
        self.hold()
        self.cluster.execute(SICK, ["umount", "/var/lib/relais"])
        self.release()


class CorosyncDies(SickNodeScenario):
    name = "corosync_dies"

    def test_a_corosync_that_crashes_again_and_again_costs_one_takeover_each_and_returns(self):
        run = self.load(rate=200)
        time.sleep(1)
        run.phase("kill")
        for _ in range(3):
            for process in nodes.processes(self.cluster.state, SICK, "corosync"):
                process.send(signal.SIGKILL)
            time.sleep(1.5)
        self.cluster.wait_settled()
        run.phase("back")
        time.sleep(2)
        report = run.finish()
        self.assertEqual((report.total["failed"], report.total["refused"]), (0, 0), report.total["troubles"][:5])
        back = report.phase("back")
        self.assertEqual((back["reset"], back["delayed"]), (0, 0))
        self.assertGreater(back["answers"].get(SICK, 0), 0.2 * 2 * 200)
        self.assertTrue(any("corosync" in event["text"].lower() for event in self.cluster.events(SICK)))
        self.assert_one_owner_per_bucket()
