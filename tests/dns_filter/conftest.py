import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest
import trustme

from blocklists.live import Live
from blocklists.rulebook import Permit
from dns_filter import server, tcp
from dns_filter.school_door import SchoolDoor
from dns_filter.settings import DnsSettings
from reporting.breach import Breach
from reporting.frames import read_frames
from reporting.journal import Journal
from reporting.recorder import Recorder
from tests.support.hour import Hour
from tests.support.nameserver import NameServer
from tests.support.school import School, make_school

ZONE = {
    "*": ["192.0.2.1"],
    "both.test": ["192.0.2.7", "2001:db8::7"],
    "www.learning.test": ["learning.test."],
    "learning.test": ["192.0.2.8"],
    "cloaked.test": ["tracker.harm.test."],
    "home.test": ["192.168.1.1"],
    "nowhere.test": [],
    "long.test": [f"198.51.100.{n}" for n in range(1, 90)],
}


class Running:
    """A DNS worker that answers; *dns* and *inner* are where."""

    def __init__(self, endpoints: dict[str, tuple[str, int]], recorder: Recorder, task: asyncio.Task) -> None:
        self.dns, self.inner = endpoints["dns"], endpoints.get("inner")
        self.endpoints, self.recorder, self.task = endpoints, recorder, task
        self.journal = recorder.journal

    def breaches(self) -> list[Breach]:
        """Every breach in its journal, whose chain is whole."""
        found = [frame.record for frame in read_frames(self.journal.path, seed=bytes(32))]
        return [record for record in found if isinstance(record, Breach)]


@contextlib.asynccontextmanager
async def worker(school: School, upstream: tuple[int | str, ...], **settings: object) -> AsyncIterator[Running]:
    journal = Journal.open(school.files.spool, site="test", kind="dns", instance=0, seed=bytes(32))
    recorder = Recorder(journal)
    ready: asyncio.Future[dict[str, tuple[str, int]]] = asyncio.get_running_loop().create_future()
    fields = {
        "listen": ("127.0.0.1:0",),
        "inner": "127.0.0.1:0",
        "upstream": tuple(f"127.0.0.1:{place}" if isinstance(place, int) else place for place in upstream),
        "closed_address_v4": "192.0.2.99",
        "upstream_timeout": 1.0,
    }
    metrics = settings.pop("metrics", None)
    serving = asyncio.create_task(
        server.serve(
            DnsSettings(**(fields | settings)),
            school.files,
            recorder,
            instance=0,
            metrics=metrics,
            ready=ready.set_result,
        )
    )
    recording = asyncio.create_task(recorder.run())
    try:
        async with asyncio.timeout(60):
            await asyncio.wait([ready, serving], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        yield Running(ready.result(), recorder, serving)
    finally:
        for task in (serving, recording):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        journal.close()


@pytest.fixture
def school(tmp_path) -> School:
    return make_school(tmp_path)


@pytest.fixture
async def upstream() -> AsyncIterator[NameServer]:
    async with NameServer(ZONE) as running:
        yield running


@pytest.fixture
async def running(school, upstream) -> AsyncIterator[Running]:
    async with worker(school, (upstream.port,)) as started:
        yield started


@pytest.fixture
def start() -> Callable[..., contextlib.AbstractAsyncContextManager[Running]]:
    return worker


@pytest.fixture
async def hour(school) -> AsyncIterator[tuple[Hour, tuple[str, int]]]:
    live = Live(school.files)
    live.refresh()
    with contextlib.closing(
        Journal.open(school.files.spool, site="test", kind="dns", instance=0, seed=bytes(32))
    ) as journal:
        found = Hour(live, Recorder(journal))
        listener, bound = tcp.Listener(found.resolver.school, found.resolver), tcp.bind("127.0.0.1", 0)
        await listener.start(bound)
        try:
            yield found, bound.getsockname()
        finally:
            await listener.close()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path):
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


HOUR = 3600 * 10**9
"""An hour in nanoseconds."""


@pytest.fixture
def live(school) -> Live:
    """What *school* has in force, with a pass that holds for an hour more, and one that is over for an hour."""
    school.write_permits(
        Permit(1, opens=True, entries=("games.test",), until=time.time_ns() + HOUR, profiles=("ks2",)),
        Permit(2, opens=True, entries=("games.test",), until=time.time_ns() - HOUR, profiles=("ks1",)),
    )
    found = Live(school.files)
    found.refresh()
    return found


@pytest.fixture
def door(live) -> SchoolDoor:
    """The school's door with that."""
    found = SchoolDoor(100_000)
    found.policy, found.clients = live.policy, live.clients
    return found
