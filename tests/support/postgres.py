"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, on a Unix socket, gone when they end."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

NEW = ("--auth=trust", "--username=schoolgate", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions")
QUICK = ("fsync=off", "full_page_writes=off", "max_wal_size=4GB")
"""Nothing of a test outlives the machine's power."""

ALONE = ("listen_addresses=", "dynamic_shared_memory_type=mmap")
"""Nobody reaches it but by its socket, and all that it leaves is in its folder."""

FULL = "fsync=on"
"""For figures that shall hold for a school."""

SHM = Path("/dev/shm")
ROOM = 1_000_000_000
"""Bytes: a database is 8 MB, and a few dozen of them are there at once."""


class Cluster:
    """A running server; each database of it is new."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self._programs = folder, programs
        self._numbers = itertools.count(1)
        self._server: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        """The address of *database* as `reporting.database` takes it."""
        return f"postgresql+asyncpg://schoolgate@/{database}?host={self.folder}"

    def new(self) -> str:
        """Make an empty database and return its address."""
        name = f"school{next(self._numbers)}"
        self.say(f"CREATE DATABASE {name}")
        return self.url(name)

    def copy_of(self, url: str) -> str:
        """Make a copy of the database at *url*, which nobody uses, and return its address."""
        name = f"school{next(self._numbers)}"
        self.say(f"CREATE DATABASE {name} TEMPLATE {_name(url)} STRATEGY file_copy")
        return self.url(name)

    def say(self, statement: str, database: str = "postgres") -> str:
        """Have the server do *statement*; what it answers, a line a row."""
        command = [self._programs / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder]
        given = [*command, "-U", "schoolgate", "-d", database, "-c", statement]
        return subprocess.run(given, check=True, capture_output=True, text=True, timeout=600).stdout.strip()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: whoever is connected is cut off; with SIGQUIT as if it had been killed."""
        assert self._server is not None
        self._server.send_signal(how)
        self._server.wait(timeout=60)

    def start(self, *settings: str) -> None:
        """Start the server, on its socket alone; it ends when this process does, however that ends."""
        given = (f"unix_socket_directories={self.folder}", *ALONE, *settings)
        server = [self._programs / "postgres", "-D", self.folder / "data", *(f"-c{one}" for one in given)]
        with (self.folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                ["setpriv", "--pdeathsig", "INT", *_AS_POSTGRES, "--", *server], stdout=log, stderr=log, cwd="/"
            )
        until = time.monotonic() + 60
        asks = [self._programs / "pg_isready", "-q", "-h", self.folder]
        while subprocess.run(asks, check=False, timeout=60).returncode:
            assert self._server.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < until, (self.folder / "log").read_text()
            time.sleep(0.02)  # the server tells nobody that it is ready


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


async def connected(url: str) -> asyncpg.Connection:
    """A bare connection to the database at *url*."""
    return await asyncpg.connect(host=url.partition("?host=")[2], user="schoolgate", database=_name(url))


def programs() -> Path | None:
    """The folder of the newest server's programs, or None: Debian keeps them out of the PATH."""
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = shutil.which("initdb") or (there[-1] if there else None)
    return Path(found).resolve().parent if found and (os.geteuid() or _postgres()) else None


def installed() -> None:
    """Skip the test that cannot do without the programs where they are not there."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql); make test installs it where it may")


@contextlib.contextmanager
def running(*settings: str) -> Iterator[Cluster]:
    """A server until the block ends, with *settings* (QUICK if there are none)."""
    bin_folder = programs()
    assert bin_folder is not None
    # a socket's path is short: not in pytest's folders; what is quick is in memory, where files are made at once
    memory = SHM if not settings and SHM.is_dir() and shutil.disk_usage(SHM).free > ROOM else None
    folder = Path(tempfile.mkdtemp(prefix="schoolgate-pg-", dir=memory))
    try:
        if not os.geteuid():
            shutil.chown(folder, "postgres", "postgres")
        _run(bin_folder / "initdb", "-D", folder / "data", *NEW)
        cluster = Cluster(folder, bin_folder)
        cluster.start(*(settings or QUICK))
        try:
            yield cluster
        finally:
            cluster.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(folder)


def _run(*command: object) -> None:
    """Run *command*, as root by the user postgres: the server refuses to be root's."""
    given = ["setpriv", *_AS_POSTGRES, "--", *(str(word) for word in command)]
    done = subprocess.run(given, check=False, text=True, capture_output=True, timeout=60, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr


_AS_POSTGRES = () if os.geteuid() else ("--reuid=postgres", "--regid=postgres", "--clear-groups")


def _postgres() -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam("postgres"))
    return False
