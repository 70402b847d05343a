import os
import signal
import subprocess
import sys

import pytest

from deploy import setup, state_lock
from deploy.config import load
from tests.support.commands import COMMAND, schoolgate, unmeasured

INTERRUPTED_WHILE_IT_LOADS = """
import runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == "rich_click":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
runpy.run_module("deploy.cli", run_name="__main__")
"""


def test_ctrl_c_while_the_program_loads_ends_it_without_a_traceback():
    command = [sys.executable, "-c", INTERRUPTED_WHILE_IT_LOADS]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=unmeasured())
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")


def test_ctrl_c_while_a_command_waits_ends_it_without_a_traceback(tmp_path):
    file = setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder / "schoolgate.toml"
    command = [*COMMAND, "policy", "apply", "--config", os.fspath(file)]
    with (
        state_lock.held(load(file).files),
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as waiting,
    ):
        assert "waiting" in waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        assert (waiting.stderr.read(), waiting.wait(timeout=30)) == ("", 130)


@pytest.mark.parametrize("name", ["gamblin", "illegal"])
def test_accepting_a_list_that_is_none_is_refused_with_the_names(tmp_path, name):
    file = setup.init(tmp_path / "school", "Test School", shown_by="A. Okafor").folder / "schoolgate.toml"
    ran = schoolgate("lists", "compile", "--accept", name, "--config", os.fspath(file))
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"--accept: there is no list {name!r}; the lists are adverts, ")
