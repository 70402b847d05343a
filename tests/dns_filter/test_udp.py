import asyncio
import contextlib
import socket

import httpx
import pytest

from dns_filter import batch, finished, server, udp
from dns_filter.records import Records
from tests.support.dns_client import FORMERR, SERVFAIL, addresses, ask, exchange, question

BOTH_WAYS = pytest.mark.parametrize("many", [pytest.param(True, id="many"), pytest.param(False, id="each")])


@pytest.fixture
async def running(school, upstream, start, monkeypatch, many):
    monkeypatch.setattr(batch, "usable", many and batch.usable)
    async with start(school, (upstream.port,)) as started:
        yield started


class Crowd(asyncio.DatagramProtocol):
    """Asks all at once from one socket, and collects what comes back."""

    def __init__(self, packets: list[bytes]) -> None:
        self.packets, self.answers = packets, asyncio.Queue()

    def connection_made(self, transport) -> None:
        for packet in self.packets:
            transport.sendto(packet)

    def datagram_received(self, data, _addr) -> None:
        self.answers.put_nowait(data)


async def crowd(server, packets) -> list[bytes]:
    transport, asking = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Crowd(packets), local_addr=("127.0.0.1", 0), remote_addr=server
    )
    try:
        async with asyncio.timeout(60):
            return [await asking.answers.get() for _ in packets]
    finally:
        transport.close()


def numbered(name: str, number: int) -> bytes:
    return number.to_bytes(2) + bytes(question(name).pack())[2:]


@BOTH_WAYS
async def test_each_of_many_packets_gets_its_own_answer(running):
    names = ["learning.test", "gambling.test", "adverts.test", "harm.test", "storybook.test"]
    for _ in range(2):  # finished answers and misses mixed, then finished ones only
        fresh = [f"n{number}.test" for number in range(10)]
        asked = [numbered(name, number) for number, name in enumerate([*names * 20, *fresh, *names])]
        answers = await crowd(running.dns, asked)
        by_number = {int.from_bytes(answer[:2]): answer for answer in answers}

        assert len(by_number) == len(asked)
        for number, packet in enumerate(asked):
            end = len(packet) - 11
            assert by_number[number][12:end] == packet[12:end]


@BOTH_WAYS
async def test_a_block_that_is_no_breach_counts_as_a_block(school, upstream, start, monkeypatch, many):
    monkeypatch.setattr(batch, "usable", many and batch.usable)
    school.write_sealed("sealed.test")
    async with start(school, (upstream.port,), metrics=("127.0.0.1", 0)) as running:
        for _ in range(3):
            await ask(running.dns, "adverts.test")
            await ask(running.dns, "9.2.0.193.in-addr.arpa", source="127.0.0.2")
            await ask(running.inner, "sealed.test")
            await ask(running.dns, "learning.test", source="127.0.0.3")
        host, port = running.endpoints["metrics"]
        async with httpx.AsyncClient(trust_env=False) as browser:
            lines = (await browser.get(f"http://{host}:{port}/metrics")).text.splitlines()

        assert running.recorder.written == 0
    counted = {line for line in lines if line.startswith("schoolgate_dns_questions_total") and "hit" in line}
    what = [("ks2", "block"), ("ks1", "block"), ("inner", "block"), ("staff", "allow")]
    for profile, verdict in what:
        line = f'schoolgate_dns_questions_total{{cache="hit",profile="{profile}",verdict="{verdict}"}} 2.0'
        assert line in counted
    assert not [
        line for line in counted if 'verdict="allow"' in line and "staff" not in line and not line.endswith(" 0.0")
    ]


@BOTH_WAYS
async def test_a_question_longer_than_any_is_malformed(running):
    packet = bytes(question("learning.test", edns=False).pack()) + bytes(6000)
    assert (await exchange(running.dns, packet))[3] & 15 == FORMERR


@BOTH_WAYS
async def test_an_empty_packet_is_met_with_silence(running):
    with pytest.raises(TimeoutError):
        await exchange(running.dns, b"", seconds=0.1)
    assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]


@BOTH_WAYS
async def test_a_failure_at_a_finished_answer_is_servfail_and_spares_its_neighbours(running, monkeypatch):
    def fails(runs, name, at):
        raise RuntimeError("planted")

    for name in ("learning.test", "gambling.test"):
        await ask(running.dns, name)
    for way in (udp, finished):
        monkeypatch.setattr(way, "count_repeat", fails)
    asked = [numbered(name, number) for number, name in enumerate(["learning.test", "gambling.test", "learning.test"])]
    answers = {answer[1]: answer for answer in await crowd(running.dns, asked)}

    assert [answers[number][3] & 15 for number in range(3)] == [0, SERVFAIL, 0]


@BOTH_WAYS
async def test_a_failure_while_waiting_is_servfail(running, monkeypatch):
    async def fails(_):
        raise RuntimeError("planted")

    monkeypatch.setattr(Records, "durable", fails)
    assert (await ask(running.dns, "harm.test", edns=False)).header.rcode == SERVFAIL
    assert addresses(await ask(running.dns, "learning.test")) == ["192.0.2.8"]


@BOTH_WAYS
async def test_too_many_waiting_questions_are_dropped(running, monkeypatch):
    monkeypatch.setattr(udp, "UNDER_WAY", 0)
    with pytest.raises(TimeoutError):
        await exchange(running.dns, bytes(question("news.test").pack()), seconds=0.1)
    assert addresses(await ask(running.dns, "gambling.test")) == ["192.0.2.99"]


def has_ipv6() -> bool:
    try:
        udp.bind("::1", 0).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback address")
@BOTH_WAYS
async def test_ipv6_clients_and_mapped_ones_are_answered(school, upstream, start, monkeypatch, many):
    monkeypatch.setattr(batch, "usable", many and batch.usable)
    school.write_clients({"::1/128": "ks2", "127.0.0.0/8": "staff"})
    async with start(school, (upstream.port,), listen=("[::]:0",), inner="") as running:
        port = running.dns[1]
        loop = asyncio.get_running_loop()
        for family, host, expected in (
            (socket.AF_INET6, "::1", b"\xc0\0\2\x63"),
            (socket.AF_INET, "127.0.0.1", b"\xc0\0\2\1"),
        ):
            with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as peer:
                peer.connect((host, port))
                for _ in range(2):
                    async with asyncio.timeout(60):
                        await loop.sock_sendall(peer, bytes(question("games.test").pack()))
                        assert expected in await loop.sock_recv(peer, 4096)


def test_a_port_that_is_not_ours_is_an_error():
    with pytest.raises(OSError, match="assign"):
        udp.bind("192.0.2.1", 0)


async def test_a_port_that_is_taken_for_tcp_is_named(school, upstream, start):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(OSError, match=f"cannot listen at {listen}"):
            async with start(school, (upstream.port,), listen=(listen,)):
                pass


async def test_an_address_that_is_not_ours_is_named(school, upstream, start):
    with pytest.raises(OSError, match=r"cannot listen at 192\.0\.2\.1:5300"):
        async with start(school, (upstream.port,), listen=("192.0.2.1:5300",)):
            pass


async def test_answers_that_the_kernel_does_not_take_are_counted_and_the_rest_go_out():
    with udp.bind("127.0.0.1", 0) as ours, udp.bind("127.0.0.1", 0) as theirs:
        for number in range(3):
            theirs.sendto(bytes([number]) * 20, ours.getsockname())
        slots = batch.Batch(ours)
        assert slots.receive() == 3
        assert [slots.packet(slot)[:1] for slot in range(3)] == [b"\0", b"\1", b"\2"]
        assert slots.peer(0) == theirs.getsockname()
        slots.outbox[0:4], slots.outbox[2464:2468] = b"zero", b"two!"
        slots.sizes[0] = slots.sizes[2] = 4
        slots.sizes[1] = 100_000  # longer than a UDP packet can be

        assert slots.send(0, 3) == 1
        assert [theirs.recv(100) for _ in range(2)] == [b"zero", b"two!"]
        assert slots.receive() == 0


def pour(server, source: str, packets: list[bytes]) -> socket.socket:
    """A socket from which all *packets* were sent at once."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    peer.bind((source, 0))
    peer.connect(server)
    for packet in packets:
        peer.send(packet)
    peer.setblocking(False)
    return peer


async def collected(peer: socket.socket, most: int, seconds: float = 5.0) -> set[int]:
    """The numbers of the answers that come, up to *most* of them, or until none has come for a while."""
    loop, numbers = asyncio.get_running_loop(), set()
    with contextlib.suppress(TimeoutError):
        while len(numbers) < most:
            numbers.add(int.from_bytes((await asyncio.wait_for(loop.sock_recv(peer, 512), seconds))[:2]))
    return numbers


@pytest.mark.skipif(not batch.usable, reason="this C library has no calls for many packets, so floods are not slowed")
async def test_a_flood_is_slowed_while_others_wait_and_answered_while_none_does(school, upstream, start):
    few = {"client_rate": 10, "client_burst": 100, "metrics": ("127.0.0.1", 0)}
    async with start(school, (upstream.port,), **few) as running:
        for source in ("127.0.0.9", "127.0.0.3"):
            await ask(running.dns, "news.test", source=source)
        with contextlib.closing(
            pour(running.dns, "127.0.0.9", [numbered("news.test", n) for n in range(500)])
        ) as alone:
            assert await collected(alone, 500) == set(range(500))
        await asyncio.sleep(2 * server.LOOK)  # the flood is noticed at the next look
        with contextlib.ExitStack() as both:
            flood = both.enter_context(
                contextlib.closing(pour(running.dns, "127.0.0.9", [numbered("news.test", n) for n in range(1000)]))
            )
            honest = both.enter_context(
                contextlib.closing(pour(running.dns, "127.0.0.3", [numbered("news.test", n) for n in range(200)]))
            )
            more = both.enter_context(
                contextlib.closing(pour(running.dns, "127.0.0.9", [numbered("news.test", n) for n in range(1000)]))
            )
            assert await collected(honest, 200) == set(range(200))
            lost = 2000 - len(await collected(flood, 1000, 0.5)) - len(await collected(more, 1000, 0.5))
        host, port = running.endpoints["metrics"]
        async with httpx.AsyncClient(trust_env=False) as browser:
            text = (await browser.get(f"http://{host}:{port}/metrics")).text
    assert lost > 0
    assert f"schoolgate_dns_limited_total {lost:.1f}" in text.splitlines()
