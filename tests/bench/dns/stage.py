"""What every part measures on: a temporary folder, lists with a school that has them, and an upstream.

The upstream and the programs in C are compiled and started here. The server has one core, all that asks it the other.
"""

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from blocklists import domain
from tests.bench.dns import questions
from tests.bench.lists import names
from tests.support.school import School, make_school

SERVER_CORE, LOAD_CORE = 0, 1
FIRST = -15
"""The niceness of what is measured and of what measures: neighbours spoil less."""
PROGRAMS = ("udp_loop", "upstream", "asker")


_libc = ctypes.CDLL(None)
_END_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of sys/prctl.h."""


class Lists(NamedTuple):
    """*blocked* names, 5,000 *popular* ones that are not, and a *school* that holds to it.

    *file* has the blocked names, a line each; what peers make of it lies beside it.
    """

    blocked: list[str]
    popular: list[str]
    school: School
    file: Path


class Stage:
    """The place of one run; *seconds* and *rounds* of each measurement, *count* names unless a part has others.

    *kept* is what a part wants to have in the report besides its rows: every round.
    """

    def __init__(self, folder: Path, *, count: int, many: int, seconds: float, rounds: int, peers: list[str]) -> None:
        """Compile the programs; nothing runs yet."""
        self.folder, self.count, self.many, self.seconds, self.rounds = folder, count, many, seconds, rounds
        self.peers, self.kept = peers, dict[str, object]()
        self.upstream = free_port()
        self._lists: dict[int, Lists] = {}
        for program in PROGRAMS:
            source = Path(__file__).with_name(f"{program}.c")
            subprocess.run(["gcc", "-O2", "-o", folder / program, source], check=True)

    def program(self, name: str) -> str:
        """The path of the program *name* in C."""
        return str(self.folder / name)

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """The upstream answers, on the core of who asks."""
        command = [self.program("upstream"), str(self.upstream)]
        with subprocess.Popen(command, **on(LOAD_CORE)) as process:
            try:
                yield
            finally:
                process.terminate()

    def lists(self, count: int | None = None) -> Lists:
        """*count* blocked names, made once."""
        wanted = count or self.count
        if wanted not in self._lists:
            self._lists = {wanted: self._made(wanted)}  # five million names are large: only the last ones are kept
        return self._lists[wanted]

    def _made(self, count: int) -> Lists:
        folder = self.folder / str(count)
        folder.mkdir(exist_ok=True)
        candidates = questions.popular_candidates()
        open_for_good = {suffix for name in candidates[: questions.POPULAR] for suffix in domain.suffixes(name)}
        blocked = [name for name in names.names(count + len(open_for_good)) if name not in open_for_good][:count]
        popular = candidates[: questions.POPULAR]
        file = folder / "blocked.txt"
        file.write_text("\n".join(blocked) + "\n", encoding="ascii")
        if not (folder / "school").exists():
            make_school(folder / "school", lists={"gambling": blocked, "learning": popular})
        school = School(folder / "school")
        school.write_clients({"127.0.0.0/8": "ks2"})
        return Lists(blocked, popular, school, file)


def on(core: int) -> dict[str, Any]:
    """What `subprocess` is told so that a process runs on *core*, and before others where we may ask for that.

    The kernel shares a core between sessions before it looks at who is in them (sched_autogroup): so it gets one. It
    ends with the bench, whatever ends that.
    """

    def begin() -> None:
        _libc.prctl(_END_WITH_PARENT, signal.SIGTERM)
        os.sched_setaffinity(0, {core})
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, FIRST)
            Path("/proc/self/autogroup").write_text(str(FIRST))

    return {"start_new_session": True, "preexec_fn": begin}


def free_port() -> int:
    """A port of loopback that is free for UDP and TCP, below those that the kernel gives to who asks."""
    while True:
        port = random.randrange(10_000, 30_000)
        with contextlib.suppress(OSError), contextlib.ExitStack() as opened:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                opened.enter_context(socket.socket(socket.AF_INET, kind)).bind(("127.0.0.1", port))
            return port


def only_for_asking() -> None:
    """Keep this process, and what it starts without a core of its own, off the server's core."""
    os.sched_setaffinity(0, {LOAD_CORE})
