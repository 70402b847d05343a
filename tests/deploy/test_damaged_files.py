"""A file that is damaged, missing or full meets a sentence that names it and exit code 1, never a traceback."""

import resource
import shutil
import subprocess

import pytest

from deploy import config, setup
from tests.support.commands import COMMAND, free_ports, schoolgate


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A school as init makes it, on free ports."""
    folder = tmp_path_factory.mktemp("whole") / "school"
    setup.init(folder, "Test School")
    machine = folder / config.NAME
    text = machine.read_text()
    used = ("127.0.0.1:5300", "127.0.0.1:5301", "127.0.0.1:8080", "127.0.0.1:8600", "9160", "9180", "9155")
    for old, port in zip(used, free_ports(len(used)), strict=True):
        text = text.replace(old, f"127.0.0.1:{port}" if ":" in old else str(port))
    machine.write_text(text)
    return folder


@pytest.fixture
def school(whole, tmp_path):
    """A copy of it to damage."""
    return shutil.copytree(whole, tmp_path / "school", symlinks=True)


def refused(school, *arguments):
    """What the command says when it is refused."""
    ran = schoolgate(*arguments, "--config", str(school / config.NAME))
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr, ran.stderr
    return ran.stderr


@pytest.mark.parametrize("process", ["dns", "worker"])
def test_a_full_disk_names_the_folder_of_the_journals(school, process):
    """A limit of 16 bytes a file fails the first write of the journal, as a full disk does."""
    ran = subprocess.run(
        [*COMMAND, process, "--config", str(school / config.NAME)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16, resource.RLIM_INFINITY)),
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(f"{school / 'spool'}: ")
    assert "Traceback" not in ran.stderr
