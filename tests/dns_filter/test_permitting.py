"""What a client gets of an answer of upstream: where it was by it, whom it is told to, and for how long it holds."""

import ipaddress

import pytest
from dnslib import QTYPE

from blocklists.live import Live
from dns_filter.answer import Answer, failure
from dns_filter.reply import Body, no_data
from tests.support.dns_client import addresses, ask_by_tcp
from tests.support.hour import FOUND, SECOND

CLOSED = ["192.0.2.99"]


async def heard(server: tuple[str, int], name: str) -> list[str]:
    (answer,) = await ask_by_tcp(server, name)
    return addresses(answer)


async def test_an_alias_whose_target_closes_at_the_bell_holds_until_then_and_no_longer(hour):
    filtering, server = hour
    filtering.names = ("social.test",)
    (before,) = await ask_by_tcp(server, "www.cloud.test")
    assert (addresses(before), before.rr[0].ttl) == (FOUND, 1)

    filtering.now += SECOND
    assert await heard(server, "www.cloud.test") == CLOSED


ADDRESS = b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1"


@pytest.mark.parametrize(
    ("answer", "sites"),
    [
        (Answer(Body(0, ADDRESS, (1, 0, 0)), 300), ["news.test"]),
        (Answer(Body(3, b"", (0, 0, 0)), 300), []),
        (Answer(no_data(60), 60), []),
        (failure(22, "no answer"), []),
        (Answer(Body(0, ADDRESS, (1, 0, 0)), 300, addresses=(ipaddress.ip_address("10.0.0.1"),)), []),
    ],
    ids=["there", "no such name", "no such record", "failure", "private"],
)
async def test_only_who_was_given_records_was_somewhere(hour, answer, sites):
    filtering, server = hour
    visited = []
    filtering.resolver.school.visited = lambda *given: visited.extend(filter(None, given[1]))
    filtering.answer = answer
    await ask_by_tcp(server, "news.test")
    assert visited == sites


async def test_an_address_may_be_used_for_twice_as_long_as_its_client_keeps_it(hour):
    filtering, server = hour
    told = []
    filtering.resolver.permitting.tell = lambda *given: told.append(given)
    short = b"\xc0\x0c\0\1\0\1\0\0\0\x05\0\4\xc0\0\2\1"
    address = ipaddress.ip_address(FOUND[0])
    filtering.answer = Answer(
        Body(0, ADDRESS + short, (2, 0, 0)), 5, offsets=(6, 22), ttls=(300, 5), addresses=(address, address)
    )
    await ask_by_tcp(server, "news.test")
    assert [seconds for _, _, seconds in told] == [120]


async def test_a_rewritten_answer_holds_until_the_bell_and_no_longer(hour, school):
    filtering, server = hour
    school.compile({"social": ["bing.com"]})
    live = Live(school.files)
    live.refresh()
    filtering.resolver.renew(live.policy, live.clients, live.version, clock_ok=True)
    (before,) = await ask_by_tcp(server, "www.bing.com")
    assert [(rr.rtype, rr.ttl) for rr in before.rr] == [(QTYPE.CNAME, 1), (QTYPE.A, 1)]

    filtering.now += SECOND
    assert await heard(server, "www.bing.com") == CLOSED
