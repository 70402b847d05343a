"""Resolvers that do wrong, each behind a whole worker: the right answer or none within 3 s, and nothing wrong kept."""

import asyncio
import time

import pytest

from tests.support.dns_client import NOERROR, SERVFAIL, addresses, ask
from tests.support.nameserver import FORGED, Crooked, Fault, NameServer

RIGHT, ALSO_RIGHT = ["198.51.100.8"], ["198.51.100.9"]
ZONE = {"learning.test": RIGHT, "www.learning.test": ALSO_RIGHT}
SOON = 3.0
"""Seconds that issue and clients allow."""

answered = {
    Fault.NOISE,
    Fault.WRONG_NUMBER,
    Fault.WRONG_QUESTION,
    Fault.CUT,
    Fault.LATE,
    Fault.FOLDED,
    Fault.SPOOFED,
}
"""What a resolver may do and still be understood; behind the others is SERVFAIL."""


async def in_time(server, name):
    """The code and the addresses of *name*, which are there soon."""
    started = time.monotonic()
    answer = await ask(server, name)
    assert time.monotonic() - started < SOON
    return answer.header.rcode, addresses(answer)


@pytest.mark.parametrize("fault", Fault)
async def test_a_crooked_resolver_gives_the_right_answer_or_none_and_nothing_wrong_is_kept(school, start, fault):
    async with (
        Crooked(ZONE, fault) as crooked,
        start(school, (crooked.port,), upstream_timeout=2.5) as running,
    ):
        first = await in_time(running.dns, "learning.test")
        assert first == ((NOERROR, RIGHT) if fault in answered else (SERVFAIL, []))
        crooked.left, crooked.fault = 0, Fault.SILENT
        assert await in_time(running.dns, "www.learning.test") == (NOERROR, ALSO_RIGHT)
        async with asyncio.timeout(SOON):  # a failure is kept for a second (RFC 9520)
            while (again := await in_time(running.dns, "learning.test")) != (NOERROR, RIGHT):
                assert again == (SERVFAIL, [])


@pytest.mark.parametrize("fault", Fault)
async def test_beside_a_crooked_resolver_an_honest_one_is_enough(school, start, fault):
    async with (
        Crooked(ZONE, fault) as crooked,
        NameServer(ZONE) as honest,
        start(school, (crooked.port, honest.port), upstream_timeout=2.5) as running,
    ):
        for _ in range(2):
            for name, right in ZONE.items():
                assert await in_time(running.dns, name) == (NOERROR, right)


async def test_no_forged_packet_of_another_sender_is_even_looked_at(school, start):
    async with (
        Crooked(ZONE, Fault.SPOOFED) as crooked,
        start(school, (crooked.port,)) as running,
    ):
        answer = await ask(running.dns, "learning.test")
        assert FORGED not in addresses(answer)
    assert len(crooked.questions) == 1
