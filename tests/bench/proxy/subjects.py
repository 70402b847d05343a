"""Who is measured: our worker with everything on, and what a school could have instead, started on the same work.

Each is told to trust the bench's own web server, to keep nothing, and to write no log.
"""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.bench.dns import server
from tests.bench.dns.stage import SERVER_CORE, free_port
from tests.bench.lists.process import proportional_mb
from tests.bench.proxy.stage import OPENED, PEERS_NAME, RELAYED, Stage

PATIENCE = 60
"""Seconds until a subject that does not answer is given up."""


class Subject(NamedTuple):
    """*command* writes what the subject reads, and says how it is started; *modes* it can do."""

    name: str
    program: str
    command: Callable[[Stage, Path, int], list[str]]
    modes: tuple[str, ...]
    opened: str = PEERS_NAME
    relayed: str = PEERS_NAME


class Running(NamedTuple):
    """A subject that answers on *port*; what it uses is the sum of its processes."""

    subject: Subject
    port: int
    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """Seconds of processor time so far."""
        return sum(map(server.cpu_seconds, self._family()))

    def memory_kb(self) -> float:
        """Proportional memory."""
        return sum(map(proportional_mb, self._family())) * 1024

    def _family(self) -> list[int]:
        found = [self.process.pid]
        for number in found:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{number}/task").iterdir():
                    found += map(int, (task / "children").read_text().split())
        return found


def ours(stage: Stage, folder: Path, port: int) -> list[str]:
    """Our worker, with the shipped policy and lists, a journal and metrics."""
    listen = (f"127.0.0.1:{port}",)
    settings = stage.school.settings(stage.names, stage.plain, stage.secure, listen=listen)
    file = folder / "worker.json"
    file.write_bytes(msgspec.json.encode(settings))
    return [sys.executable, "-m", "tests.support.proxy_school", str(stage.school.folder), str(file), "0"]


def mitmdump(stage: Stage, folder: Path, port: int, *more: str) -> list[str]:
    """mitmdump with its default addons."""
    trust = f"ssl_verify_upstream_trusted_ca={stage.school.folder / 'servers.pem'}"
    program = str(Path(sys.executable).with_name("mitmdump"))
    options = ["-q", "--listen-host", "127.0.0.1", "--listen-port", str(port), "--set", f"confdir={folder}"]
    return [program, *options, "--set", trust, *more]


def mitmdump_splicing(stage: Stage, folder: Path, port: int) -> list[str]:
    """mitmdump that opens nothing."""
    return mitmdump(stage, folder, port, "--ignore-hosts", ".*")


def squid(stage: Stage, folder: Path, port: int, rule: str = "bump all") -> list[str]:
    """Squid that opens every connection; with another *rule*, none."""
    tool = "/usr/lib/squid/security_file_certgen"
    subprocess.run([tool, "-c", "-s", folder / "certificates", "-M", "4MB"], check=True, capture_output=True)
    shutil.copy(stage.school.ca, folder / "ca.pem")
    with (folder / "ca.pem").open("ab") as both:
        both.write((stage.school.folder / "keys" / "ca.key").read_bytes())
    file = folder / "squid.conf"
    file.write_text(
        f"""http_port 127.0.0.1:{port} ssl-bump generate-host-certificates=on tls-cert={folder}/ca.pem
sslcrtd_program {tool} -s {folder}/certificates -M 4MB
acl step1 at_step SslBump1
ssl_bump peek step1
ssl_bump {rule}
tls_outgoing_options cafile={stage.school.folder}/servers.pem
http_access allow all
cache deny all
access_log none
cache_log {folder}/cache.log
cache_store_log none
pid_filename none
coredump_dir {folder}
shutdown_lifetime 1 seconds
"""
    )
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    return [server_program("squid"), "-N", "-f", str(file)]


def squid_splicing(stage: Stage, folder: Path, port: int) -> list[str]:
    """Squid that looks at the name and relays."""
    return squid(stage, folder, port, "splice all")


def e2guardian(_stage: Stage, folder: Path, port: int) -> list[str]:
    """e2guardian with Debian's own lists and phrases, as it scans by default."""
    etc = folder / "etc"
    shutil.copytree("/etc/e2guardian", etc, dirs_exist_ok=True)
    changed = {
        "filterports": str(port),
        "filterip": "127.0.0.1",
        "nodaemon": "on",
        "nologger": "on",
        "httpworkers": "64",
    }
    changed |= {"loglocation": f"'{folder}/access.log'", "pidfilename": f"'{folder}/pid'", "daemonuser": "'root'"}
    changed |= {"daemongroup": "'root'"}
    for file in (*etc.glob("*.conf"), *etc.glob("*.story"), *etc.rglob("*list")):
        text = file.read_text(encoding="latin-1").replace("/etc/e2guardian/", f"{etc}/")
        file.write_text(text, encoding="latin-1")
    file = etc / "e2guardian.conf"
    lines = [line for line in file.read_text().splitlines() if line.partition("=")[0].strip() not in changed]
    file.write_text("\n".join([*lines, *(f"{key} = {value}" for key, value in changed.items())]) + "\n")
    return [server_program("e2guardian"), "-N", "-c", str(file)]


def server_program(name: str) -> str:
    """Where *name* is; Debian keeps some where only root looks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or name


ALL_MODES = ("plain", "tls")
OURS = Subject("schoolgate", "", ours, (*ALL_MODES, "new"), OPENED, RELAYED)
ALL = (
    OURS,
    Subject("mitmdump", "mitmdump", mitmdump, ALL_MODES),
    Subject("e2guardian", "e2guardian", e2guardian, ("plain",)),
    Subject("squid bump", "squid", squid, ALL_MODES),
    Subject("mitmdump splice", "mitmdump", mitmdump_splicing, ("new",)),
    Subject("squid splice", "squid", squid_splicing, ("new",)),
)
"""Every subject. Another one is a function that writes its files, and a line here."""


def subjects(stage: Stage, mode: str) -> list[Subject]:
    """Ours, and those peers that do *mode* and are here."""
    wanted = [one for one in ALL if mode in one.modes and (one is OURS or not stage.peers or one.name in stage.peers)]
    return [one for one in wanted if one is OURS or here(one)]


def here(one: Subject) -> bool:
    """Whether the program of *one* is on this machine."""
    return Path(sys.executable).with_name(one.program).exists() or os.access(server_program(one.program), os.X_OK)


def version(one: Subject) -> str:
    """What the program of *one* says of its version."""
    beside = Path(sys.executable).with_name(one.program)
    program = str(beside) if beside.exists() else server_program(one.program)
    word = "--version" if one.program == "mitmdump" else "-v"
    ran = subprocess.run([program, word], capture_output=True, check=False)
    number = re.search(r"\d+\.\d+[\w.+-]*", (ran.stdout + ran.stderr).decode(errors="replace"))
    return number[0] if number else "unknown"


@contextlib.contextmanager
def started(one: Subject, stage: Stage) -> Iterator[Running]:
    """*one*, once it has answered a request; RuntimeError with its last words if it never does."""
    folder, port = stage.folder / f"{one.name.replace(' ', '-')}-{time.monotonic_ns()}", free_port()
    folder.mkdir(mode=0o755)
    log = folder / "log"
    with server.running(one.command(stage, folder, port), log, SERVER_CORE) as process:
        began = time.monotonic()
        while not _answers(one, stage, port):
            if process.poll() is not None or time.monotonic() - began > PATIENCE:
                raise RuntimeError(f"{one.name} does not answer. It said:\n{log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.1)
        yield Running(one, port, process)


def _answers(one: Subject, stage: Stage, port: int) -> bool:
    mode, host = one.modes[0], one.relayed if one.modes[0] == "new" else one.opened
    try:
        return stage.ask(mode, port, host, "4.html", processes=1, seconds=0.5).count > 0
    except RuntimeError:
        return False
