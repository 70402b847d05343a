"""The files for a real gateway: systemd's own checks, and nft's."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICES = sorted((DEPLOY / "systemd").glob("*.service"))
NFT = shutil.which("nft", path=os.environ["PATH"] + ":/usr/sbin:/sbin")

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
needs_nft = pytest.mark.skipif(not NFT or os.geteuid() != 0, reason="nft checks rules as root only")


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


@needs_nft
def test_nft_accepts_the_firewall():
    checked = run(NFT, "-c", "-f", str(DEPLOY / "nftables" / "schoolgate.nft"))
    assert (checked.returncode, checked.stderr) == (0, "")


@needs_nft
def test_clients_reach_dns_and_the_proxy_and_nothing_else(tmp_path):
    """Two network namespaces, one as a client's, one as the gateway with these rules: real packets decide."""
    rules = (DEPLOY / "nftables" / "schoolgate.nft").read_text()
    (tmp_path / "rules.nft").write_text(rules.replace("10.20.0.0/16", "10.254.20.0/24"))
    client, gateway = f"sg-c{os.getpid()}", f"sg-g{os.getpid()}"
    try:
        for name in (client, gateway):
            subprocess.run(["ip", "netns", "add", name], check=True)
        _wire(client, gateway)
        subprocess.run(["ip", "netns", "exec", gateway, NFT, "-f", str(tmp_path / "rules.nft")], check=True)
        ports = {"dns": 5300, "proxy": 8080, "staff": 8600, "metrics": 9160, "other": 4000}
        with subprocess.Popen(
            ["ip", "netns", "exec", gateway, sys.executable, "-c", LISTEN, *map(str, ports.values())],
            stdout=subprocess.PIPE,
        ) as listening:
            assert listening.stdout.readline() == b"ready\n"
            reached = {name for name, port in ports.items() if _reaches(client, port)}
            assert _reaches(client, 53), "port 53 is led to our DNS"
            listening.terminate()
        assert reached == {"dns", "proxy"}
    finally:
        for name in (client, gateway):
            subprocess.run(["ip", "netns", "del", name], check=False)


LISTEN = """
import socket, sys, signal
keep = []
for port in sys.argv[1:]:
    s = socket.create_server(("10.254.20.1", int(port)))
    keep.append(s)
print("ready", flush=True)
signal.pause()
"""

CONNECT = """
import socket, sys
try:
    socket.create_connection(("10.254.20.1", int(sys.argv[1])), timeout=3).close()
except OSError:
    sys.exit(1)
"""


def _wire(client, gateway):
    for line in (
        f"ip link add lan0 netns {gateway} type veth peer name eth0 netns {client}",
        f"ip -n {gateway} addr add 10.254.20.1/24 dev lan0",
        f"ip -n {client} addr add 10.254.20.7/24 dev eth0",
        f"ip -n {gateway} link set lan0 up",
        f"ip -n {client} link set eth0 up",
        f"ip -n {gateway} link set lo up",
    ):
        subprocess.run(line.split(), check=True)


def _reaches(client, port):
    return run("ip", "netns", "exec", client, sys.executable, "-c", CONNECT, str(port)).returncode == 0
