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
from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path

import msgspec

from deploy.succession import MESSAGE, PATIENCE, SUPERVISED

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
        self._outlived = {spec.name: asyncio.Event() for spec in self.specs}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._leaving: dict[asyncio.Task[int], asyncio.subprocess.Process] = {}

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
                if message.get("MAINPID") != str(pid):
                    continue
                if message.get("READY") == "1":
                    self._ready[name].set()
                if message.get(MESSAGE) == "1":
                    self._outlived[name].set()

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
        """Keep one process until it ends; when it asks for a successor, that one from then on."""
        process = await self._start(spec)
        while await _first(process.wait(), self._outlived[spec.name].wait()) == 1:
            self._outlived[spec.name].clear()
            process = await self._succeeded(spec, process)
        return await process.wait()

    async def _succeeded(self, spec: Spec, old: asyncio.subprocess.Process) -> asyncio.subprocess.Process:
        """The successor of *old*, which may end now that the other is ready; *old* itself, if none became ready."""
        self._ready[spec.name].clear()
        new = await self._start(spec)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                if await _first(new.wait(), self._ready[spec.name].wait()) == 1:
                    log.info("%s: process %d ends, as %d takes its place.", spec.name, old.pid, new.pid)
                    self._let_go(old)
                    return new
        log.error("%s: no other process became ready in the place of %d, which goes on.", spec.name, old.pid)
        self._processes[spec.name], self.pids[spec.name] = old, old.pid
        with contextlib.suppress(ProcessLookupError):
            new.kill()
        await new.wait()
        return old

    def _let_go(self, old: asyncio.subprocess.Process) -> None:
        """Have *old* finish what goes on in it and end; it ends with the supervisor at the latest."""
        with contextlib.suppress(ProcessLookupError):
            old.terminate()
        leaving = asyncio.create_task(old.wait())
        self._leaving[leaving] = old
        leaving.add_done_callback(self._leaving.pop)

    async def _start(self, spec: Spec) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy.cli",
            *spec.arguments,
            "--config",
            str(self._file),
            env={**os.environ, "NOTIFY_SOCKET": str(self._socket_path), SUPERVISED: "1"},
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        self._processes[spec.name] = process
        self.pids[spec.name] = process.pid
        log.info("%s started, process %d.", spec.name, process.pid)
        return process

    async def _end_all(self) -> None:
        self.forward(signal.SIGTERM)
        kept = [*self._processes.values(), *self._leaving.values()]
        names = [*self._processes, *(f"process {process.pid}" for process in self._leaving.values())]
        waiting = [asyncio.create_task(process.wait(), name=name) for name, process in zip(names, kept, strict=True)]
        if not waiting:
            return
        _, late = await asyncio.wait(waiting, timeout=GRACE)
        if late:
            says = ", ".join(sorted(task.get_name() for task in late))
            log.warning("Killed, as they did not end in %.0f s: %s.", GRACE, says)
            for process in kept:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
            await asyncio.wait(late)


async def _first(*waits: Coroutine[object, object, object]) -> int:
    """The place of the first of *waits* that is over, or of the first of several; the others are given up."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(place for place, task in enumerate(tasks) if task.done())
    finally:
        for task in tasks:
            task.cancel()


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _end_with_parent() -> None:
    """Ask the kernel to end this process when its parent dies (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
