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


class Garbage(Scenario):
    name = "garbage"

    def daemons(self):
        return {node: [process.pid for process in nodes.processes(self.cluster.state, node, "relaisd")]
                for node in self.cluster.running()}

    def test_garbage_in_ring_messages_changes_nothing(self):
        before, owners = self.daemons(), self.cluster.owners("n1", 0)
        run = self.load(rate=100, long_lived=16)
        time.sleep(1)
        for seed in range(3):
            self.cluster.execute("n2", ["/usr/bin/env", "python3", os.path.join(HERE, "ring_garbage.py"), GROUP, "300",
                                        str(seed)])
        time.sleep(1)
        report = run.finish()
        self.assert_no_harm(report)
        self.assertEqual(self.daemons(), before, "a relaisd died")
        self.assertEqual(self.cluster.owners("n1", 0), owners)
        self.cluster.wait_settled()

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
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(2)
    connection.connect(path)
    try:
        connection.sendall(data)
    except OSError:
        pass   # refused half-way: its right
    return connection


class SickNodeScenario(Scenario):
    """relaisd of one node is held down, started by hand in bad surroundings, and released again. Clients of the other
    two must notice nothing of it."""

    timeout_s = 150

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


class BadSurroundings(SickNodeScenario):
    name = "bad_surroundings"
    timeout_s = 240

    def setUp(self):
        super().setUp()
        self.hold()
        self.addCleanup(self.release)

    def sh(self, script):
        return self.cluster.execute(SICK, ["sh", "-ec", script])

    def test_a_missing_interface_is_named(self):
        self.sh("sed 's/interface = \"eth0\"/interface = \"eth9\"/' /etc/relais/relais.toml > /etc/relais/eth9.toml")
        _, output = self.run_sick(config="/etc/relais/eth9.toml")
        self.assertIn("eth9", output)

    def test_an_absent_corosync_is_named(self):
        self.sh("for p in $(pidof corosync); do kill -9 $p; done; mount --bind /dev/null /usr/sbin/corosync")
        try:
            _, output = self.run_sick()
        finally:
            self.sh("umount /usr/sbin/corosync")
        self.assertIn("corosync", output)

    def test_without_bpf_relaisd_says_so_and_answers_nobody(self):
        dropped = "-sys_admin,-bpf,-perfmon"
        _, output = self.run_sick(wrapper=("setpriv", f"--bounding-set={dropped}", f"--inh-caps={dropped}"))
        self.assertRegex(output.lower(), "bpf|cap_|permi")

    def test_not_root_is_said(self):
        process = self.start_by_hand(wrapper=("setpriv", "--reuid=65534", "--clear-groups"),
                                     config="/etc/relais/relais.toml")
        output, _ = process.communicate(timeout=20)
        self.assertNotEqual(process.returncode, 0)
        self.assert_no_crash(process)
        self.assertRegex(output.lower(), "root|permission|cluster.key")

    def test_no_daemon_is_said_by_the_cli(self):
        code, output, errors = self.cluster.relais(SICK, "status")
        self.assertNotEqual(code, 0)
        self.assertEqual(output, "")
        self.assertIn("relaisd", errors)


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
