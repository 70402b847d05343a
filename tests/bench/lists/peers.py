"""The same names in unbound, as local zones and as a response policy zone: memory and seconds until it answers.

unbound comes from Debian; each run is a server of its own on a loopback port, ended when it has been measured.
"""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from blocklists import compile as compiler
from blocklists import index
from blocklists.gather import Source
from tests.bench.lists.process import alone, proportional_mb, resident_mb
from tests.bench.report import Row

PATIENCE = 600
"""Seconds until a server that does not answer is given up."""
CONFIGURATION = """server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: "{folder}/unbound.pid"
  use-syslog: no
  logfile: "{folder}/unbound.log"
  num-threads: 1
  do-not-query-localhost: no
  module-config: "{modules}"
{zones}
remote-control:
  control-enable: no
"""


def measure(every: list[str], folder: Path) -> list[Row]:
    """*every* name in our index, a dict, and unbound twice; ratios are against ours."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "names.txt"
    path.write_text("\n".join(every) + "\n", encoding="ascii")
    state = folder / "index"
    compiler.compile_lists({"bench": (Source(path),)}, state, built_ns=1)
    ours = alone(_opened, str(state / index.CURRENT), every[:20_000]).result
    dictionary = alone(_as_dict, str(path)).result
    found = {"index": ours, "a dict of Python's": dictionary}
    if shutil.which("unbound"):
        found |= {"unbound, local zones": _zones(every, folder), "unbound, RPZ": _rpz(every, folder)}
    what = f"{len(every):,} names"
    return [
        row
        for name, (seconds, megabytes) in found.items()
        for row in (
            Row(f"{name}: {what} until it answers", seconds, "s", "index", seconds / ours[0]),
            Row(f"{name}: memory", megabytes, "MB", "index", megabytes / ours[1]),
        )
    ]


def _opened(folder: str, asked: list[str]) -> tuple[float, float]:
    """(seconds to verify and open, MB more than before) of the index, after many lookups."""
    before, start = resident_mb(), time.perf_counter()
    opened = index.Index(Path(folder))
    seconds = time.perf_counter() - start
    assert all(opened.listed(host) for host in asked)
    return seconds, resident_mb() - before


def _as_dict(path: str) -> tuple[float, float]:
    before, start = resident_mb(), time.perf_counter()
    table = dict.fromkeys(Path(path).read_text(encoding="ascii").split(), ("bench",))
    seconds = time.perf_counter() - start
    assert table
    return seconds, resident_mb() - before


def _zones(every: list[str], folder: Path) -> tuple[float, float]:
    zones = folder / "zones.conf"
    zones.write_text("".join(f'local-zone: "{name}" always_nxdomain\n' for name in every))
    return _unbound(folder, every[0], "iterator", f'  include: "{zones}"')


def _rpz(every: list[str], folder: Path) -> tuple[float, float]:
    zone = folder / "rpz.zone"
    head = "$ORIGIN rpz.bench.\n$TTL 60\n@ SOA localhost. root.localhost. 1 60 60 60 60\n@ NS localhost.\n"
    zone.write_text(head + "".join(f"{name} CNAME .\n*.{name} CNAME .\n" for name in every))
    return _unbound(folder, every[0], "respip iterator", f'rpz:\n  name: rpz.bench.\n  zonefile: "{zone}"')


def _unbound(folder: Path, listed: str, modules: str, zones: str) -> tuple[float, float]:
    """(seconds until *listed* is answered as blocked, PSS in MB) of unbound with *zones*."""
    port = _free_port()
    configuration = folder / "unbound.conf"
    configuration.write_text(CONFIGURATION.format(port=port, folder=folder, modules=modules, zones=zones))
    start = time.perf_counter()
    with _running(["unbound", "-d", "-c", str(configuration)]) as server:
        while not _blocked(port, listed):
            if server.poll() is not None or time.perf_counter() - start > PATIENCE:
                raise RuntimeError(f"unbound did not start; see {folder}/unbound.log")
        return time.perf_counter() - start, proportional_mb(server.pid)


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def _blocked(port: int, name: str) -> bool:
    """Whether *name* is answered with NXDOMAIN at *port*, within a tenth of a second."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.1)
        try:
            asking.connect(("127.0.0.1", port))
            asking.send(question)
            answer = asking.recv(512)
        except OSError:
            return False
    return len(answer) > 3 and answer[3] & 0x0F == 3


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
