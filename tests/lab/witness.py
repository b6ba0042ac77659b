"""A witness of the machine itself: when did its processors stand still, and for how long?

One process per processor, bound to it, at Corosync's own real-time priority and with its memory locked as Corosync's
is, sleeps a few milliseconds at a time. A wake-up that comes late is a pause. If the kernel had woken it up and other
programs held the processor, then it stood in the processor's queue, and the kernel counts that time (schedstat): it is
not the machine's, and is taken off. What is left on all processors at the same time, no program can have done; nor what
the kernel counts as stolen: time for which the host did not run this processor of the virtual machine.
"""

import ctypes
import gc
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass

STEP_S = 0.005
NOTICE_S = 0.020   # a shorter delay is nothing to any preset
READY_S = 10
MCL_CURRENT, MCL_FUTURE = 1, 2


@dataclass(frozen=True)
class Pause:
    """A late wake-up on one processor, in seconds of the monotonic clock: due, woken up, and how long in the queue."""

    cpu: int
    due: float
    woke: float
    queued_s: float
    stolen_s: float = 0.0

    def end_of_stillness(self):
        """A sleeper is queued when it is woken up, so the queue comes last."""
        return self.woke - self.queued_s

    def __str__(self):
        return (f"{time_of_day(self.due)}: processor {self.cpu} late by {1000 * (self.woke - self.due):.0f} ms, "
                f"of which behind other programs {1000 * self.queued_s:.0f} ms, stolen by the host "
                f"{1000 * self.stolen_s:.0f} ms")


@dataclass(frozen=True)
class Standstill:
    """Nothing ran, on any processor or on one of them."""

    begin: float
    end: float
    what: str = "the machine stood still"

    def length_s(self):
        return self.end - self.begin

    def __str__(self):
        return f"{self.what} for {1000 * self.length_s():.0f} ms at {time_of_day(self.begin)}"


def standstills(pauses, cpus):
    """When all of these processors paused at the same time, in order of time."""
    common = None
    for cpu in cpus:
        own = [(pause.due, pause.end_of_stillness()) for pause in pauses if pause.cpu == cpu]
        common = own if common is None else [(max(one[0], other[0]), min(one[1], other[1]))
                                             for one in common for other in own]
        common = [(begin, end) for begin, end in common if begin < end]
    return [Standstill(begin, end) for begin, end in sorted(common or [])]


def thefts(pauses):
    """When the host took a single processor away."""
    return [Standstill(pause.end_of_stillness() - pause.stolen_s, pause.end_of_stillness(),
                       f"the host did not run processor {pause.cpu}") for pause in pauses if pause.stolen_s > 0]


def time_of_day(monotonic):
    """A moment of the monotonic clock as logs print it."""
    wall = time.time() - time.monotonic() + monotonic
    return time.strftime("%H:%M:%S", time.localtime(wall)) + f".{int(wall % 1 * 1000):03d}"


class QueueTime:
    """How long this process has stood in processors' queues. A kernel that does not count proves nothing: then all of
    a delay counts as spent there."""

    def __init__(self):
        self.descriptor = os.open("/proc/self/schedstat", os.O_RDONLY | os.O_CLOEXEC)
        self.counts = "no" if self.fields() == [0, 0, 0] else "yes"

    def fields(self):
        return [int(word) for word in os.pread(self.descriptor, 100, 0).split()]

    def seconds(self):
        return self.fields()[1] / 1e9 if self.counts == "yes" else time.monotonic()


class StolenTime:
    """How long the host has not run a processor that had work, as the kernel counts it (proc(5), /proc/stat: steal)."""

    STEAL = 8   # the line's fields: its name, user, nice, system, idle, iowait, irq, softirq, steal

    def __init__(self, cpu):
        self.name = f"cpu{cpu}".encode()
        self.descriptor = os.open("/proc/stat", os.O_RDONLY | os.O_CLOEXEC)
        self.tick_s = 1 / os.sysconf("SC_CLK_TCK")

    def seconds(self):
        for line in os.pread(self.descriptor, 65536, 0).splitlines():
            fields = line.split()
            if fields[0] == self.name and len(fields) > self.STEAL:
                return int(fields[self.STEAL]) * self.tick_s
        return 0.0


def take_place(cpu):
    """Binds this process to a processor and puts it beside Corosync; returns what was refused."""
    refused = []
    os.sched_setaffinity(0, {cpu})
    try:
        highest = os.sched_param(os.sched_get_priority_max(os.SCHED_FIFO))
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, highest)
    except OSError as error:
        refused.append(f"no real-time priority ({error.strerror}): it sees fewer pauses, as the time behind other "
                       "programs is taken off")
    if ctypes.CDLL(None, use_errno=True).mlockall(MCL_CURRENT | MCL_FUTURE) != 0:
        refused.append(f"memory not locked ({os.strerror(ctypes.get_errno())}): a pause may be that of a page")
    return refused


def attend(cpu, pipe, parent):
    """A witness's life: sends what was refused, then each pause, until its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)   # Ctrl-C is the parent's to judge
    gc.disable()
    queue = QueueTime()
    refused = take_place(cpu)
    if queue.counts == "no":
        refused.append("this kernel does not count the time in the queue: no pause excuses anything")
    pipe.send(refused)
    stolen = StolenTime(cpu)
    last, last_queued, last_stolen = time.monotonic(), queue.seconds(), stolen.seconds()
    while os.getppid() == parent:
        time.sleep(STEP_S)
        now, queued = time.monotonic(), queue.seconds()
        due = last + STEP_S
        if now - due >= NOTICE_S:
            taken = stolen.seconds()
            pipe.send(Pause(cpu, due, now, min(queued - last_queued, now - due), min(taken - last_stolen, now - due)))
            now, queued = time.monotonic(), queue.seconds()   # what sending took is nobody's pause
        last, last_queued, last_stolen = now, queued, stolen.seconds()


class Witness:
    """The witnesses of all processors, for the length of a `with`."""

    def __init__(self):
        self.cpus = sorted(os.sched_getaffinity(0))
        self.seen = []
        self.refused = []
        self.processes = []
        self.pipes = []

    def __enter__(self):
        try:
            for cpu in self.cpus:
                self.start(cpu)
            for pipe in self.pipes:
                if not pipe.poll(READY_S):
                    raise RuntimeError(f"a witness did not start within {READY_S} s")
                self.refused += [reason for reason in pipe.recv() if reason not in self.refused]
        except BaseException:
            self.__exit__()
            raise
        return self

    def start(self, cpu):
        pipe, child = multiprocessing.Pipe(duplex=False)
        self.pipes.append(pipe)
        process = multiprocessing.Process(target=attend, args=(cpu, child, os.getpid()), daemon=True)
        process.start()
        child.close()
        self.processes.append(process)

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.join()
        for pipe in self.pipes:
            pipe.close()

    def pauses(self):
        """All pauses so far, in order of time."""
        for cpu, pipe in zip(self.cpus, self.pipes):
            try:
                while pipe.poll():
                    self.seen.append(pipe.recv())
            except EOFError as error:
                raise RuntimeError(f"the witness of processor {cpu} has died") from error
        return sorted(self.seen, key=lambda pause: pause.due)
