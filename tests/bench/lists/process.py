"""Functions measured in a process of their own: what they return, their peak memory and their time."""

import multiprocessing
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple


class Ran(NamedTuple):
    """*result*, seconds by the clock, and the peak resident memory (MB) of the process and of its own children."""

    result: Any
    seconds: float
    peak_mb: float


def alone(function: Callable[..., Any], *arguments: Any) -> Ran:
    """Run *function* in a fresh process; RuntimeError with its words if it raises."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(theirs, function, arguments))
    process.start()
    theirs.close()
    try:
        good, ran = ours.recv()
    finally:
        process.join()
    if not good:
        raise RuntimeError(ran)
    return Ran(*ran)


def _run(answer: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    start = time.perf_counter()
    try:
        result = function(*arguments)
    except BaseException as error:  # noqa: BLE001 - it is told where it is waited for
        answer.send((False, f"{type(error).__name__}: {error}"))
        return
    seconds = time.perf_counter() - start
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    answer.send((True, (result, seconds, max(resource.getrusage(x).ru_maxrss for x in who) / 1024)))


def resident_mb() -> float:
    """The resident memory of this process now, shared pages too."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def proportional_mb(pid: int) -> float:
    """The proportional set size of process *pid*: shared pages count by the number of those who share them."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.split("Pss:")[1].split()[0]) / 1024
