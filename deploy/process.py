"""One process of Schoolgate, from its start to its end: settings, log, journal, signals, readiness.

What the process does is its room's `serve`. SIGTERM and SIGINT end it in order; SIGHUP reads schoolgate.toml again
and starts `serve` anew with it, or, when the file is refused, says so and changes nothing.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol

from deploy import checks, config, toml_file
from reporting import metrics
from reporting.journal import Journal
from reporting.recorder import Recorder

log = logging.getLogger("schoolgate.process")

type Ready = Callable[[dict[str, tuple[str, int]]], None]


class Serve(Protocol):
    """What a room's process does until it is cancelled."""

    def __call__(self, settings: config.Settings, recorder: Recorder | None, ready: Ready) -> Awaitable[None]:
        """Serve; call *ready* once a request would be decided."""
        ...  # pragma: no cover - a protocol


def start(kind: str, instance: int, file: Path | None, serve: Serve, *, journal: bool) -> int:
    """Run the process *kind* until it is told to stop; returns the exit code."""
    settings = config.load(file)
    set_up_log(kind, instance, settings.config.log_level)
    _say_not_in_force(settings)
    recorder = _open_journal(settings, kind, instance) if journal else None
    with asyncio.Runner() as runner:
        return runner.run(_Process(settings, serve, recorder).run())


def set_up_log(kind: str, instance: int, level: str) -> None:
    """Log to standard error, one line an event, with the process's name."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level,
        format=f"%(asctime)s {kind}-{instance} %(levelname)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
        force=True,
    )
    for library in ("mail.log", "uvicorn"):  # the demo's; reporting quietens its own
        logging.getLogger(library).setLevel(logging.WARNING)


def _say_not_in_force(settings: config.Settings) -> None:
    for sentence in checks.not_in_force(settings):
        log.warning("%s", sentence)


def _open_journal(settings: config.Settings, kind: str, instance: int) -> Recorder:
    files = settings.files
    files.spool.mkdir(parents=True, exist_ok=True)
    seed, sealed_seed = _seed((files.keys / "journal.pub").read_bytes())
    journal = Journal.open(
        files.spool, site=settings.config.site, kind=kind, instance=instance, seed=seed, sealed_seed=sealed_seed
    )
    return Recorder(journal)


def _seed(public: bytes) -> tuple[bytes, bytes]:
    """A journal's seed, made in a child: the cryptography it needs would stay in this process's memory for good."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - the child leaves by _exit, before coverage is written
        from reporting import seed as maker  # noqa: PLC0415 - see above

        made, sealed = maker.seal(public)
        os.write(writing, made + sealed)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    return content[:32], content[32:]


class _Process:
    def __init__(self, settings: config.Settings, serve: Serve, recorder: Recorder | None) -> None:
        self.settings = settings
        self.serve = serve
        self.recorder = recorder
        self.stopping = asyncio.Event()
        self.reload = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._read_again)
        recording = asyncio.create_task(self.recorder.run()) if self.recorder else None
        try:
            while not self.stopping.is_set():
                self.reload.clear()
                await self._serve_once()
        finally:
            if recording:
                await _end(recording)
            if self.recorder:
                self.recorder.journal.close()
        return 0

    async def _serve_once(self) -> None:
        """Serve until it ends by itself (which raises), is told to stop, or has new settings."""
        serving = asyncio.ensure_future(self.serve(self.settings, self.recorder, announce_ready))
        waits = [asyncio.create_task(event.wait()) for event in (self.stopping, self.reload)]
        try:
            await asyncio.wait([serving, *waits], return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
                raise RuntimeError("the process ended its work without being told to")
        finally:
            for wait in waits:
                await _end(wait)
            await _end(serving)

    def _read_again(self) -> None:
        try:
            self.settings = config.load(self.settings.file)
        except toml_file.RefusedError as error:
            metrics.config_refused()
            for problem in error.problems:
                log.warning("%s", problem)
            log.error("The new configuration was refused; the old one stays in force.")  # noqa: TRY400 - said above
            return
        log.info("The configuration was read again.")
        _say_not_in_force(self.settings)
        self.reload.set()


async def _end(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def announce_ready(endpoints: dict[str, tuple[str, int]]) -> None:
    """Say that a request would be decided now: in the log, and to systemd or `schoolgate run` (sd_notify)."""
    where = ", ".join(f"{name} {host}:{port}" for name, (host, port) in endpoints.items())
    log.info("Ready: %s", where)
    notify(f"READY=1\nMAINPID={os.getpid()}\nSTATUS={where}")


def notify(message: str) -> None:
    """Send *message* to the socket in NOTIFY_SOCKET, if there is one (systemd's sd_notify protocol)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
