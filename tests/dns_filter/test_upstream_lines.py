"""Connections to resolvers that behave as real ones do: they close, they stall, they answer something else."""

import asyncio
import contextlib
import time

import pytest

from dns_filter import reply, upstream_lines
from dns_filter.turns import Share
from dns_filter.upstream import Upstreams
from dns_filter.upstream_place import Place
from tests.support.nameserver import Crooked, Fault, NameServer

ZONE = {"*": ["198.51.100.8"]}
NO_RECORDS = b"\0\1\0\0\0\0\0\0"


class Cut(NameServer):
    """Cuts each UDP answer, so that all is asked over TCP; *conversations* counts connections."""

    conversations = 0

    def reply(self, packet: bytes, *, tcp: bool) -> bytes | None:
        honest = super().reply(packet, tcp=tcp)
        if tcp or honest is None:
            return honest
        return honest[:2] + bytes([honest[2] | 2, honest[3]]) + NO_RECORDS + packet[12:-11]

    async def _converse(self, reader, writer):
        self.conversations += 1
        await self.converse(reader, writer)

    async def converse(self, reader, writer):
        await super()._converse(reader, writer)


async def answer_one(server, reader, writer):
    packet = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
    message = server.reply(packet, tcp=True)
    writer.write(len(message).to_bytes(2) + message)
    await writer.drain()


class OneEach(Cut):
    """Answers one question on a connection and closes it, whatever else was asked there."""

    async def converse(self, reader, writer):
        await answer_one(self, reader, writer)
        writer.close()


class Stalls(Cut):
    """Says nothing on its first connection."""

    async def converse(self, reader, writer):
        if self.conversations == 1:
            await reader.read()
            writer.close()
        else:
            await super().converse(reader, writer)


def question(number: int) -> bytes:
    label = f"n{number:03}".encode()
    return bytes((len(label),)) + label + b"\4test\0\0\1\0\1"


async def put(upstreams, number=0):
    return await upstreams.ask(question(number), Share("a", 8), dnssec_ok=False, checking_disabled=False)


def at(server):
    return Place("127.0.0.1", server.port)


async def test_many_cut_answers_are_asked_for_on_one_connection():
    async with Cut(ZONE) as server:
        upstreams = Upstreams([at(server)], 2.0)
        found = await asyncio.gather(*(put(upstreams, number) for number in range(60)))
        await upstreams.close()

    assert {str(one.addresses[0]) for one in found} == {"198.51.100.8"}
    assert server.conversations == 1


async def test_what_waits_on_a_connection_that_ends_is_asked_again_on_another():
    async with OneEach(ZONE) as server:
        upstreams = Upstreams([at(server)], 2.5)
        found = await asyncio.gather(*(put(upstreams, number) for number in range(6)))
        await upstreams.close()

    assert {one.body.code for one in found} == {reply.NOERROR}
    assert upstreams.all[0].failures == 0


async def test_a_connection_that_stalls_is_left_for_a_new_one(monkeypatch):
    monkeypatch.setattr(upstream_lines, "STALLED", 0.05)
    async with Stalls(ZONE) as server:
        upstreams = Upstreams([at(server)], 2.5)
        started = time.monotonic()
        assert (await put(upstreams)).body.code == reply.NOERROR  # by its repeat
        assert time.monotonic() - started < 2.0
        await upstreams.close()


async def test_an_answer_to_another_question_over_tcp_is_not_used():
    class Wrong(Cut):
        async def converse(self, reader, writer):
            packet = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            message = self.reply(packet.replace(b"\4n000", b"\4m000"), tcp=True)
            writer.write(len(message).to_bytes(2) + message)
            await reader.read()
            writer.close()

    async with Wrong(ZONE) as server:
        upstreams = Upstreams([at(server)], 1.0)
        found = await put(upstreams)
        await upstreams.close()

    assert (found.body.code, found.note.code) == (reply.SERVFAIL, reply.NO_AUTHORITY)
    assert upstreams.all[0].mismatches == upstreams.all[0].failures > 0


async def test_an_answer_in_small_pieces_is_put_together():
    class Dripping(Cut):
        async def converse(self, reader, writer):
            packet = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            message = self.reply(packet, tcp=True)
            for byte in len(message).to_bytes(2) + message:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            await reader.read()
            writer.close()

    async with Dripping(ZONE) as server:
        upstreams = Upstreams([at(server)], 2.0)
        assert (await put(upstreams)).body.code == reply.NOERROR
        await upstreams.close()


async def test_nothing_is_left_open_when_it_ends_in_the_middle_of_questions():
    async with Stalls(ZONE) as server, Crooked(ZONE, Fault.SILENT) as silent:
        upstreams = Upstreams([at(server), at(silent)], 5.0)
        asking = [asyncio.create_task(put(upstreams, number)) for number in range(20)]
        async with asyncio.timeout(3):
            while not server.conversations:  # noqa: ASYNC110 - the other end tells nobody
                await asyncio.sleep(0.01)
        await upstreams.close()
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def test_a_resolver_that_no_route_leads_to_is_passed_over():
    async with NameServer(ZONE) as server:
        upstreams = Upstreams([Place("ff02::1", 0), at(server)], 2.0)
        assert (await put(upstreams)).body.code == reply.NOERROR
        await upstreams.close()

    assert [one.failures for one in upstreams.all] == [1, 0]


async def test_without_any_route_the_failure_says_so():
    upstreams = Upstreams([Place("ff02::1", 0)], 2.0)
    found = await put(upstreams)
    await upstreams.close()
    assert (found.body.code, found.note) == (
        reply.SERVFAIL,
        reply.Note(reply.NO_AUTHORITY, "no resolver can be reached"),
    )


async def test_who_waits_too_long_for_a_turn_is_told():
    async with Crooked(ZONE, Fault.SILENT) as silent:
        upstreams = Upstreams([at(silent)], 0.3, 1)
        first, second = await asyncio.gather(put(upstreams, 1), put(upstreams, 2))
        await upstreams.close()

    assert (first.body.code, second.body.code) == (reply.SERVFAIL, reply.SERVFAIL)
    assert {name for name, _ in silent.questions} == {"n001.test"}


@pytest.mark.parametrize("guess", [b"\1\2", b""])
async def test_one_guess_closes_the_port_and_all_that_wait_there_ask_over_tcp(guess):
    """The forger sits where the resolver does, and knows the port: the worst case."""

    class Guessed(NameServer):
        def send(self, transport, message, client):
            forged = bytes([message[0] ^ 1, message[1]]) + guess + message[2 + len(guess) :]
            transport.sendto(forged[: len(guess) + 20], client)
            transport.sendto(message, client)  # too late

    async with Guessed(ZONE) as server:
        upstreams = Upstreams([at(server)], 2.0)
        found = [await put(upstreams, number) for number in range(10)]
        await upstreams.close()

    assert {str(one.addresses[0]) for one in found} == {"198.51.100.8"}
    assert (upstreams.all[0].mismatches, upstreams.all[0].by_tcp) == (10, 10)


class Junk(Cut):
    """Says *junk* over TCP, again and again, and answers nothing; *ended* is set when the connection is."""

    def __init__(self, junk: bytes) -> None:
        super().__init__(ZONE)
        self.junk, self.ended = junk, asyncio.Event()

    async def converse(self, reader, writer):
        packet = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        stranger = bytes((packet[0] ^ 1, packet[1])) + self.junk
        writer.write((len(stranger).to_bytes(2) + stranger) * (upstream_lines.STRAYS + 1))
        with contextlib.suppress(OSError):
            await reader.read()
        self.ended.set()
        writer.close()


@pytest.mark.parametrize("junk", [pytest.param(b"", id="short"), pytest.param(bytes(40), id="strangers")])
async def test_a_resolver_that_says_junk_over_tcp_loses_its_connection(junk):
    async with Junk(junk) as server:
        upstreams = Upstreams([at(server)], 4.0)
        asking = asyncio.create_task(put(upstreams))
        async with asyncio.timeout(2):  # long before the question is given up
            await server.ended.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await upstreams.close()


async def test_as_many_late_answers_as_there_may_be_end_no_connection():
    class Late(Cut):
        async def converse(self, reader, writer):
            packet = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            late = bytes((packet[0] ^ 1, packet[1])) + bytes(40)
            message = self.reply(packet, tcp=True)
            writer.write((len(late).to_bytes(2) + late) * upstream_lines.STRAYS)
            writer.write(len(message).to_bytes(2) + message)
            await reader.read()
            writer.close()

    async with Late(ZONE) as server:
        upstreams = Upstreams([at(server)], 2.0)
        assert (await put(upstreams)).body.code == reply.NOERROR
        await upstreams.close()

    assert server.conversations == 1
