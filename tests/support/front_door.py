"""A front door and its workers before a small school, each a process of its own.

`python -m tests.support.front_door KIND FOLDER CONFIG INSTANCE` is such a process; it says where it listens.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from blocklists.live import Files
from proxy_addons.settings import PeekSettings, ProxySettings
from reporting.journal import Journal
from reporting.recorder import Recorder
from tests.support.commands import free_ports
from tests.support.proxy_school import ROOT, SEED, Running, School

KEY = bytes(range(32))


class Told(msgspec.Struct):
    """What a process is told."""

    proxy: ProxySettings
    peek: PeekSettings
    workers: tuple[str, ...]
    key: bytes


class Door(Running):
    """A front door, with the *workers* behind it and the address of each."""

    def __init__(self, process: subprocess.Popen[str], told: dict[str, list[object]], workers: dict[str, Running]):
        super().__init__(process, told | {"proxy": told["peek"]})
        self.told, self.workers = told, workers

    @property
    def worker(self) -> Running:
        """The first worker."""
        return next(iter(self.workers.values()))


@contextlib.contextmanager
def front_door(
    school: School, settings: ProxySettings, *, workers: int = 1, peek: PeekSettings | None = None
) -> Iterator[Door]:
    """A front door with its workers, for as long as the context lasts."""
    places = tuple(f"127.0.0.1:{port}" for port in free_ports(workers))
    peek = peek or PeekSettings(listen=("127.0.0.1:0",))
    told = Told(settings, peek, places, KEY)
    with contextlib.ExitStack() as stack:
        behind = {}
        for number, place in enumerate(places):
            own = Told(msgspec.structs.replace(settings, listen=(place,)), peek, places, KEY)
            behind[place] = Running(*stack.enter_context(_started(school, "worker", own, number)))
        yield Door(*stack.enter_context(_started(school, "peek", told, 0)), behind)


@contextlib.contextmanager
def _started(school: School, kind: str, told: Told, number: int) -> Iterator[tuple[subprocess.Popen[str], dict]]:
    config = school.folder / f"{kind}-{number}.json"
    config.write_bytes(msgspec.json.encode(told))
    command = [sys.executable, "-m", "tests.support.front_door", kind, str(school.folder), str(config), str(number)]
    log = school.folder / f"{kind}-{number}.log"
    with log.open("a") as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        try:
            line = process.stdout.readline()
            assert line, log.read_text()
            yield process, json.loads(line)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(60)
            process.stdout.close()


async def _process(kind: str, folder: Path, told: Told, instance: int) -> None:
    files = Files(folder / "state", folder / "keys", folder / "spool")
    journal = Journal.open(
        files.spool, site="oak", kind="peek" if kind == "peek" else "proxy", instance=instance, seed=SEED
    )
    recorder, task = Recorder(journal), asyncio.current_task()
    others = [asyncio.create_task(recorder.run())]
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    common = {
        "instance": instance,
        "metrics": ("127.0.0.1", 0),
        "ready": lambda told: print(json.dumps(told), flush=True),  # noqa: T201
    }
    try:
        if kind == "peek":
            from proxy_addons import peek

            await peek.serve(peek.Setup(told.peek, told.proxy, told.workers, told.key), files, recorder, **common)
        else:
            from proxy_addons import signer, worker
            from proxy_addons.handed_over import Front

            if instance == 0:
                others.append(asyncio.create_task(signer.serve(told.proxy, files, ready=lambda _: None)))

            front = Front(told.key, told.proxy.listen[0], ())
            await worker.serve(told.proxy, files, recorder, front=front, **common)
    except asyncio.CancelledError:
        pass
    finally:
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        journal.close()


if __name__ == "__main__":
    logging.basicConfig(level=os.environ.get("LEVEL", "INFO"))
    asyncio.run(
        _process(
            sys.argv[1],
            Path(sys.argv[2]),
            msgspec.json.decode(Path(sys.argv[3]).read_bytes(), type=Told),
            int(sys.argv[4]),
        )
    )
