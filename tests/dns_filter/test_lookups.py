import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from blocklists.rulebook import Permit
from dns_filter import reply
from dns_filter.answer import Answer, failure
from dns_filter.known import Known
from dns_filter.lookups import AHEAD, BACKGROUND, PATIENCE, Lookups
from dns_filter.metrics import Figures
from dns_filter.rebinding import Rebinding
from dns_filter.reply import Body
from dns_filter.turns import Share
from dns_filter.wire import name_of
from tests.support.dns_client import NOERROR, NXDOMAIN, SERVFAIL, addresses, ask, extended
from tests.support.eventually import eventually
from tests.support.nameserver import Crooked, Fault, NameServer

ZONE = {"news.test": ["192.0.2.1"]}
CLIENT, TYPE_A = Share("192.0.2.77"), b"\0\1\0\1\0\0"
NEVER = 0
HOUR = 3600 * 10**9


class Troubled(Crooked):
    """Is honest until it is in trouble; answers hold for a second."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(ZONE, fault, first=NEVER, ttl=1)

    def fails(self) -> None:
        self.left = 1 << 30

    def recovers(self) -> None:
        self.left = NEVER


@pytest.fixture(params=[Fault.SILENT, Fault.SERVFAIL], ids=lambda fault: fault.value)
async def troubled(request) -> AsyncIterator[Troubled]:
    async with Troubled(request.param) as upstream:
        yield upstream


async def heard_stale(server: tuple[str, int], name: str, code: int = reply.STALE) -> None:
    """Ask for *name* until the answer is a stale one."""

    async def stale():
        return extended(await ask(server, name)) == (code, "")

    await eventually(stale)


async def test_while_upstream_fails_a_client_hears_what_was_true(school, start, troubled):
    async with start(school, (troubled.port,)) as running:
        await ask(running.dns, "news.test")
        troubled.fails()
        await heard_stale(running.dns, "news.test")
        answer = await ask(running.dns, "news.test")

    assert (answer.header.rcode, addresses(answer)) == (NOERROR, ["192.0.2.1"])
    assert 0 < answer.rr[0].ttl <= 30


async def test_a_name_that_was_missing_is_stale_with_a_code_of_its_own(school, start, troubled):
    async with start(school, (troubled.port,)) as running:
        assert (await ask(running.dns, "gone.test")).header.rcode == NXDOMAIN
        troubled.fails()
        await heard_stale(running.dns, "gone.test", reply.STALE_NXDOMAIN)


async def test_a_name_that_nobody_asked_before_fails(school, start, troubled):
    async with start(school, (troubled.port,), upstream_timeout=0.3) as running:
        troubled.fails()
        assert (await ask(running.dns, "learning.test")).header.rcode == SERVFAIL


async def test_no_client_waits_for_a_silent_upstream_until_it_asks_again(school, start):
    async with (
        Troubled(Fault.SILENT) as upstream,
        start(school, (upstream.port,), upstream_timeout=4.5) as running,
    ):
        await ask(running.dns, "news.test")
        upstream.fails()
        slowest = 0.0

        async def stale():
            nonlocal slowest
            started = time.monotonic()
            answer = await ask(running.dns, "news.test")
            slowest = max(slowest, time.monotonic() - started)
            return extended(answer) is not None

        await eventually(stale)
        assert PATIENCE * 0.9 < slowest < 3 * PATIENCE
        started = time.monotonic()
        await ask(running.dns, "news.test", "A", size=1000)
        assert time.monotonic() - started < PATIENCE / 2


async def test_when_upstream_is_back_its_answer_is_given_again(school, start, troubled, monkeypatch):
    monkeypatch.setattr("dns_filter.known.REST", 0.1)
    monkeypatch.setattr("dns_filter.known.STALE_USED", 1)
    async with start(school, (troubled.port,)) as running:
        await ask(running.dns, "news.test")
        troubled.fails()
        await heard_stale(running.dns, "news.test")
        troubled.zone["news.test"] = ["192.0.2.9"]
        troubled.recovers()

        async def renewed():
            return addresses(await ask(running.dns, "news.test")) == ["192.0.2.9"]

        await eventually(renewed)


async def test_a_stale_answer_is_judged_like_any_other(school, start, troubled):
    async with start(school, (troubled.port,)) as running:
        await ask(running.dns, "news.test")
        troubled.fails()
        await heard_stale(running.dns, "news.test")
        school.write_permits(Permit(1, opens=False, entries=("news.test",), until=time.time_ns() + HOUR))

        async def closed():
            return addresses(await ask(running.dns, "news.test")) == ["192.0.2.99"]

        await eventually(closed)


async def test_a_school_may_do_without_stale_answers(school, start, troubled):
    async with start(school, (troubled.port,), upstream_timeout=0.3, stale_seconds=0) as running:
        await ask(running.dns, "news.test")
        troubled.fails()

        async def failed():
            answer = await ask(running.dns, "news.test")
            assert (answer.header.rcode == SERVFAIL) is not bool(answer.rr)
            return answer.header.rcode == SERVFAIL

        await eventually(failed)


async def test_a_missing_name_is_asked_for_once_whatever_the_type(running, upstream):
    upstream.zone.pop("*")
    for kind in ("A", "AAAA", "HTTPS", "MX"):
        assert (await ask(running.dns, "gone.test", kind)).header.rcode == NXDOMAIN

    assert upstream.questions == [("gone.test", "A")]


async def test_a_type_that_a_name_lacks_is_asked_for_once_and_says_nothing_of_others(running, upstream):
    for size in (1000, 1100, 1232):
        answer = await ask(running.dns, "learning.test", "AAAA", size=size)
        assert (answer.header.rcode, answer.rr) == (NOERROR, [])
    assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]

    assert upstream.questions == [("learning.test", "AAAA"), ("learning.test", "A")]


async def figures_of(running) -> dict[str, float]:
    host, port = running.endpoints["metrics"]
    async with httpx.AsyncClient(trust_env=False) as browser:
        lines = (await browser.get(f"http://{host}:{port}/metrics")).text.splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}


async def test_nobody_waits_at_the_end_of_a_name_that_is_in_use(school, start):
    async with (
        NameServer(ZONE, ttl=8) as upstream,
        start(school, (upstream.port,), metrics=("127.0.0.1", 0)) as running,
    ):

        async def asked_again():
            assert addresses(await ask(running.dns, "news.test")) == ["192.0.2.1"]
            return len(upstream.questions) > 1

        await eventually(asked_again, 15)
        figures = await figures_of(running)

    assert (figures["schoolgate_dns_cache_misses_total"], figures["schoolgate_dns_asked_ahead_total"]) == (1, 1)


async def test_the_metrics_say_what_the_cache_holds_and_does(school, start):
    async with (
        Troubled(Fault.SERVFAIL) as upstream,
        start(school, (upstream.port,), metrics=("127.0.0.1", 0)) as running,
    ):
        await ask(running.dns, "news.test")
        await ask(running.dns, "news.test", size=1000)
        upstream.fails()
        await heard_stale(running.dns, "news.test")
        found = await figures_of(running)

    assert found["schoolgate_dns_cache_answers"] == 1
    assert 100 < found["schoolgate_dns_cache_bytes"] < 1000
    assert found["schoolgate_dns_cache_hits_total"] >= 1
    assert found["schoolgate_dns_cache_misses_total"] >= 2
    assert found["schoolgate_dns_stale_total"] >= 1


class Bench:
    """Lookups whose clock stands at *now* and whose upstream waits for *free* and then says *says*."""

    def __init__(self) -> None:
        self.now, self.free, self.asked = 1000.0, asyncio.Event(), list[Share]()
        self.free.set()
        self.says: Answer | Exception = found(300)
        self.figures, self.tasks = Figures(), set[asyncio.Task]()
        self.lookups = Lookups(
            known=Known(1 << 20, 86400),
            ask=self._ask,
            spawn=self._spawn,
            rebinding=Rebinding(()),
            figures=self.figures,
            monotonic=lambda: self.now,
        )

    async def _ask(self, question: bytes, share: Share, *, dnssec_ok: bool, checking_disabled: bool) -> Answer:  # noqa: ARG002
        self.asked.append(share)
        await self.free.wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def _spawn(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        return task

    async def fetch(self, name="news.test"):
        return await self.lookups.fetch(name_of(name) + TYPE_A, name, CLIENT)

    def at_hand(self, name="news.test"):
        return self.lookups.at_hand(name_of(name) + TYPE_A)

    async def idle(self):
        await asyncio.gather(*self.tasks)


def found(ttl: int) -> Answer:
    record = b"\xc0\x0c\0\1\0\1" + ttl.to_bytes(4) + b"\0\4\xc0\0\2\1"
    return Answer(Body(0, record, (1, 0, 0)), ttl, offsets=(6,), ttls=(ttl,))


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)


async def test_a_name_that_is_still_asked_for_near_its_end_is_asked_ahead(bench):
    await bench.fetch()
    bench.now += 269
    assert not bench.at_hand().due
    bench.now += 2
    for _ in range(3):
        assert bench.at_hand().due
    await bench.idle()

    assert bench.asked == [CLIENT, BACKGROUND]
    assert bench.figures.asked_ahead == 1
    bench.now += 100
    assert bench.at_hand().born == 1271.0


async def test_nobody_waits_for_a_name_that_is_asked_for_every_second(bench):
    bench.says = found(20)
    await bench.fetch()
    for _ in range(200):
        bench.now += 1
        assert not bench.at_hand().stale
        await bench.idle()

    assert bench.asked.count(CLIENT) == 1
    assert bench.asked.count(BACKGROUND) <= 200 // 15


async def test_a_name_that_nobody_asks_for_is_not_asked_ahead(bench):
    await bench.fetch()
    bench.now += 300
    assert bench.at_hand() is None
    assert bench.asked == [CLIENT]


async def test_only_so_many_names_are_asked_ahead_at_once(bench):
    for number in range(AHEAD + 10):
        await bench.fetch(f"n{number}.test")
    bench.asked.clear()
    bench.free.clear()
    bench.now += 290
    for number in range(AHEAD + 10):
        assert bench.at_hand(f"n{number}.test")
    await asyncio.sleep(0)
    assert bench.asked == [BACKGROUND] * AHEAD

    bench.free.set()
    await bench.idle()
    assert bench.at_hand(f"n{AHEAD + 1}.test").due
    await bench.idle()
    assert len(bench.asked) == AHEAD + 1


async def test_an_asking_ahead_that_fails_is_not_repeated_for_each_question(bench):
    await bench.fetch()
    bench.says = failure(reply.NO_AUTHORITY, "no resolver answered in time")
    bench.now += 280
    for _ in range(5):
        assert bench.at_hand().answer.body.code == reply.NOERROR
        await bench.idle()
    assert bench.asked == [CLIENT, BACKGROUND]

    bench.now += 11
    bench.at_hand()
    await bench.idle()
    assert bench.asked == [CLIENT, BACKGROUND, BACKGROUND]


async def test_who_finds_an_answer_over_does_not_wait_in_the_turn_of_the_background(bench):
    await bench.fetch()
    bench.now += 290
    bench.free.clear()
    bench.at_hand()
    bench.now += 20
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(bench.fetch())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        bench.free.set()
    assert not asking.result().stale
    assert bench.asked == [CLIENT, BACKGROUND, CLIENT]


async def test_equal_questions_under_way_are_one_to_upstream(bench):
    bench.free.clear()
    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(bench.fetch()) for _ in range(20)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        bench.free.set()

    assert {task.result().answer.life for task in asking} == {270}
    assert bench.asked == [CLIENT]


async def test_an_answer_is_kept_when_nobody_waits_for_it_any_more(bench):
    bench.free.clear()
    asking = asyncio.create_task(bench.fetch())
    await asyncio.sleep(0)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    bench.free.set()
    await bench.idle()

    assert bench.at_hand().answer.body.code == reply.NOERROR


async def test_after_a_stale_answer_for_a_slow_upstream_its_answer_still_comes(bench, monkeypatch):
    monkeypatch.setattr("dns_filter.lookups.PATIENCE", 0.01)
    await bench.fetch()
    bench.now += 400
    bench.free.clear()
    assert (await bench.fetch()).stale
    assert bench.at_hand().stale
    assert bench.figures.stale == 2
    bench.free.set()
    await bench.idle()

    assert not bench.at_hand().stale
    assert bench.asked == [CLIENT, CLIENT]


async def test_in_a_long_outage_a_client_waits_once_and_upstream_is_asked_every_ten_seconds(bench):
    await bench.fetch()
    bench.says = failure(reply.NO_AUTHORITY, "no resolver answered in time")
    bench.now += 400
    assert (await bench.fetch()).stale
    for _ in range(600):
        bench.now += 1
        assert bench.at_hand().stale
        await bench.idle()

    assert bench.asked[:2] == [CLIENT, CLIENT]
    assert 50 < len(bench.asked) < 63
    bench.says = found(300)
    bench.now += 11
    assert bench.at_hand().stale
    await bench.idle()
    assert not bench.at_hand().stale


async def test_an_upstream_that_raises_is_a_failure_said_once(bench, caplog):
    bench.says = ValueError("planted")
    for name in ("a.test", "b.test"):
        assert (await bench.fetch(name)).answer.body.code == reply.SERVFAIL

    assert bench.figures.failures == 2
    assert [record.getMessage() for record in caplog.records] == ["Upstream could not be asked (1 failures so far)."]


async def test_a_name_with_a_ttl_of_zero_is_asked_for_each_time(school, start):
    async with NameServer(ZONE, ttl=0) as upstream, start(school, (upstream.port,)) as running:
        for _ in range(3):
            assert addresses(await ask(running.dns, "news.test")) == ["192.0.2.1"]
        assert len(upstream.questions) == 3
