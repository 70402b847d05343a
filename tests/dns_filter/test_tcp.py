import asyncio
import contextlib
import socket
import struct

import pytest
from dnslib import DNSRecord

from tests.support.dns_client import SERVFAIL, addresses, ask, ask_by_tcp, extended, question
from tests.support.nameserver import Crooked, Fault


async def test_several_questions_share_a_connection(running):
    answers = await ask_by_tcp(running.dns, "learning.test", "gambling.test", "www.learning.test")
    found = {str(answer.q.qname): addresses(answer) for answer in answers}

    assert found == {
        "learning.test.": ["192.0.2.8"],
        "gambling.test.": ["192.0.2.99"],
        "www.learning.test.": ["192.0.2.8"],
    }


async def test_answers_come_as_they_are_ready(school, start):
    async with Crooked({"*": ["198.51.100.1"]}, Fault.SILENT, first=1) as slow, start(school, (slow.port,)) as running:
        first, second = await ask_by_tcp(running.dns, "learning.test", "gambling.test")

    assert (str(first.q.qname), str(second.q.qname)) == ("gambling.test.", "learning.test.")


async def test_a_stranger_is_refused(running):
    (answer,) = await ask_by_tcp(running.dns, "learning.test", source="127.9.9.9")
    assert extended(answer)[0] == 18


async def test_the_inner_listener_answers_by_tcp_too(running):
    (answer,) = await ask_by_tcp(running.inner, "gambling.test")
    assert addresses(answer) == ["192.0.2.1"]


async def closes(server: tuple[str, int], start: bytes) -> bytes:
    """What comes back until the server closes the connection."""
    reader, writer = await asyncio.open_connection(*server)
    try:
        writer.write(start)
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_too_long_a_question_ends_the_connection(running):
    assert await closes(running.dns, b"\xff\xff" + bytes(100)) == b""


async def test_an_idle_connection_is_ended(school, upstream, start, monkeypatch):
    monkeypatch.setattr("dns_filter.tcp.IDLE", 0.1)
    async with start(school, (upstream.port,)) as running:
        for drip in (b"", b"\0", b"\0\x20half a question"):
            assert await closes(running.dns, drip) == b""


async def test_more_connections_than_the_limit_are_closed_and_the_others_served(running, monkeypatch):
    monkeypatch.setattr("dns_filter.tcp.CONNECTIONS", 1)
    reader, writer = await asyncio.open_connection(*running.dns)
    packet = bytes(question("learning.test").pack())
    writer.write(len(packet).to_bytes(2) + packet)
    await reader.readexactly(2)
    with contextlib.suppress(ConnectionResetError):
        assert await closes(running.dns, b"") == b""
    writer.write(len(packet).to_bytes(2) + packet)
    await reader.readexactly(20)
    writer.close()
    await writer.wait_closed()


async def test_noise_ends_nothing_but_gets_an_error(running):
    reader, writer = await asyncio.open_connection(*running.dns)
    noise = b"\x12\x34\x01\0" + bytes(8)
    good = bytes(question("learning.test").pack())
    for packet in (noise, good):
        writer.write(len(packet).to_bytes(2) + packet)
    async with asyncio.timeout(5):
        answers = [await reader.readexactly(int.from_bytes(await reader.readexactly(2))) for _ in range(2)]
    codes = {DNSRecord.parse(answer).header.rcode for answer in answers}
    writer.close()
    await writer.wait_closed()

    assert codes == {0, 1}


@pytest.mark.parametrize("count", [40])
async def test_idle_connections_do_not_slow_udp(running, count):
    held = [await asyncio.open_connection(*running.dns) for _ in range(count)]
    async with asyncio.timeout(2):
        assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]
    for _, writer in held:
        writer.close()
        await writer.wait_closed()


async def test_a_failure_in_us_is_servfail_and_the_connection_goes_on(running, monkeypatch):
    reader, writer = await asyncio.open_connection(*running.dns)
    packet = bytes(question("learning.test").pack())
    codes = []
    for broken in (True, False):
        if broken:
            monkeypatch.setattr("dns_filter.wire.read", lambda _: 1 / 0)
        else:
            monkeypatch.undo()
        writer.write(len(packet).to_bytes(2) + packet)
        async with asyncio.timeout(5):
            answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        codes.append(answer[3] & 15)
    writer.close()
    await writer.wait_closed()

    assert codes == [SERVFAIL, 0]


async def test_a_connection_that_is_reset_disturbs_nobody(running):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.connect(running.dns)
        packet = bytes(question("news.test").pack())
        peer.sendall(len(packet).to_bytes(2) + packet)
    (answer,) = await ask_by_tcp(running.dns, "learning.test")

    assert addresses(answer) == ["192.0.2.8"]


async def test_ending_ends_open_connections(school, upstream, start):
    async with start(school, (upstream.port,)) as running:
        reader, writer = await asyncio.open_connection(*running.dns)
        packet = bytes(question("learning.test").pack())
        writer.write(len(packet).to_bytes(2) + packet)
        await reader.readexactly(2)
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
