"""How a closed name is answered, how often that counts, and for how long it stands."""

import ipaddress

from dns_filter.answer import Answer
from dns_filter.reply import Body
from tests.support.dns_client import addresses, ask_by_tcp, extended
from tests.support.eventually import eventually
from tests.support.hour import FOUND
from tests.support.nameserver import NameServer

CLOSED = ["192.0.2.99"]


async def heard(server: tuple[str, int], name: str) -> list[str]:
    (answer,) = await ask_by_tcp(server, name)
    return addresses(answer)


ADDRESS = b"\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1"


async def test_an_answer_into_private_space_counts_as_a_block_each_time(hour):
    filtering, server = hour
    filtering.answer = Answer(Body(0, ADDRESS, (1, 0, 0)), 300, addresses=(ipaddress.ip_address("10.0.0.1"),))
    for _ in range(3):
        (answer,) = await ask_by_tcp(server, "news.test")
        assert (answer.rr, extended(answer)[0]) == ([], 15)
    assert filtering.resolver.figures.questions["ks2", "block", "miss"] == 1
    assert filtering.resolver.school.counts() == {("ks2", True): 2, ("ks2", False): 0}


async def test_an_alias_closes_a_name_no_longer_than_it_leads_there(school, start):
    async with (
        NameServer({"moved.test": ["adverts.test."]}, ttl=1) as upstream,
        start(school, (upstream.port,)) as running,
    ):
        assert await heard(running.dns, "moved.test") == CLOSED
        upstream.zone["moved.test"] = FOUND

        async def opened():
            return await heard(running.dns, "moved.test") == FOUND

        await eventually(opened)
