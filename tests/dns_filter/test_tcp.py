import asyncio
import contextlib
import select
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest
from dnslib import QTYPE, RR, TXT, DNSRecord

from dns_filter import doors, server
from tests.support.dns_client import SERVFAIL, addresses, ask, ask_by_tcp, extended, question
from tests.support.nameserver import Crooked, Fault, NameServer


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


async def closes(server: tuple[str, int], start: bytes, source: str = "127.0.0.1") -> bytes:
    """What comes back until the server closes the connection."""
    reader, writer = await asyncio.open_connection(*server, local_addr=(source, 0))
    try:
        writer.write(start)
        async with asyncio.timeout(60):
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


class Talkative(NameServer):
    """Answers with 60 kB of text, nearly as much as an answer can hold; over UDP it is cut."""

    def reply(self, packet: bytes, *, tcp: bool) -> bytes:
        answer = DNSRecord.parse(packet).reply()
        answer.header.tc = not tcp
        for number in range(230 if tcp else 0):
            answer.add_answer(RR(answer.q.qname, QTYPE.TXT, ttl=300, rdata=TXT(bytes([number]) * 250)))
        return bytes(answer.pack())


@pytest.fixture
def narrow(monkeypatch):
    """The kernel holds next to nothing, so that what a client does not read stays with us."""
    monkeypatch.setattr("dns_filter.tcp.UNREAD_BY_KERNEL", 4096)


@contextlib.asynccontextmanager
async def deaf(server: tuple[str, int], count: int) -> AsyncIterator[select.poll]:
    """A client that asks *count* times for a long answer and reads none; what says when its connection is reset."""
    loop = asyncio.get_running_loop()
    packet = bytes(question("learning.test", "TXT").pack())
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(peer, server)
        await loop.sock_sendall(peer, (len(packet).to_bytes(2) + packet) * count)
        reset = select.poll()
        reset.register(peer, 0)
        yield reset


async def metrics(running) -> list[str]:
    host, port = running.endpoints["metrics"]
    async with httpx.AsyncClient(trust_env=False) as browser:
        return (await browser.get(f"http://{host}:{port}/metrics")).text.splitlines()


@pytest.mark.parametrize(
    ("count", "limits"),
    [
        pytest.param(32, {}, id="more than a connection may hold"),
        pytest.param(2, {"IDLE": 0.2, "PARTING": 60.0}, id="for too long while others are written"),
        pytest.param(1, {"IDLE": 0.2, "PARTING": 0.2}, id="for too long when the connection ends"),
    ],
)
@pytest.mark.usefixtures("narrow")
async def test_a_client_that_leaves_its_answers_lying_is_reset_and_counted(school, start, monkeypatch, count, limits):
    for name, value in limits.items():
        monkeypatch.setattr(f"dns_filter.tcp.{name}", value)
    async with (
        Talkative({}) as upstream,
        start(school, (upstream.port,), metrics=("127.0.0.1", 0)) as running,
        deaf(running.dns, count) as reset,
    ):
        assert await asyncio.to_thread(reset.poll, 5000)
        assert "schoolgate_dns_unread_total 1.0" in await metrics(running)


@pytest.mark.usefixtures("narrow")
async def test_a_connection_that_is_still_to_be_read_takes_up_a_place(school, start, monkeypatch):
    monkeypatch.setattr("dns_filter.tcp.IDLE", 0.2)
    monkeypatch.setattr("dns_filter.tcp.PARTING", 60.0)
    monkeypatch.setattr("dns_filter.school_door.SchoolDoor.connections", 1)
    async with (
        Talkative({}) as upstream,
        start(school, (upstream.port,)) as running,
        deaf(running.dns, 1) as reset,
    ):
        for source in ("127.0.0.2", "127.0.0.1"):  # the idle limit comes for a neighbour, and so for the unread one
            assert await closes(running.dns, b"", source) == b""
        assert await asyncio.to_thread(reset.poll, 5000)


class Peer:
    """A client's connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def served(self) -> bool:
        """Whether a question is answered; False if the connection is over."""
        packet = bytes(question("learning.test").pack())
        try:
            async with asyncio.timeout(60):
                self.writer.write(len(packet).to_bytes(2) + packet)
                return bool(await self.reader.readexactly(int.from_bytes(await self.reader.readexactly(2))))
        except (EOFError, ConnectionError):
            return False


@pytest.fixture
async def connect():
    """Opens a connection to a server from a source address, and gets one answer on it."""
    async with contextlib.AsyncExitStack() as opened:

        async def end(writer: asyncio.StreamWriter) -> None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

        async def begin(server: tuple[str, int], source: str = "127.0.0.1") -> Peer:
            reader, writer = await asyncio.open_connection(*server, local_addr=(source, 0))
            opened.push_async_callback(end, writer)
            peer = Peer(reader, writer)
            assert await peer.served()
            return peer

        yield begin


async def test_a_client_with_too_many_connections_loses_the_one_that_was_still_the_longest(running, connect):
    neighbour = await connect(running.dns, "127.0.0.2")
    first, second, *others = [await connect(running.dns) for _ in range(doors.CONNECTIONS)]
    assert await first.served()
    newest = await connect(running.dns)

    assert not await second.served()
    assert all([await peer.served() for peer in (neighbour, first, *others, newest)])


async def test_when_all_places_are_taken_the_client_with_most_gives_one_up(running, connect, monkeypatch):
    monkeypatch.setattr("dns_filter.tcp.CONNECTIONS", 6)
    patient = await connect(running.dns, "127.0.0.2")
    modest = [await connect(running.dns, "127.0.0.3") for _ in range(2)]
    idlest, *others = [await connect(running.dns) for _ in range(3)]
    newest = await connect(running.dns, "127.0.0.4")

    assert not await idlest.served()
    assert all([await peer.served() for peer in (patient, *modest, *others, newest)])


async def test_our_own_proxies_may_have_more_connections_than_a_client(running, connect):
    first, *_ = [await connect(running.inner) for _ in range(doors.CONNECTIONS + 1)]
    assert await first.served()


async def test_connections_that_gave_up_their_place_are_counted(school, upstream, start, connect, monkeypatch):
    monkeypatch.setattr("dns_filter.school_door.SchoolDoor.connections", 1)
    async with start(school, (upstream.port,), metrics=("127.0.0.1", 0)) as running:
        for _ in range(3):
            await connect(running.dns)
        assert "schoolgate_dns_displaced_total 2.0" in await metrics(running)


async def test_noise_ends_nothing_but_gets_an_error(running):
    reader, writer = await asyncio.open_connection(*running.dns)
    noise = b"\x12\x34\x01\0" + bytes(8)
    good = bytes(question("learning.test").pack())
    for packet in (noise, good):
        writer.write(len(packet).to_bytes(2) + packet)
    async with asyncio.timeout(60):
        answers = [await reader.readexactly(int.from_bytes(await reader.readexactly(2))) for _ in range(2)]
    codes = {DNSRecord.parse(answer).header.rcode for answer in answers}
    writer.close()
    await writer.wait_closed()

    assert codes == {0, 1}


@pytest.mark.parametrize("count", [40])
async def test_idle_connections_do_not_slow_udp(running, count):
    sources = [f"127.0.0.{1 + number % 4}" for number in range(count)]
    held = [await asyncio.open_connection(*running.dns, local_addr=(source, 0)) for source in sources]
    async with asyncio.timeout(2):
        assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]
    for _, writer in held:
        writer.close()
        await writer.wait_closed()


async def test_200_connections_that_are_idle_or_drip_do_not_slow_others(running, connect):
    idle = [await connect(running.dns, f"127.0.0.{client}") for client in range(10, 20) for _ in range(19)]
    dripping = [await connect(running.dns, f"127.0.0.{client}") for client in range(20, 30)]
    slow, news = bytes(question("games.test").pack()), await connect(running.dns)
    for byte in len(slow).to_bytes(2) + slow[:-1]:
        for peer in dripping:
            peer.writer.write(bytes([byte]))
        assert await news.served()
    async with asyncio.timeout(60):
        assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]
    for peer in dripping:
        peer.writer.write(slow[-1:])
        assert await peer.reader.readexactly(int.from_bytes(await peer.reader.readexactly(2)))

    served = [await peer.served() for peer in (*idle, *dripping)]
    assert served.count(False) == 1  # all 200 places were taken, so the newcomer has that of the idlest


@pytest.mark.parametrize("first", [ask, ask_by_tcp], ids=["UDP", "TCP"])
async def test_an_answer_that_was_finished_serves_tcp_too(school, upstream, start, first):
    async with start(school, (upstream.port,), metrics=("127.0.0.1", 0)) as running:
        await first(running.dns, "learning.test")
        await ask_by_tcp(running.dns, "learning.test")
        hit = 'schoolgate_dns_questions_total{cache="hit",profile="ks2",verdict="allow"} 1.0'
        assert hit in await metrics(running)


async def test_a_finished_answer_that_was_cut_for_udp_is_whole_over_tcp(running):
    assert all([(await ask(running.dns, "long.test")).header.tc for _ in range(2)])
    (answer,) = await ask_by_tcp(running.dns, "long.test")

    assert (answer.header.tc, len(addresses(answer))) == (0, 89)


async def test_repeats_of_a_breach_over_tcp_are_counted(running):
    await ask_by_tcp(running.dns, *["gambling.test"] * 5)
    await ask_by_tcp(running.dns, "gambling.test")

    assert (running.recorder.written, running.recorder.repeats) == (1, 5)


async def test_a_long_pipeline_is_answered_whole(running):
    names = [f"n{number % 70}.learning.test" for number in range(300)]
    answers = await ask_by_tcp(running.dns, *names)

    assert Counter(str(answer.q.qname).rstrip(".") for answer in answers) == Counter(names)


async def test_an_empty_message_is_passed_over(running):
    packet = bytes(question("learning.test").pack())
    reader, writer = await asyncio.open_connection(*running.dns)
    writer.write(b"\0\0" + len(packet).to_bytes(2) + packet)
    writer.write_eof()
    async with asyncio.timeout(60):
        assert (await reader.read())[2:4] == packet[:2]
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
        async with asyncio.timeout(60):
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
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_a_buffer_full_of_questions_on_one_connection_lets_others_have_their_turn(running):
    """Each is answered at once, so nothing but the listener's own pauses lets anybody else in."""
    packet = bytes(question("gambling.test").pack())
    turns = 0

    async def count_turns():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    reader, writer = await asyncio.open_connection(*running.dns)
    counting = asyncio.create_task(count_turns())
    try:
        writer.write((len(packet).to_bytes(2) + packet) * 5000)
        async with asyncio.timeout(30):
            for _ in range(5000):
                await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        assert turns > 20
    finally:
        counting.cancel()
        writer.close()


async def test_a_client_that_floods_over_tcp_is_answered_at_its_rate(school, upstream, start):
    packet = bytes(question("learning.test").pack())
    sent = len(packet).to_bytes(2) + packet
    async with start(school, (upstream.port,), client_rate=10, client_burst=100) as running:
        reader, writer = await asyncio.open_connection(*running.dns)
        try:
            writer.write(sent * 1000)
            for _ in range(1000):
                await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
            await asyncio.sleep(3 * server.LOOK)  # the flood is noticed at the next look
            writer.write(sent * 1000)
            heard = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    while True:
                        await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
                        heard += 1
        finally:
            writer.close()
    assert heard < 100
