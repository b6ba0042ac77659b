"""Runs other programs; the one error type of the lab, and how its own programs speak of it and end."""

import os
import subprocess
import sys


class LabError(Exception):
    """Something that the user must know: one sentence, and the way out."""

    def __init__(self, what, way_out=""):
        super().__init__(what)
        self.what = what
        self.way_out = way_out

    def __str__(self):
        return f"{self.what} ({self.way_out})" if self.way_out else self.what


def say(text):
    print(text, flush=True)


def tell(program, error):
    """A program's last words: what was wrong, and the way out."""
    print(f"{program}: {error.what}", file=sys.stderr)
    if error.way_out:
        print(f"{' ' * len(program)}  way out: {error.way_out}", file=sys.stderr)


def interrupted(number, frame):
    """For signal.signal, so that who is terminated cleans up as who is interrupted does."""
    raise KeyboardInterrupt


def run(argv, stdin=None, check=True, timeout_s=60):
    """Runs a program and returns its standard output; LabError with its own words if it fails and check is set."""
    try:
        done = subprocess.run(argv, input=stdin, text=True, capture_output=True, timeout=timeout_s, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed", "make deps") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"'{' '.join(argv)}' did not end within {timeout_s} s") from error
    if check and done.returncode != 0:
        raise LabError(f"'{' '.join(argv)}' failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def ip_batch(lines, netns=None, check=True):
    """Runs lines of `ip` in one process, in a named namespace if given. Without check, later lines run after an
    error."""
    argv = ["ip"] + (["-n", netns] if netns else []) + ([] if check else ["-force"]) + ["-batch", "-"]
    run(argv, stdin="\n".join(lines) + "\n", check=check)


def in_netns(netns, argv):
    """The command line that runs argv in a named network namespace and nothing else of it.

    Not `ip netns exec`: that mounts a new /sys, which hides the BPF file system.
    """
    return ["nsenter", f"--net=/run/netns/{netns}", "--", *argv]


def sysctl_in(netns, values):
    """Sets network sysctls of a namespace; values is {"net.ipv4.ip_forward": 1, …}."""
    script = "".join(f"echo {value} > /proc/sys/{key.replace('.', '/')}\n" for key, value in values.items())
    run(in_netns(netns, ["sh", "-ec", script]))


def netns_exists(netns):
    return os.path.exists(f"/run/netns/{netns}")
