"""The files for a real gateway: systemd's own checks, and each unit's command as its user."""

import asyncio
import configparser
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from blocklists.index import CURRENT, Index
from deploy.demo.staff import Staff
from dns_filter.ask import ask
from tests.support.commands import free_ports, until
from tests.support.gateway import CLOSED_ADDRESS
from tests.support.installed import PROGRAMS, SEALED_HOST, Installed
from tests.support.list_server import ListServer, Reply, lines

DEPLOY = Path(__file__).parents[2] / "deploy"
ALL = sorted((DEPLOY / "systemd").glob("*.service"))
UPDATE = DEPLOY / "systemd" / "schoolgate-lists.service"
DOH = DEPLOY / "systemd" / "schoolgate-doh.service"
HANDOVER = DEPLOY / "systemd" / "schoolgate-handover.service"
SERVICES = [unit for unit in ALL if unit not in {UPDATE, DOH, HANDOVER}]
"""Those that stay in every school; a key is made once, an update ends, and few ask a resolver over HTTPS."""
REFUSED = [("dns", ""), ("dns", "gambling.test"), ("proxy", "gambling.test")]
"""What is asked for below, as (source, host); a sealed host is not kept."""

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")

needs_users = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, PROGRAMS)),
    reason=f"only root can run a unit as its user; it takes {', '.join(PROGRAMS)}",
)


@pytest.fixture
def units(tmp_path):
    """The units as they would be installed, but with this checkout's command, as verify looks for the program."""
    command = Path(sys.executable).with_name("schoolgate")
    for unit in [*ALL, *(DEPLOY / "systemd").glob("*.timer"), DEPLOY / "systemd" / "schoolgate.target"]:
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
    users = [line for unit in ALL for line in unit.read_text().splitlines() if line.startswith("User=")]
    assert len(users) == len(set(users)) == len(ALL)
    assert "User=root" not in users


@pytest.mark.parametrize("unit", [*SERVICES, DOH], ids=lambda unit: unit.name)
def test_systemd_never_gives_a_process_up(unit):
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str
    parsed.read(unit)
    assert parsed["Service"]["Restart"] == "always"
    assert parsed["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.fixture(scope="module")
def installed():
    """A school as its users and folders are on a gateway; where other users may go, as pytest's folders are not."""
    with tempfile.TemporaryDirectory(prefix="schoolgate-units-") as root:
        yield Installed(Path(root))


@needs_users
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.stem)
def test_each_unit_starts_as_its_user_and_ends_in_order(installed, unit):
    with installed.running(unit) as process:
        status = dict(line.split(":\t") for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
        assert "0" not in status["Uid"].split() + status["Gid"].split()
        assert {status["CapEff"], status["CapPrm"], status["CapBnd"]} == {"0" * 16}
    assert process.returncode == 0


@needs_users
def test_the_unit_for_dns_over_https_starts_where_a_resolver_is_named(installed):
    file = installed.folder / "schoolgate.toml"
    before = file.read_text()
    listen = f"127.0.0.1:{free_ports(1)[0]}"
    table = f'[dns.doh]\nurl = "https://dns.test/q"\naddresses = ["127.0.0.1"]\nlisten = "{listen}"\n'
    file.write_text(before.replace("upstream = [", f'upstream = ["{listen}", ', 1) + table)
    try:
        with installed.running(DOH) as process:
            status = dict(line.split(":\t") for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
            assert {status["CapEff"], status["CapPrm"], status["CapBnd"]} == {"0" * 16}
            assert asyncio.run(ask(("127.0.0.1", int(listen[10:])), "school.test")).code == "SERVFAIL"
    finally:
        file.write_text(before)
    assert process.returncode == 0


@needs_users
def test_what_is_refused_as_these_users_is_in_the_database(installed):
    """Each credential is used: the sealing key, the school's certificate, both keys of the journal, the first token."""
    gateway = installed.gateway
    with contextlib.ExitStack() as stack:
        for unit in SERVICES:
            stack.enter_context(installed.running(unit))
        for host in ("gambling.test", SEALED_HOST):
            assert asyncio.run(ask(("127.0.0.1", gateway.dns), host)).addresses == (CLOSED_ADDRESS,)
        assert gateway.blocked_page("gambling.test") == 403
        until(lambda: sorted(row[:2] for row in gateway.breaches()) == REFUSED)
        staff = Staff(f"http://127.0.0.1:{gateway.pages}")
        staff.enrol(gateway.made.token, "technician", "a long enough password")
        staff.log_in("technician", "a long enough password")
        assert len(staff.read("/breaches")["entries"]) == len(REFUSED)
    with contextlib.closing(sqlite3.connect(installed.folder / "database" / "schoolgate.db")) as database:
        assert set(database.execute("SELECT chain FROM journals")) == {("verified",)}


@needs_users
def test_the_nightly_update_and_roots_commands_put_lists_in_force_by_turns(installed):
    """Whoever gives the command, it is the update's user who changes lists: nobody meets a file of another's."""
    state = installed.folder / "state"
    with ListServer() as server:
        with (installed.folder / "schoolgate.toml").open("a") as file:
            file.write(f'\n[subscriptions.bets]\nurl = "{server.url}/bets"\nlist = "gambling"\n')
        for number, by_root in enumerate([False, True, True, False]):
            server.replies["/bets"] = Reply(lines(*(f"bets{n}.test" for n in range(number + 1))))
            ran = installed.by_root("lists", "update") if by_root else installed.ended(UPDATE)
            assert ran.returncode == 0, ran.stdout
            assert Index(state / "index" / CURRENT).listed(f"bets{number}.test")
            assert installed.by_root("lists", "compile").returncode == 0
    owners = {path.lstat().st_uid for folder in ("lists", "index") for path in (state / folder).rglob("*")}
    assert owners == {installed.numbers("passwd")["schoolgate-lists"]}
    assert len([path for path in (state / "index").iterdir() if path.is_dir() and not path.is_symlink()]) == 2


@needs_users
@pytest.mark.parametrize("unit", ALL, ids=lambda unit: unit.stem)
def test_no_units_user_reads_the_keys_or_another_ones_database(installed, unit):
    def may_enter(name):
        return run(*installed.as_user_of(unit, "ls", str(installed.folder / name))).returncode == 0

    assert may_enter("spool")
    assert may_enter("state")
    assert not may_enter("keys")
    assert may_enter("database") is ("reporting" in unit.name)


@needs_users
@pytest.mark.parametrize("unit", ALL, ids=lambda unit: unit.stem)
def test_reporting_alone_writes_what_is_closed_for_everybody_and_all_others_read_it(installed, unit):
    file = installed.folder / "state" / "reporting" / "tried"
    made = run(*installed.as_user_of(unit, "sh", "-c", f"umask 0027; echo as {unit.stem} > {file}"))
    try:
        assert (made.returncode == 0) is file.exists() is ("reporting" in unit.name), made.stderr
    finally:
        file.unlink(missing_ok=True)
    assert run(*installed.as_user_of(unit, "ls", str(file.parent))).returncode == 0


def test_the_sandbox_of_reporting_leaves_it_each_folder_that_is_its_own():
    unit = (DEPLOY / "systemd" / "schoolgate-reporting.service").read_text()
    rows = [line.split() for line in (DEPLOY / "systemd" / "schoolgate.tmpfiles").read_text().splitlines()]
    owned = {row[1] for row in rows if row and row[0] == "d" and row[3] == "schoolgate-reporting"}
    writes = next(line for line in unit.splitlines() if line.startswith("ReadWritePaths="))
    assert set(writes.removeprefix("ReadWritePaths=").split()) == owned
