"""Counts answers on the wire: how many SYN-ACKs, with different sequence numbers, each connection opener got.

Two different ones mean that two nodes answered. Needs tcpdump; reads its pcap files itself.
"""

import os
import re
import signal
import struct
import subprocess
import time

from relaislab.shell import LabError

SYN_ACK = "(tcp[tcpflags] & (tcp-syn|tcp-ack) == (tcp-syn|tcp-ack)) or (ip6[6] == 6 and ip6[53] & 0x12 == 0x12)"


class AnswerCount:
    """Captures in the clients' network namespace between start and finish."""

    def __init__(self, netns, path):
        self.path = path
        # In immediate mode, because the ring buffer's last second would be lost otherwise.
        self.process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{netns}", "--", "tcpdump", "-i", "eth0", "-n", "-U", "-Z", "root",
             "--immediate-mode", "-B", "16384", "-s", "96", "-w", path, SYN_ACK], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if not any("listening on" in line for line in self.process.stderr):
            raise LabError(f"tcpdump does not start in {netns}", "apt-get install tcpdump")

    def finish(self):
        """(number of connections answered, {connection: set of sequence numbers} of those answered more than once).

        LabError if packets are missing in the capture: then it proves nothing.
        """
        self.wait_written()
        self.process.send_signal(signal.SIGINT)
        _, figures = self.process.communicate(timeout=30)
        counts = {what: int(number) for number, what in
                  re.findall(r"^(\d+) packets? (captured|received by filter|dropped by kernel)", figures, re.MULTILINE)}
        if counts["dropped by kernel"] or counts["captured"] != counts["received by filter"]:
            raise LabError(f"tcpdump has lost packets: {counts}", "run the scenario on a calmer machine")
        answers = {}
        for packet in packets_of(self.path):
            found = syn_ack_of(packet)
            if found:
                answers.setdefault(found[:-1], set()).add(found[-1])
        return len(answers), {connection: numbers for connection, numbers in answers.items() if len(numbers) > 1}

    def wait_written(self):
        """Waits until the file has not grown for half a second: the traffic has ended, tcpdump may lag behind."""
        size = -1
        while size != os.path.getsize(self.path):
            size = os.path.getsize(self.path)
            time.sleep(0.5)

    def abandon(self):
        """Ends the capture if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def packets_of(path):
    """The frames of a little-endian pcap file."""
    with open(path, "rb") as file:
        data = file.read()
    offset = 24
    while offset + 16 <= len(data):
        length = struct.unpack_from("<I", data, offset + 8)[0]
        yield data[offset + 16:offset + 16 + length]
        offset += 16 + length


def syn_ack_of(frame):
    """(VIP, its port, client, its port, acknowledged number, own sequence number) of a SYN-ACK, or None.

    The acknowledged number is in the key because a client may use a port again.
    """
    kind = struct.unpack_from("!H", frame, 12)[0]
    if kind == 0x0800:
        header = 14 + (frame[14] & 15) * 4
        addresses = (frame[26:30], frame[30:34])
    elif kind == 0x86DD:
        header = 54
        addresses = (frame[22:38], frame[38:54])
    else:
        return None
    source_port, target_port, sequence, acknowledged = struct.unpack_from("!HHII", frame, header)
    return (addresses[0], source_port, addresses[1], target_port, acknowledged, sequence)
