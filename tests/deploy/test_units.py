"""The files for a real gateway: systemd's own checks, and each unit's command as its user."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICES = sorted((DEPLOY / "systemd").glob("*.service"))

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


@pytest.fixture
def units(tmp_path):
    """The units as they would be installed, but with this checkout's command, as verify looks for the program."""
    command = Path(sys.executable).with_name("schoolgate")
    for unit in [*SERVICES, DEPLOY / "systemd" / "schoolgate.target"]:
        name = unit.name.replace("@", "@0")
        text = unit.read_text().replace("/opt/schoolgate/.venv/bin/schoolgate", str(command))
        (tmp_path / name).write_text(text)
    return tmp_path


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
def test_systemd_finds_nothing_wrong_with_the_units(units):
    checked = run("systemd-analyze", "verify", *map(str, units.iterdir()))
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@needs_systemd
def test_each_service_is_hardened(units):
    for service in units.glob("*.service"):
        checked = run("systemd-analyze", "security", "--offline=yes", "--threshold=15", str(service))
        assert checked.returncode == 0, checked.stdout


def test_no_two_processes_share_a_user_and_none_is_root():
    users = [line for unit in SERVICES for line in unit.read_text().splitlines() if line.startswith("User=")]
    assert len(users) == len(set(users)) == len(SERVICES)
    assert "User=root" not in users


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_systemd_never_gives_a_process_up(unit):
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str
    parsed.read(unit)
    assert parsed["Service"]["Restart"] == "always"
    assert parsed["Unit"]["StartLimitIntervalSec"] == "0"
