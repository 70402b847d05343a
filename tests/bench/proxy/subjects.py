"""Who is measured: our front door and our worker with everything on, and what a school could have instead.

Each is started on the same work, on one core, and ended when it has been measured.

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
from tests.bench.proxy.stage import ON_443, OPENED, PEERS_NAME, RELAYED, Stage

PATIENCE = 60
"""Seconds until a subject that does not answer is given up."""


type Commands = dict[str, list[str]]
"""The command of each process, by its name."""


class Subject(NamedTuple):
    """*commands* writes what the subject reads, and says how each of its processes is started; *modes* it can do."""

    name: str
    program: str
    commands: Callable[[Stage, Path, int], Commands]
    modes: tuple[str, ...]
    opened: str = PEERS_NAME
    relayed: str = PEERS_NAME


class Running(NamedTuple):
    """A subject that answers on *port*; what it uses is the sum of its *processes* and of those that they started."""

    subject: Subject
    port: int
    processes: dict[str, subprocess.Popen[bytes]]

    def cpu_seconds(self) -> float:
        """Seconds of processor time so far."""
        return sum(map(server.cpu_seconds, self._numbers()))

    def memory_kb(self) -> float:
        """Proportional memory."""
        return sum(map(proportional_mb, self._numbers())) * 1024

    def memory_mb_of(self, name: str) -> float:
        """Proportional memory of one process."""
        return sum(map(proportional_mb, _family(self.processes[name].pid)))

    def _numbers(self) -> list[int]:
        return [number for process in self.processes.values() for number in _family(process.pid)]


def _family(first: int) -> list[int]:
    found = [first]
    for number in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{number}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def front_door(stage: Stage, _folder: Path, port: int) -> Commands:
    """Our front door, with its resolver, signer and worker, each by its own command as on a gateway."""
    return stage.gateway.commands(port)


def worker(stage: Stage, folder: Path, port: int) -> Commands:
    """Our worker by itself, with the shipped policy and lists, a journal and metrics."""
    listen = (f"127.0.0.1:{port}",)
    settings = stage.school.settings(stage.names, stage.plain, stage.secure, listen=listen)
    file = folder / "worker.json"
    file.write_bytes(msgspec.json.encode(settings))
    return {"worker": [sys.executable, "-m", "tests.support.proxy_school", str(stage.school.folder), str(file), "0"]}


def mitmdump(stage: Stage, folder: Path, port: int, *more: str) -> Commands:
    """mitmdump with its default addons."""
    trust = f"ssl_verify_upstream_trusted_ca={stage.school.folder / 'servers.pem'}"
    program = str(Path(sys.executable).with_name("mitmdump"))
    options = ["-q", "--listen-host", "127.0.0.1", "--listen-port", str(port), "--set", f"confdir={folder}"]
    return {"mitmdump": [program, *options, "--set", trust, *more]}


def mitmdump_splicing(stage: Stage, folder: Path, port: int) -> Commands:
    """mitmdump that opens nothing."""
    return mitmdump(stage, folder, port, "--ignore-hosts", ".*")


def squid(stage: Stage, folder: Path, port: int, rule: str = "bump all") -> Commands:
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
    return {"squid": [server_program("squid"), "-N", "-f", str(file)]}


def squid_splicing(stage: Stage, folder: Path, port: int) -> Commands:
    """Squid that looks at the name and relays."""
    return squid(stage, folder, port, "splice all")


def e2guardian(stage: Stage, folder: Path, port: int) -> Commands:
    """e2guardian with Debian's own lists and phrases, as it scans by default, opening every connection to port 443.

    It opens no other port. Its certificates are signed by an RSA authority of its own.
    """
    etc = folder / "etc"
    shutil.copytree("/etc/e2guardian", etc, dirs_exist_ok=True)
    for file in (*etc.glob("*.conf"), *etc.glob("*.story"), *etc.rglob("*list")):
        text = file.read_text(encoding="latin-1").replace("/etc/e2guardian/", f"{etc}/")
        file.write_text(text, encoding="latin-1")
    changed = {"filterports": str(port), "filterip": "127.0.0.1", "nodaemon": "on", "nologger": "on"}
    changed |= {"loglocation": f"'{folder}/access.log'", "pidfilename": f"'{folder}/pid'"}
    changed |= {"daemonuser": "'root'", "daemongroup": "'root'", "enablessl": "on"}
    changed["transparenthttpsport"] = str(free_port())
    _set(etc / "e2guardian.conf", changed | _e2guardian_keys(stage, folder))
    _set(etc / "e2guardianf1.conf", {"sslmitm": "on"})
    return {"e2guardian": [server_program("e2guardian"), "-N", "-c", str(etc / "e2guardian.conf")]}


def _e2guardian_keys(stage: Stage, folder: Path) -> dict[str, str]:
    authority, key, made = folder / "ca.pem", folder / "ca.key", folder / "certificates"
    made.mkdir()
    asked = [
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "30",
        "-subj",
        "/CN=e2guardian",
        "-keyout",
        key,
        "-out",
        authority,
    ]
    subprocess.run(["openssl", "req", "-x509", *asked], check=True, capture_output=True)
    subprocess.run(["openssl", "genrsa", "-out", folder / "cert.key", "2048"], check=True, capture_output=True)
    trusted = folder / "trusted"
    trusted.mkdir()
    shutil.copy(stage.school.folder / "servers.pem", trusted / "servers.pem")
    subprocess.run(["openssl", "rehash", trusted], check=True, capture_output=True)
    paths = {"cacertificatepath": authority, "caprivatekeypath": key, "certprivatekeypath": folder / "cert.key"}
    paths |= {"generatedcertpath": f"{made}/", "sslcertificatepath": f"{trusted}/"}
    return {name: f"'{path}'" for name, path in paths.items()}


def _set(file: Path, changed: dict[str, str]) -> None:
    """Write *changed* into *file* in place of what it says of them."""
    lines = file.read_text(encoding="latin-1").splitlines()
    kept = [line for line in lines if line.partition("=")[0].strip() not in changed]
    said = [f"{key} = {value}" for key, value in changed.items()]
    file.write_text("\n".join([*kept, *said]) + "\n", encoding="latin-1")


def server_program(name: str) -> str:
    """Where *name* is; Debian keeps some where only root looks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin") or name


ALL_MODES = ("plain", "tls")
FRONT = Subject("schoolgate", "", front_door, (*ALL_MODES, "new"), OPENED, RELAYED)
WORKER = Subject("schoolgate worker", "", worker, ALL_MODES, OPENED, RELAYED)
OURS = (FRONT, WORKER)
PEERS = (
    Subject("mitmdump", "mitmdump", mitmdump, (*ALL_MODES, "held")),
    Subject("e2guardian", "e2guardian", e2guardian, ALL_MODES, ON_443),
    Subject("squid bump", "squid", squid, (*ALL_MODES, "held")),
    Subject("mitmdump splice", "mitmdump", mitmdump_splicing, ("new",)),
    Subject("squid splice", "squid", squid_splicing, ("new",)),
)
"""Every peer. Another one is a function that writes its files, and a line here."""


def peers(stage: Stage, mode: str) -> list[Subject]:
    """Those peers that do *mode*, are wanted, and are here."""
    wanted = [one for one in PEERS if mode in one.modes and (not stage.peers or one.name in stage.peers)]
    return [one for one in wanted if here(one)]


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
    with contextlib.ExitStack() as stack:
        processes = {
            name: stack.enter_context(server.running(command, folder / f"{name}.log", SERVER_CORE))
            for name, command in one.commands(stage, folder, port).items()
        }
        began = time.monotonic()
        while not _answers(one, stage, port):
            ended = any(process.poll() is not None for process in processes.values())
            if ended or time.monotonic() - began > PATIENCE:
                raise RuntimeError(f"{one.name} does not answer. It said:\n{_last_words(folder)}")
            time.sleep(0.1)
        yield Running(one, port, processes)


def _last_words(folder: Path) -> str:
    return "\n".join(file.read_text(errors="replace")[-1500:] for file in sorted(folder.glob("*.log")))


def _answers(one: Subject, stage: Stage, port: int) -> bool:
    mode, host = one.modes[0], one.relayed if one.modes[0] == "new" else one.opened
    try:
        return stage.ask(mode, port, host, "4.html", processes=1, count=1, seconds=5).count > 0
    except RuntimeError:
        return False
