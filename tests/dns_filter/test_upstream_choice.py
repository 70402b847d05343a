"""Which of several resolvers is asked, and what is asked of none but the zone's own."""

import asyncio
import time

import pytest

from dns_filter import upstream_health, upstream_one, upstream_search
from dns_filter.turns import Share
from dns_filter.upstream import Upstreams
from dns_filter.upstream_place import Place
from tests.support.dns_client import NOERROR, NXDOMAIN, SERVFAIL, addresses, ask, extended
from tests.support.nameserver import Crooked, Fault, NameServer

ZONE = {"*": ["198.51.100.8"]}
INTRANET = {"*": ["10.20.0.7"]}


class Slow(NameServer):
    """Answers *after* seconds."""

    after = 0.06

    def send(self, transport, message, client):
        asyncio.get_running_loop().call_later(self.after, transport.sendto, message, client)


def question(number: int) -> bytes:
    label = f"n{number:03}".encode()
    return bytes((len(label),)) + label + b"\4test\0\0\1\0\1"


async def put(upstreams, number=0):
    return await upstreams.ask(question(number), Share("a"), dnssec_ok=False, checking_disabled=False)


def places(*servers):
    return [Place("127.0.0.1", server.port) for server in servers]


async def test_the_quicker_resolver_gets_nearly_every_question():
    async with Slow(ZONE) as slow, NameServer(ZONE) as quick:
        upstreams = Upstreams(places(slow, quick), 2.0)
        for number in range(200):
            await put(upstreams, number)
        await upstreams.close()

    assert len(quick.questions) >= 150  # nearly all; the machine that tests may stall now and then
    assert 2 <= len(slow.questions) <= 60


async def test_a_slow_answer_is_hedged_and_late_ones_are_not_counted_as_lost():
    async with Slow(ZONE) as slow, NameServer(ZONE) as quick:
        slow.after = 1.0
        upstreams = Upstreams(places(slow, quick), 2.0)
        started = time.monotonic()
        found = await put(upstreams)
        assert time.monotonic() - started < 0.95
        async with asyncio.timeout(3):
            while not upstreams.all[0].answers:  # noqa: ASYNC110 - the late answer, of which nobody is told
                await asyncio.sleep(0.01)
        await upstreams.close()

    assert list(map(str, found.addresses)) == ["198.51.100.8"]
    assert [one.hedged for one in upstreams.all] == [0, 1]
    assert upstreams.all[0].timeouts == 0


async def test_a_dead_resolver_is_left_out_then_probed_and_taken_back(monkeypatch):
    monkeypatch.setattr(upstream_health, "FIRST_PROBE", 0.05)
    async with Crooked(ZONE, Fault.SILENT) as dead, NameServer(ZONE) as honest:
        upstreams = Upstreams(places(dead, honest), 0.3)
        await asyncio.gather(*(put(upstreams, number) for number in range(8)))
        async with asyncio.timeout(3):
            while upstreams.all[0].health.alive:  # noqa: ASYNC110 - questions that nobody waits for any more
                await asyncio.sleep(0.01)
        before = len(dead.questions)
        for number in range(20):
            assert (await put(upstreams, number)).body.code == NOERROR
        assert len(dead.questions) - before <= 1
        dead.fault, dead.left = Fault.FOLDED, 0
        async with asyncio.timeout(60):
            number = 100
            while not upstreams.all[0].health.alive:
                number += 1
                await put(upstreams, number)
                await asyncio.sleep(0.01)  # for the answer to the probe
        await upstreams.close()


async def test_with_all_resolvers_dead_they_are_asked_nevertheless():
    async with Crooked(ZONE, Fault.SILENT) as one, Crooked(ZONE, Fault.SILENT) as other:
        upstreams = Upstreams(places(one, other), 0.6)
        await asyncio.gather(*(put(upstreams, number) for number in range(8)))
        assert [upstream.health.alive for upstream in upstreams.all] == [False, False]
        other.left = 0
        assert (await put(upstreams, 9)).body.code == NOERROR
        await upstreams.close()


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.BROKEN_RECORD, Fault.WRONG_NAME])
async def test_what_one_fails_at_is_asked_of_the_next_at_once(fault):
    async with Crooked(ZONE, fault) as failing, NameServer(ZONE) as honest:
        upstreams = Upstreams(places(failing, honest), 2.0)
        found = await put(upstreams)
        await upstreams.close()

    assert list(map(str, found.addresses)) == ["198.51.100.8"]
    assert len(failing.questions) == 1
    assert upstreams.all[1].hedged == 0  # it was not slowness that led there


async def test_a_resolver_that_folds_letters_is_asked_in_small_ones_after_some_evidence(caplog):
    async with Crooked(ZONE, Fault.FOLDED) as folding:
        upstreams = Upstreams(places(folding), 2.0)
        for number in range(20):
            assert list(map(str, (await put(upstreams, number)).addresses)) == ["198.51.100.8"]
        await upstreams.close()

    (one,) = upstreams.all
    assert (one.folded, one.by_tcp, one.answers) == (upstream_one.FOLDS, upstream_one.FOLDS, 20)
    assert "small letters" in caplog.text


async def test_letters_differ_from_question_to_question():
    seen = set()

    class Watching(NameServer):
        def reply(self, packet, *, tcp):
            seen.add(packet[12:27])
            return super().reply(packet, tcp=tcp)

    async with Watching(ZONE) as watching:
        upstreams = Upstreams(places(watching), 2.0)
        for _ in range(40):
            await upstreams.ask(b"\x08learning\4test\0\0\1\0\1", Share("a"), dnssec_ok=False, checking_disabled=False)
        await upstreams.close()

    assert len(seen) > 30
    assert {one.lower() for one in seen} == {b"\x08learning\4test\0"}


async def test_a_port_serves_so_many_questions_and_no_more(monkeypatch):
    ports = []

    class Watching(NameServer):
        def send(self, transport, message, client):
            ports.append(client[1])
            super().send(transport, message, client)

    async with Watching(ZONE) as watching:
        upstreams = Upstreams(places(watching), 2.0)
        for batch in range(40):
            await asyncio.gather(*(put(upstreams, batch * 40 + number) for number in range(40)))
        await upstreams.close()

    assert max(ports.count(port) for port in set(ports)) <= 64
    assert len(set(ports)) >= 1600 / 64


async def test_a_forwarded_zone_is_asked_of_its_own_resolvers_and_may_be_private(school, start):
    async with NameServer(ZONE) as public, NameServer(INTRANET) as own, NameServer({"*": ["10.9.0.1"]}) as deeper:
        forward = {
            "school.test": (f"127.0.0.1:{own.port}",),
            "deep.school.test": (f"127.0.0.1:{deeper.port}",),
            "10.20.0.0/16": (f"127.0.0.1:{own.port}",),
        }
        async with start(school, (public.port,), forward=forward) as running:
            assert addresses(await ask(running.dns, "files.school.test")) == ["10.20.0.7"]
            assert addresses(await ask(running.dns, "school.test")) == ["10.20.0.7"]
            assert addresses(await ask(running.dns, "a.deep.school.test")) == ["10.9.0.1"]
            await ask(running.dns, "7.0.20.10.in-addr.arpa", "PTR")
            assert addresses(await ask(running.dns, "otherschool.test")) == ["198.51.100.8"]

    assert [name for name, _ in own.questions] == ["files.school.test", "school.test", "7.0.20.10.in-addr.arpa"]
    assert [name for name, _ in deeper.questions] == ["a.deep.school.test"]
    assert [name for name, _ in public.questions] == ["otherschool.test"]


async def test_a_forwarded_zone_that_fails_is_never_asked_of_others(school, start):
    async with NameServer({}) as gone:
        pass
    async with (
        NameServer(ZONE) as public,
        start(school, (public.port,), forward={"school.test": (f"127.0.0.1:{gone.port}",)}) as running,
    ):
        answer = await ask(running.dns, "files.school.test")

    assert (answer.header.rcode, extended(answer)[0]) == (SERVFAIL, 22)
    assert public.questions == []


async def test_a_name_that_the_own_zone_lacks_does_not_exist(school, start):
    async with (
        NameServer(ZONE) as public,
        NameServer({}) as own,
        start(school, (public.port,), forward={"school.test": (f"127.0.0.1:{own.port}",)}) as running,
    ):
        answer = await ask(running.dns, "nobody.school.test")

    assert (answer.header.rcode, public.questions) == (NXDOMAIN, [])


async def test_one_question_in_many_goes_to_a_resolver_that_is_not_the_best(monkeypatch):
    monkeypatch.setattr(upstream_search, "EXPLORE", 8)
    async with Slow(ZONE) as slow, NameServer(ZONE) as quick:
        upstreams = Upstreams(places(slow, quick), 2.0)
        for number in range(80):
            await put(upstreams, number)
        await upstreams.close()

    assert 5 <= len(slow.questions) <= 30
