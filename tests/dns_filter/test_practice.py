import asyncio

import pytest

from tests.support.dns_client import NOERROR, NXDOMAIN, addresses, ask, ask_by_tcp, exchange, question
from tests.support.nameserver import NameServer


async def test_it_answers_from_its_table_and_remembers_the_questions():
    async with NameServer({"a.test": ["192.0.2.1", "2001:db8::1"]}) as server:
        at = "127.0.0.1", server.port
        assert addresses(await ask(at, "a.test")) == ["192.0.2.1"]
        assert addresses(await ask(at, "A.test", "AAAA")) == ["2001:db8::1"]
        assert (await ask(at, "b.test")).header.rcode == NXDOMAIN
        assert server.questions == [("a.test", "A"), ("a.test", "AAAA"), ("b.test", "A")]


async def test_a_wildcard_answers_for_every_other_name_and_aliases_are_followed():
    async with NameServer({"*": ["192.0.2.9"], "www.test": ["a.test."], "empty.test": []}) as server:
        at = "127.0.0.1", server.port
        answer = await ask(at, "www.test")
        assert str(answer.rr[0].rdata) == "a.test."
        assert addresses(answer) == ["192.0.2.9"]
        empty = await ask(at, "empty.test")
        assert (empty.header.rcode, empty.rr) == (NOERROR, [])


async def test_a_long_answer_needs_tcp():
    async with NameServer({"*": [f"192.0.2.{n}" for n in range(60)]}) as server:
        at = "127.0.0.1", server.port
        assert (await ask(at, "a.test")).header.tc == 1
        assert [len(answer.rr) for answer in await ask_by_tcp(at, "a.test", "b.test")] == [60, 60]


async def test_noise_gets_no_answer_and_ends_nothing():
    async with NameServer({"*": ["192.0.2.9"]}) as server:
        at = "127.0.0.1", server.port
        with pytest.raises(TimeoutError):
            await exchange(at, b"\xff", seconds=0.1)
        assert addresses(await ask(at, "a.test")) == ["192.0.2.9"]
        reader, writer = await asyncio.open_connection(*at)
        writer.write(b"\0\1\xff")
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_it_ends_open_connections():
    async with NameServer({"*": ["192.0.2.9"]}) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        packet = bytes(question("a.test").pack())
        writer.write(len(packet).to_bytes(2) + packet)
        await reader.readexactly(2)
    await reader.read()
    writer.close()
    await writer.wait_closed()
