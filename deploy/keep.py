"""`schoolgate run`: the processes of one machine under a supervisor, until a signal ends them."""

import asyncio
import fcntl
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy import config, process, remarks, toml_file
from deploy.supervise import Spec, Supervisor

log = logging.getLogger("schoolgate.run")


def specs(settings: config.Settings) -> tuple[Spec, ...]:
    """The processes that *settings* ask for; reporting last, as filtering waits for nobody."""
    wanted = settings.config.run
    doh = (Spec("doh", ("doh",)),) if settings.config.dns.doh.url else ()
    closed = (Spec("closed", ("closed",)),) if settings.config.closed.wanted else ()
    return (
        *doh,
        *(Spec(f"dns-{n}", ("dns", "--instance", str(n))) for n in range(wanted.dns)),
        *(Spec(f"worker-{n}", ("worker", "--instance", str(n))) for n in range(wanted.workers)),
        *closed,
        Spec("reporting", ("reporting",)),
    )


@contextmanager
def only_one(settings: config.Settings) -> Iterator[None]:
    """Hold the lock of this school's folder; toml_file.RefusedError if it is running already."""
    settings.run.mkdir(parents=True, exist_ok=True)
    lock = settings.run / "run.lock"
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            message = (
                f"{settings.file}: Schoolgate is already running here (process {file.read().strip() or 'unknown'})"
            )
            raise toml_file.RefusedError([message]) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield  # the file stays: taking it away would let a third process lock another one of the same name


def run(settings: config.Settings) -> int:
    """Supervise until SIGINT or SIGTERM; returns the exit code."""
    process.set_up_log("run", 0, settings.config.log_level)
    with only_one(settings):
        for remark in remarks.in_force(settings):
            log.warning("%s", remark)
        return asyncio.run(_until_signal(settings))


async def _until_signal(settings: config.Settings) -> int:
    supervisor = Supervisor(specs(settings), settings.file, settings.run)
    keeping = asyncio.create_task(supervisor.run(_say_ready))
    end_on_signals(keeping.cancel)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, supervisor.forward, signal.SIGHUP)
    try:
        await keeping
    except asyncio.CancelledError:
        log.info("Every process has ended.")
    return 0


def end_on_signals(end: Callable[[], object], *more: signal.Signals) -> None:
    """Call *end* on SIGINT, SIGTERM and the signals *more*."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, *more):
        loop.add_signal_handler(number, end)


def _say_ready() -> None:
    log.info("Ready: every process would decide a request now.")
    process.notify("READY=1")
