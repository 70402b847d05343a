"""One process of Schoolgate, from its start to its end: settings, log, journal, signals, readiness.

What the process does is its room's `serve`. SIGTERM and SIGINT end it in order; SIGHUP reads schoolgate.toml again
and starts `serve` anew with it: after the old one has ended or, where the room can do that, beside it until the new one
is ready. A file that is refused changes nothing; settings with which `serve` fails before it is ready give way to those
that were in force. Either is said in the log and counted.
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
from typing import Any, NoReturn, Protocol

from deploy import checks, config, restart, toml_file
from reporting import metrics
from reporting.journal import Journal
from reporting.recorder import Recorder

log = logging.getLogger("schoolgate.process")

FAILED = 1
"""The exit code of a process that never came so far as to decide a request."""

READY_FD = "SCHOOLGATE_READY_FD"
"""The pipe to the process whose place this one takes, which waits for it to be ready (`succession`)."""

FORESEEN = (OSError, ValueError, RuntimeError, toml_file.RefusedError)
"""What a sentence is enough for; an error of any other type is a mistake of ours, and is shown with its place."""

type Ready = Callable[[dict[str, tuple[str, int]]], None]


class Serve(Protocol):
    """What a room's process does until it is cancelled."""

    def __call__(self, settings: config.Settings, recorder: Recorder | None, ready: Ready) -> Awaitable[None]:
        """Serve; call *ready* once a request would be decided."""
        ...  # pragma: no cover - a protocol


def start(kind: str, instance: int, file: Path | None, serve: Serve, *, journal: bool, follows: bool = False) -> int:
    """Run the process *kind* until it is told to stop; returns the exit code.

    *follows*: *serve* may be called while it serves with other settings, and takes over when it is ready.
    """
    settings = config.load(file)
    set_up_log(kind, instance, settings.config.log_level)
    _say_not_in_force(settings)
    recorder = _open_journal(settings, kind, instance) if journal else None
    with asyncio.Runner() as runner:
        return runner.run(_Process(settings, serve, recorder, follows=follows).run())


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
    seed, sealed_seed = _seed(files.keys / "journal.pub")
    try:
        journal = Journal.open(
            files.spool, site=settings.config.site, kind=kind, instance=instance, seed=seed, sealed_seed=sealed_seed
        )
    except OSError as error:
        error.filename = error.filename or str(files.spool)  # a write that fails on a full disk names no file
        raise
    return Recorder(journal)


def _seed(file: Path) -> tuple[bytes, bytes]:
    """A journal's seed, made in a child: the cryptography it needs would stay in this process's memory for good.

    toml_file.RefusedError if *file* holds no public key.
    """
    public = file.read_bytes()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - the child leaves by _exit, before coverage is written
        _seal_and_exit(public, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    if not content:
        raise toml_file.RefusedError([f"{file}: this is not the public key that `schoolgate init` made for journals"])
    return content[:32], content[32:]


def _seal_and_exit(public: bytes, writing: int) -> NoReturn:  # pragma: no cover - see above
    """Write a seed and the same sealed; nothing for a key that is none. This process is a copy: it must not go on."""
    try:
        from reporting import seed as maker  # noqa: PLC0415 - see above

        with contextlib.suppress(ValueError):
            os.write(writing, b"".join(maker.seal(public)))
    except BaseException:  # noqa: BLE001 - it is shown, and there is nobody above to raise it to
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)


class _Process:
    """*settings* are those to serve with next, *in_force* the last with which a request would have been decided."""

    def __init__(
        self, settings: config.Settings, serve: Serve, recorder: Recorder | None, *, follows: bool = False
    ) -> None:
        self._follows = follows
        self._serving: asyncio.Future[None] | None = None  # with what is in force, while another is begun beside it
        self._followed: set[asyncio.Future[None]] = set()
        self._endpoints: dict[str, tuple[str, int]] = {}
        self.settings = settings
        self.in_force: config.Settings | None = None
        self.started_with = settings
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
            return await self._serve_until_told()
        finally:
            await self._end_others()
            if recording:
                await _end(recording)
            if self.recorder:
                self.recorder.journal.close()

    async def _serve_until_told(self) -> int:
        while not self.stopping.is_set():
            self.reload.clear()
            settings = self.settings
            log.info("It starts." if self.in_force is None else "It takes up the settings.")
            if (error := await self._serve_once(settings)) and not self._goes_back(settings, error):
                return FAILED
        return 0

    async def _serve_once(self, settings: config.Settings) -> Exception | None:
        """Serve until told to stop or to reload; what went wrong before readiness. What goes wrong later is raised."""
        said = self._serving is not None and settings is self.in_force

        def ready(endpoints: dict[str, tuple[str, int]]) -> None:
            nonlocal said
            said, self.in_force, self._endpoints = True, settings, endpoints
            self._let_go()
            announce_ready(endpoints)

        try:
            await self._serve_between(settings, ready)
        except Exception as error:
            if said:
                raise
            return error
        return None

    async def _serve_between(self, settings: config.Settings, ready: Ready) -> None:
        """Serve until it ends by itself (which raises), is told to stop, or has new settings."""
        serving: asyncio.Future[Any]
        if self._serving is not None and settings is self.in_force:
            serving, self._serving = self._serving, None
            announce_ready(self._endpoints)
        else:
            serving = asyncio.ensure_future(self.serve(settings, self.recorder, ready))
        waits = [asyncio.create_task(event.wait()) for event in (self.stopping, self.reload)]
        try:
            await asyncio.wait([serving, *waits], return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
                raise RuntimeError("the process ended its work without being told to")
        finally:
            for wait in waits:
                await _end(wait)
            if self._follows and self.in_force is settings and not (self.stopping.is_set() or serving.done()):
                self._serving = serving
            else:
                await _end(serving)

    def _let_go(self) -> None:
        """Have the one that served until now finish what is under way, and end."""
        if (ending := self._serving) is not None:
            self._serving = None
            ending.cancel()
            self._followed.add(ending)
            ending.add_done_callback(self._gone)

    def _gone(self, ending: asyncio.Future[None]) -> None:
        self._followed.discard(ending)
        if not ending.cancelled() and (error := ending.exception()) is not None:
            log.error("What served with the settings before failed at its end.", exc_info=error)

    async def _end_others(self) -> None:
        self._let_go()
        if others := tuple(self._followed):
            for ending in others:
                ending.cancel()
            await asyncio.wait(others)

    def _goes_back(self, failed: config.Settings, error: Exception) -> bool:
        """Take the settings that were in force before *failed*; False if there are none, or it was they that failed."""
        level = logging.DEBUG if isinstance(_first(error), FORESEEN) else logging.ERROR
        log.log(level, "What went wrong:", exc_info=error)
        if self.in_force is None or self.in_force is failed:
            log.error("It cannot start: %s.", reason(error))
            return False
        metrics.config_refused()
        log.error("The new configuration cannot be served (%s); the old one stays in force.", reason(error))
        if self.settings is failed:
            self.settings = self.in_force
            logging.getLogger().setLevel(self.settings.config.log_level)
        else:  # a newer one was read meanwhile, and is tried first
            metrics.config_accepted()
        return True

    def _read_again(self) -> None:
        try:
            self.settings = config.load(self.settings.file)
        except toml_file.RefusedError as error:
            metrics.config_refused()
            for problem in error.problems:
                log.warning("%s", problem)
            log.error("The new configuration was refused; the old one stays in force.")  # noqa: TRY400 - said above
            return
        metrics.config_accepted()
        logging.getLogger().setLevel(self.settings.config.log_level)
        log.info("The configuration was read again.")
        if keys := restart.needed_for(self.started_with.config, self.settings.config):
            log.warning("Changed, but not in force before a restart: %s.", ", ".join(keys))
        _say_not_in_force(self.settings)
        self.reload.set()


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def reason(error: BaseException) -> str:
    """What went wrong, as a part of a sentence: the first error of a group, with the file that it is about."""
    error = _first(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    says = str(error).removesuffix(".") or type(error).__name__
    return f"{says}: {reason(error.__cause__)}" if isinstance(error, RuntimeError) and error.__cause__ else says


async def _end(task: asyncio.Future[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def announce_ready(endpoints: dict[str, tuple[str, int]]) -> None:
    """Say that a request would be decided now: in the log, and to systemd or `schoolgate run` (sd_notify)."""
    where = ", ".join(f"{name} {host}:{port}" for name, (host, port) in endpoints.items())
    log.info("Ready: %s", where or "no port of its own")
    notify(f"READY=1\nMAINPID={os.getpid()}\nSTATUS={where}")
    if predecessor := os.environ.pop(READY_FD, ""):
        with os.fdopen(int(predecessor), "wb") as pipe, contextlib.suppress(OSError):
            pipe.write(b"1")


def notify(message: str) -> None:
    """Send *message* to the socket in NOTIFY_SOCKET, if there is one (systemd's sd_notify protocol)."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
        sender.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
