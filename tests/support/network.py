"""A network of its own: a namespace whose /etc/resolv.conf names 127.0.0.1, for what asks the system's resolver."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
USABLE = os.geteuid() == 0 and all(map(shutil.which, ("unshare", "nsenter", "ip")))
"""Whether we may make one."""

_HOLD = 'ip link set lo up && mount --bind "$0" /etc/resolv.conf && echo ready && exec cat'


class Network:
    """`with Network(folder) as network:`; what it started ends with it."""

    def __init__(self, folder: Path) -> None:
        self._conf = folder / "resolv.conf"
        self._conf.write_text("nameserver 127.0.0.1\noptions timeout:5 attempts:1\n")
        self._opened = contextlib.ExitStack()

    def __enter__(self) -> Self:
        holder = self._process("unshare", "--net", "--mount", "sh", "-c", _HOLD, str(self._conf))
        assert holder.stdout.readline() == "ready\n"
        self._inside = ("nsenter", "--net", "--mount", f"--wd={ROOT}", "--target", str(holder.pid))
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def run(self, *command: str) -> str:
        """What *command* prints inside; it must end well."""
        done = self._done(command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def succeeds(self, *command: str) -> bool:
        """Whether *command* ends well inside."""
        return self._done(command).returncode == 0

    def _done(self, command: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        inside = [*self._inside, *command]
        return subprocess.run(inside, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `python ARGUMENTS` inside."""
        return self._process(*self._inside, sys.executable, *arguments)

    def _process(self, *command: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        self._opened.callback(_end, process)
        return process


def _end(process: subprocess.Popen[str]) -> None:
    with process:
        process.terminate()
