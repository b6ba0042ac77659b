"""Process 1 of a node: enters the node's namespaces, mounts what a machine of its own has, starts the services, starts
them again when they end (as systemd's Restart=always would), and collects orphans.

Run as a program with the path of a JSON file:
  {"name": "n1", "netns": "relais-n1", "disk": "/run/relais-lab/disk/n1", "log": "/run/…/n1-init.log",
   "services": [{"name": "relaisd", "argv": […], "log": "/run/…/n1-relaisd.log", "respawn_ms": 1000, "stop_ms": 20000}]}
It prints its host-side process number, waits for a line (end of file means that its starter has died: it ends too), and
prints "ready" or "error: …". Talk to it with signals: TERM stops the node in order.
Files in the node's /run/lab, looked at every 50 ms where they matter: SERVICE.down keeps a service from being started,
SERVICE.respawn_ms delays its next start.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID = 0x00020000, 0x04000000, 0x08000000, 0x20000000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 4096, 8192, 16384, 1 << 18
MNT_DETACH = 2
CONTROL_DIRECTORY = "/run/lab"
POLL_S = 0.05
WAKE = {signal.SIGCHLD, signal.SIGTERM}   # blocked, and waited for

libc = ctypes.CDLL(None, use_errno=True)


def check(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, data=None):
    encode = lambda text: None if text is None else text.encode()
    check(libc.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(data)),
          f"mount {kind or source} on {target}")


def enter_namespaces(netns):
    """Joins the network namespace; makes the others new. The next child is process 1 of the new PID namespace."""
    descriptor = os.open(f"/run/netns/{netns}", os.O_RDONLY)
    check(libc.setns(descriptor, CLONE_NEWNET), f"enter network namespace {netns}")
    os.close(descriptor)
    check(libc.unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID), "make new namespaces")


def drop_copies_of_named_namespaces():
    """A copy of another node's /run/netns entry would keep that node's network alive after its death."""
    while libc.umount2(b"/run/netns", MNT_DETACH) == 0:
        pass


def mount_machine(disk):
    """/etc and /var over the host's, on the node's own disk; everything else that a boot finds empty, empty."""
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    drop_copies_of_named_namespaces()
    for directory in ("etc", "var"):
        upper, work = f"{disk}/{directory}/upper", f"{disk}/{directory}/work"
        mount("overlay", f"/{directory}", "overlay", data=f"lowerdir=/{directory},upperdir={upper},workdir={work}")
    mount("tmpfs", "/run", "tmpfs", data="mode=755")
    mount("tmpfs", "/dev/shm", "tmpfs", data="mode=1777")
    mount("proc", "/proc", "proc")
    os.mkdir("/run/cgroup")
    mount("/sys/fs/cgroup", "/run/cgroup", flags=MS_BIND | MS_REC)
    mount("sysfs", "/sys", "sysfs")
    mount("/run/cgroup", "/sys/fs/cgroup", flags=MS_MOVE)
    os.rmdir("/run/cgroup")
    mount("bpf", "/sys/fs/bpf", "bpf")
    os.mkdir(CONTROL_DIRECTORY)


class Service:
    """One program that is kept running."""

    def __init__(self, spec):
        self.name = spec["name"]
        self.argv = spec["argv"]
        self.log = open(spec["log"], "ab", buffering=0)   # opened before /run is covered
        self.respawn_s = spec.get("respawn_ms", 1000) / 1000
        self.stop_s = spec.get("stop_ms", 5000) / 1000
        self.pid = None
        self.due = 0.0

    def held_down(self):
        return os.path.exists(f"{CONTROL_DIRECTORY}/{self.name}.down")

    def start(self):
        try:
            process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                       start_new_session=True, preexec_fn=unblock_signals)
            self.pid = process.pid
            process.returncode = 0   # the loop below collects all children; Popen must not wait for this one
        except OSError as error:
            self.note(f"cannot start {self.argv[0]}: {error.strerror}")
            self.due = time.monotonic() + self.respawn_s

    def ended(self, status):
        self.pid = None
        delay_s = self.respawn_s
        try:
            with open(f"{CONTROL_DIRECTORY}/{self.name}.respawn_ms", encoding="utf-8") as file:
                delay_s = int(file.read()) / 1000
        except (FileNotFoundError, ValueError):
            pass
        self.due = time.monotonic() + delay_s
        self.note(f"{self.name} ended with status {os.waitstatus_to_exitcode(status)}, next start in {delay_s:g} s")

    def note(self, text):
        self.log.write(f"[init {time.strftime('%H:%M:%S')}] {text}\n".encode())


def unblock_signals():
    """A child inherits what is blocked, and would never see a TERM."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAKE)


def collect_children(services):
    """Reaps every child, services and orphans alike."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for service in services:
            if service.pid == pid:
                service.ended(status)


def start_due(services):
    """Starts what should run; returns whether something waits for its time."""
    waiting = False
    for service in services:
        if service.pid is None:
            if time.monotonic() >= service.due and not service.held_down():
                service.start()
            waiting = waiting or service.pid is None
    return waiting


def wait_for(condition, timeout_s, services):
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
        collect_children(services)
    return True


def pids_named(name):
    found = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/comm", encoding="utf-8") as file:
                if entry.isdigit() and file.read().strip() == name:
                    found.append(int(entry))
        except (OSError, ValueError):
            continue
    return found


def stop_in_order(services):
    """TERM to each service, the first in the list first; then to a corosync that was left; the rest dies with process
    1."""
    for service in services:
        if service.pid is not None:
            os.kill(service.pid, signal.SIGTERM)
            if not wait_for(lambda: service.pid is None, service.stop_s, services):
                service.note(f"{service.name} did not end within {service.stop_s:g} s of TERM: KILL")
                os.kill(service.pid, signal.SIGKILL)
    for pid in pids_named("corosync"):
        os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not pids_named("corosync"), 5, services)


def serve(services):
    while True:
        collect_children(services)
        waiting = start_due(services)
        info = signal.sigtimedwait(WAKE, POLL_S) if waiting else signal.sigwaitinfo(WAKE)
        if info is not None and info.si_signo == signal.SIGTERM:
            stop_in_order(services)
            return


def be_process_one(spec, order, report):
    """Runs in the child: mounts, tells the starter, serves until told to stop."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WAKE)
    if not os.read(order, 1):
        return 1   # nobody knows of this process
    os.close(order)
    try:
        services = [Service(service) for service in spec["services"]]
        mount_machine(spec["disk"])
        socket.sethostname(spec["name"])
        os.chdir("/")
        os.environ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    except OSError as error:
        os.write(report, f"error: {error.strerror}\n".encode())
        return 1
    os.write(report, b"ready\n")
    os.close(report)
    serve(services)
    return 0


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        spec = json.load(file)
    order, report = os.dup(0), os.dup(1)   # neither is inherited by services
    null = os.open("/dev/null", os.O_RDWR)
    log = os.open(spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, target in ((0, null), (1, log), (2, log)):
        os.dup2(target, descriptor)
    os.setsid()
    try:
        enter_namespaces(spec["netns"])
    except OSError as error:
        os.write(report, f"error: {error.strerror}\n".encode())
        return 1
    child = os.fork()
    if child == 0:
        os._exit(be_process_one(spec, order, report))
    os.write(report, f"{child}\n".encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
