"""A child that says a line for each thing it has done, and is killed in the middle of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest


def told_until_killed(code: str, folder: Path, lines: int) -> list[bytes]:
    """What *code*, run with *folder* as its argument, had said when it was killed: *lines* lines or more."""
    child = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    told = b""
    while told.count(b"\n") < lines:
        told += os.read(child.stdout.fileno(), 4096) or pytest.fail("the child ended")
    child.send_signal(signal.SIGKILL)
    told += child.stdout.read()
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    return told.split(b"\n")[:-1]
