"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, on a Unix socket, gone when they end."""

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

NEW = ("--auth=trust", "--username=schoolgate", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions")
QUICK = ("fsync=off", "full_page_writes=off", "max_wal_size=4GB")
"""Nothing of a test outlives the machine's power."""

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

    def stop(self, how: str = "fast") -> None:
        """Stop the server; *how*: fast (whoever is connected is cut off) or immediate (as if it was killed)."""
        self._control("stop", "-m", how)

    def start(self, *settings: str) -> None:
        """Start the server, on its socket alone."""
        options = " ".join(
            f"-c {one}" for one in ("listen_addresses=", f"unix_socket_directories={self.folder}", *settings)
        )
        self._control("start", "-l", str(self.folder / "log"), "-o", options)

    def _control(self, what: str, *more: str) -> None:
        _run(self._programs / "pg_ctl", what, "-D", self.folder / "data", "-w", "-s", *more)


def _name(url: str) -> str:
    return url.partition("@/")[2].partition("?")[0]


def programs() -> Path | None:
    """The folder of the newest server's programs, or None: Debian keeps them out of the PATH."""
    there = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = shutil.which("initdb") or (there[-1] if there else None)
    return Path(found).resolve().parent if found and (os.geteuid() or _postgres()) else None


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
            cluster.stop("immediate")
    finally:
        shutil.rmtree(folder)


def _run(*command: object) -> None:
    """Run *command*, as root by the user postgres: the server refuses to be root's."""
    user = {} if os.geteuid() else {"user": "postgres", "group": "postgres", "extra_groups": []}
    done = subprocess.run(
        [str(word) for word in command], check=False, text=True, capture_output=True, timeout=60, cwd="/", **user
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _postgres() -> bool:
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam("postgres"))
    return False
