import asyncio
import time

import pytest

from dns_filter import reply, upstream
from dns_filter.turns import Share
from dns_filter.upstream import Upstreams
from dns_filter.upstream_place import Place
from dns_filter.upstream_search import ROUNDS
from reporting import seldom
from tests.support.dns_client import NOERROR, NXDOMAIN, SERVFAIL, addresses, ask, extended
from tests.support.nameserver import Crooked, Fault, NameServer

QUESTION = b"\x06school\x04test\0\0\1\0\1"
ZONE = {"school.test": ["198.51.100.7"], "*": ["198.51.100.8"]}


async def put(*servers: NameServer, seconds: float = 0.6):
    upstreams = Upstreams([Place("127.0.0.1", server.port) for server in servers], seconds)
    try:
        return upstreams, await ask_once(upstreams)
    finally:
        await upstreams.close()


async def ask_once(upstreams: Upstreams):
    return await upstreams.ask(QUESTION, Share("192.0.2.7"), dnssec_ok=False, checking_disabled=False)


async def test_an_honest_answer_is_taken():
    async with NameServer(ZONE) as honest:
        upstreams, found = await put(honest)

    assert list(map(str, found.addresses)) == ["198.51.100.7"]
    assert upstreams.all[0].answers == 1


async def test_silence_is_waited_out():
    async with Crooked(ZONE, Fault.SILENT) as crooked:
        upstreams, found = await put(crooked)

    assert (found.body.code, found.note.code) == (reply.SERVFAIL, reply.NO_AUTHORITY)
    assert (upstreams.all[0].timeouts, upstreams.all[0].mismatches) == (2, 0)


@pytest.mark.parametrize("fault", [Fault.WRONG_NUMBER, Fault.WRONG_QUESTION, Fault.NOISE])
async def test_what_is_no_answer_to_us_is_not_believed_but_asked_for_over_tcp(fault):
    async with Crooked(ZONE, fault) as crooked:
        upstreams, found = await put(crooked)

    assert list(map(str, found.addresses)) == ["198.51.100.7"]
    assert (upstreams.all[0].mismatches, upstreams.all[0].by_tcp) == (1, 1)


async def test_a_lost_packet_is_asked_again():
    async with Crooked(ZONE, Fault.SILENT, first=1) as crooked:
        _, found = await put(crooked)

    assert list(map(str, found.addresses)) == ["198.51.100.7"]


async def test_a_resolver_that_was_asked_again_and_answered_is_not_waited_for():
    async with Crooked(ZONE, Fault.SILENT, first=1) as crooked:
        upstreams = Upstreams([Place("127.0.0.1", crooked.port)], 0.8)
        try:
            assert (await ask_once(upstreams)).body.code == reply.NOERROR
            crooked.left = 2
            assert (await ask_once(upstreams)).body.code == reply.SERVFAIL  # the time of the first is over by then
        finally:
            await upstreams.close()
    assert (upstreams.all[0].answers, upstreams.all[0].timeouts) == (1, 2)


@pytest.mark.parametrize("fault", [fault for fault in Fault if fault is not Fault.CUT])
async def test_behind_a_bad_upstream_the_next_one_is_asked(fault):
    async with Crooked(ZONE, fault) as crooked, NameServer(ZONE) as honest:
        _, found = await put(crooked, honest, seconds=2)

    assert list(map(str, found.addresses)) == ["198.51.100.7"]


async def test_a_cut_answer_is_asked_for_over_tcp():
    async with Crooked(ZONE, Fault.CUT) as crooked:
        upstreams, found = await put(crooked)

    assert list(map(str, found.addresses)) == ["198.51.100.7"]
    assert upstreams.all[0].by_tcp == 1


async def test_a_dead_upstream_is_a_failure_at_once():
    async with NameServer(ZONE) as gone:
        pass
    started = time.monotonic()
    upstreams, found = await put(gone, seconds=10)

    assert (found.body.code, found.note.code) == (reply.SERVFAIL, reply.NO_AUTHORITY)
    assert time.monotonic() - started < 5
    assert upstreams.all[0].failures == ROUNDS


async def test_when_no_resolver_answers_anything_the_log_says_so_once(monkeypatch, caplog):
    monkeypatch.setattr(upstream, "SILENCE", 0.0)
    async with NameServer(ZONE) as gone:
        pass
    upstreams, _ = await put(gone)
    await upstreams.ask(QUESTION, Share("192.0.2.7"), dnssec_ok=False, checking_disabled=False)

    assert [r.getMessage() for r in caplog.records] == [
        f"Names cannot be looked up: no resolver can be reached. Is one of these there: 127.0.0.1 port {gone.port}?"
    ]


async def test_trouble_is_said_again_while_it_lasts_and_its_end_once(monkeypatch, caplog):
    caplog.set_level("INFO", logger="schoolgate.dns")
    monkeypatch.setattr(upstream, "SILENCE", 0.0)
    monkeypatch.setattr(seldom, "PAUSE", 0.0)
    async with Crooked(ZONE, Fault.SILENT) as server:
        upstreams = Upstreams([Place("127.0.0.1", server.port)], 0.2)
        await ask_once(upstreams)
        await ask_once(upstreams)
        server.left = 0
        await ask_once(upstreams)
        await ask_once(upstreams)
        await upstreams.close()

    said = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert said == ["Names cannot be looked up", "Names cannot be looked up", "Names can be looked up again."]


async def test_a_slow_name_is_not_said_to_be_the_resolvers_fault(caplog):
    async with Crooked(ZONE, Fault.SILENT) as crooked:
        await put(crooked, seconds=0.2)

    assert not caplog.records


async def test_a_servfail_is_passed_on():
    async with Crooked(ZONE, Fault.SERVFAIL) as crooked:
        _, found = await put(crooked)

    assert (found.body.code, found.life, found.note.code) == (reply.SERVFAIL, 1, reply.NO_AUTHORITY)


async def test_a_broken_record_is_a_network_error():
    async with Crooked(ZONE, Fault.BROKEN_RECORD) as crooked:
        _, found = await put(crooked)

    assert found.note.code == reply.NETWORK_ERROR


async def test_too_many_questions_are_not_queued_without_end(monkeypatch):
    monkeypatch.setattr("dns_filter.upstream.WAITING", 0)
    async with NameServer(ZONE) as honest:
        _, found = await put(honest)

    assert (found.body.code, honest.questions) == (reply.SERVFAIL, [])


async def test_with_every_upstream_dead_a_client_hears_servfail_and_why(school, start):
    async with NameServer(ZONE) as gone:
        pass
    async with start(school, (gone.port,)) as running:
        answer = await ask(running.dns, "learning.test")
        blocked = await ask(running.dns, "gambling.test")

    assert (answer.header.rcode, extended(answer)[0]) == (SERVFAIL, 22)
    assert addresses(blocked) == ["192.0.2.99"]


async def test_nothing_wrong_is_kept_from_a_wrong_answer(school, start):
    async with Crooked(ZONE, Fault.WRONG_QUESTION, first=1) as crooked, start(school, (crooked.port,)) as running:
        assert addresses(await ask(running.dns, "learning.test")) == ["198.51.100.8"]
        assert addresses(await ask(running.dns, "elsewhere.test", source="127.0.0.3")) == ["198.51.100.8"]


async def test_equal_questions_in_flight_are_joined(school, start):
    async with Crooked(ZONE, Fault.SILENT, first=1) as slow, start(school, (slow.port,)) as running:
        answers = await asyncio.gather(*(ask(running.dns, "learning.test") for _ in range(20)))

    assert all(addresses(answer) == ["198.51.100.8"] for answer in answers)
    assert len(slow.questions) == 2


async def test_a_missing_name_is_missing_and_remembered(school, start):
    async with NameServer({}) as empty, start(school, (empty.port,)) as running:
        for _ in range(2):
            answer = await ask(running.dns, "learning.test")
            assert (answer.header.rcode, len(answer.auth)) == (NXDOMAIN, 1)

    assert len(empty.questions) == 1


async def test_a_name_without_such_a_record_has_no_data(running):
    answer = await ask(running.dns, "nowhere.test")
    assert (answer.header.rcode, answer.rr, len(answer.auth)) == (NOERROR, [], 1)
