"""Schoolgate's own commands as processes: started, waited for until they are ready, ended by signal."""

import contextlib
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "deploy.cli"]
FIRST_PORT, PORTS, AT_ONCE = 10_000, 5_500, 4
"""The ports that tests take by number, and how many of them each of so many processes has."""


def unmeasured():
    """The environment for a process that can write no files: coverage would fail in it, and say so."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def schoolgate(*arguments, timeout=60):
    """Run a command to its end."""
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=timeout, check=False)


@contextlib.contextmanager
def started(*arguments, folder: Path, seconds=60.0, log=None):
    """Start a process that tells systemd when it is ready, and yield it then; it is ended on the way out."""
    address = folder / f"notify-{os.urandom(4).hex()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(address))
        environment = {**os.environ, "NOTIFY_SOCKET": str(address)}
        with (
            open(log or os.devnull, "ab") as output,  # noqa: PTH123 - devnull is no path of ours
            subprocess.Popen([*COMMAND, *arguments], env=environment, stdout=output, stderr=output) as process,
        ):
            try:
                wait_until_ready(listener, process, seconds)
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                try:
                    process.wait(timeout=60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise


def wait_until_ready(listener, process, seconds):
    """Return once *process* says READY=1 to *listener*, systemd's way."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the process ended with {process.returncode} before it was ready")
        if select.select([listener], [], [], 0.2)[0] and b"READY=1" in listener.recv(4096):
            return
    raise AssertionError(f"not ready within {seconds} s")


def free_ports(count):
    """*count* ports in a row of 127.0.0.1, free for UDP and TCP a moment ago.

    They lie below the range from which the kernel gives ports to outgoing connections (ip_local_port_range), and each
    process with tests has a part of its own, so that nothing else takes one before it is bound.
    """
    begin = FIRST_PORT + PORTS * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % AT_ONCE)
    while True:
        first = random.randrange(begin, begin + PORTS - count)
        with contextlib.ExitStack() as held, contextlib.suppress(OSError):
            for port in range(first, first + count):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    held.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            return list(range(first, first + count))


def children_of(parent):
    """(pid, command line) of each process that *parent* started and that is still there."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(after_name[1]) == parent:
                    found[int(entry.name)] = (entry / "cmdline").read_text().split("\0")
    return found


def until(condition, seconds=30):
    """Return once *condition* holds; it is asked again and again, and has that long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
