"""Keeps Schoolgate's processes running on one machine where no systemd does.

Each process is started, watched, and started again when it dies, after a pause that doubles while it keeps dying.
What happens is said, never hidden. When the supervisor ends, by signal or by being killed, its processes end too.
"""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

log = logging.getLogger("schoolgate.run")

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STABLE = 60.0
"""Seconds after which a process that dies is treated as one that had been well."""
GRACE = 4.0
"""Seconds that a process has to end in order before it is killed: Ctrl-C is done within 5 s."""
_PR_SET_PDEATHSIG = 1


class Spec(msgspec.Struct, frozen=True):
    """A process to keep: its name and the arguments of `schoolgate` that start it."""

    name: str
    arguments: tuple[str, ...]


class Supervisor:
    """Keeps the processes of *specs* running until `run` is cancelled."""

    def __init__(self, specs: Iterable[Spec], file: Path, folder: Path) -> None:
        """Processes read the configuration *file*; *folder* holds the readiness socket."""
        self.specs = tuple(specs)
        self.restarts = 0
        self.pids: dict[str, int] = {}
        self._file = file
        self._socket_path = folder / f"notify-{os.getpid()}"
        self._ready = {spec.name: asyncio.Event() for spec in self.specs}
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def run(self, ready: Callable[[], None]) -> None:
        """Start all, call *ready* once each has been ready, and keep them; ends only by cancellation."""
        with self._listening() as listener:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._hear(listener))
                    for spec in self.specs:
                        tasks.create_task(self._keep(spec))
                    for event in self._ready.values():
                        await event.wait()
                    ready()
            finally:
                await self._end_all()

    def forward(self, number: signal.Signals) -> None:
        """Send a signal to every process."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    @contextlib.contextmanager
    def _listening(self) -> Iterator[socket.socket]:
        self._socket_path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
            listener.bind(str(self._socket_path))
            try:
                yield listener
            finally:
                self._socket_path.unlink(missing_ok=True)

    async def _hear(self, listener: socket.socket) -> None:
        """Note who says READY=1 (systemd's sd_notify protocol, the sender named by MAINPID)."""
        loop = asyncio.get_running_loop()
        while True:
            message = dict(
                line.split("=", 1)
                for line in (await loop.sock_recv(listener, 4096)).decode(errors="replace").split("\n")
                if "=" in line
            )
            for name, pid in self.pids.items():
                if message.get("READY") == "1" and message.get("MAINPID") == str(pid):
                    self._ready[name].set()

    async def _keep(self, spec: Spec) -> None:
        pause = FIRST_PAUSE
        while True:
            started = time.monotonic()
            try:
                code = await self._once(spec)
            except OSError as error:
                log.error("%s could not be started: %s", spec.name, error)  # noqa: TRY400 - one sentence
                code = 1
            if time.monotonic() - started > STABLE:
                pause = FIRST_PAUSE
            self.restarts += 1
            log.error("%s ended (%s); starting it again in %.1f s.", spec.name, _how(code), pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _once(self, spec: Spec) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy.cli",
            *spec.arguments,
            "--config",
            str(self._file),
            env={**os.environ, "NOTIFY_SOCKET": str(self._socket_path)},
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        self._processes[spec.name] = process
        self.pids[spec.name] = process.pid
        log.info("%s started, process %d.", spec.name, process.pid)
        return await process.wait()

    async def _end_all(self) -> None:
        self.forward(signal.SIGTERM)
        waiting = [asyncio.create_task(process.wait()) for process in self._processes.values()]
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=GRACE)
        if late:
            log.warning("%d processes did not end in %.0f s and were killed.", len(late), GRACE)
            self.forward(signal.SIGKILL)
            await asyncio.wait(late)


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _end_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
