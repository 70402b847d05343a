"""Another process in this one's place: it is started, listens beside this one, and only then does this one end.

`schoolgate run` starts it when it is asked to. Under systemd the process starts it itself and tells systemd which is
the main one from then on (sd_notify(3), MAINPID). Nobody else would start one, and so nobody else is asked.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys

from deploy import process

log = logging.getLogger("schoolgate.process")

SUPERVISED = "SCHOOLGATE_SUPERVISED"
"""Set by `schoolgate run` for the processes that it keeps."""
MESSAGE = "SUCCESSOR"
"""What a process says to `schoolgate run` that wants to be replaced."""
PATIENCE = 60.0
"""Seconds until a successor must be ready."""


async def succeed(*arguments: str) -> None:
    """Have a process of `schoolgate` *arguments* take this one's place, which is told to end by SIGTERM."""
    if os.environ.get(SUPERVISED):
        process.notify(f"{MESSAGE}=1\nMAINPID={os.getpid()}")
    elif os.environ.get("NOTIFY_SOCKET"):
        await _succeed_ourselves(arguments)
    else:
        log.warning("Nobody is there to start another process in this one's place; it goes on.")


async def _succeed_ourselves(arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        child = _spawned(arguments, writing)
        if await _says_ready(pipe.fileno()):
            log.info("Process %d takes this one's place.", child)
            process.notify(f"MAINPID={child}")
            os.kill(os.getpid(), signal.SIGTERM)
            return
    log.error("Another process in this one's place did not become ready; this one goes on.")
    _end(child)


def _end(child: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _spawned(arguments: tuple[str, ...], ready: int) -> int:
    """The pid of a new process that tells *ready*, which is closed here. Not asyncio's: that kills what it started."""
    os.set_inheritable(ready, True)
    try:
        command = [sys.executable, "-m", "deploy.cli", *arguments]
        return os.posix_spawn(sys.executable, command, {**os.environ, process.READY_FD: str(ready)})
    finally:
        os.close(ready)


async def _says_ready(pipe: int) -> bool:
    """Whether the other end of *pipe* says that it is ready, before it ends and in time."""
    loop = asyncio.get_running_loop()
    said: asyncio.Future[bool] = loop.create_future()

    def hear() -> None:
        loop.remove_reader(pipe)
        said.set_result(bool(os.read(pipe, 1)))

    loop.add_reader(pipe, hear)
    try:
        async with asyncio.timeout(PATIENCE):
            return await said
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(pipe)
