"""Processes by identity, so that the lab kills only its own.

A process is known by its number and its start time: a recycled number is never mistaken for it. Signals go through a
pidfd that is opened before the identity is checked.
"""

import os
import signal
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Process:
    pid: int
    start: int   # field 22 of /proc/PID/stat: clock ticks after boot

    @staticmethod
    def of(pid):
        """The process that has this number now, or None."""
        start = start_time(pid)
        return None if start is None else Process(pid, start)

    def alive(self):
        return start_time(self.pid) == self.start

    def send(self, number):
        """Sends a signal; False if the process is gone."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return False
        try:
            if not self.alive():
                return False
            signal.pidfd_send_signal(descriptor, number)
            return True
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)

    def wait_gone(self, timeout_s):
        """Waits until the process has ended; False if it still lives."""
        end = time.monotonic() + timeout_s
        while self.alive():
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True


def stat_fields(pid):
    """Fields of /proc/PID/stat from the third on (state first), or None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def start_time(pid):
    """Start time, or None if there is no such process or it is a zombie."""
    fields = stat_fields(pid)
    return None if not fields or fields[0] in "ZX" else int(fields[19])


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def all_pids():
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def namespace_of(pid, kind):
    """Identity of a process's namespace ("pid:[4026…]"), or None."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None


def in_same_namespace(pid, kind):
    """All living processes that share a namespace of the given kind with pid; empty if that is also ours."""
    wanted = namespace_of(pid, kind)
    if wanted is None or wanted == namespace_of(os.getpid(), kind):
        return []
    found = [Process.of(other) for other in all_pids() if namespace_of(other, kind) == wanted]
    return [process for process in found if process]
