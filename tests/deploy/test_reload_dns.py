"""New settings of a DNS worker cost nobody an answer, nor the worker what it remembers."""

import asyncio
import contextlib
import itertools
import signal
import socket

import pytest

from dns_filter.ask import ask
from dns_filter.practice import WILDCARD, NameServer
from tests.support.commands import started, until
from tests.support.gateway import WEB_SITES, Gateway, question
from tests.support.scrape import scraped

RELOADS = 3
BURST = 9
"""Questions at once: three of each kind."""
MOST = 150
"""Questions without an answer: no buffer is full of them, here or at the resolver's."""
KNOWN, CLOSED = "positive.test", "gambling.test"


class Slow(NameServer):
    """Answers after *seconds*."""

    def __init__(self, gateway, seconds=0.3):
        super().__init__({WILDCARD: [WEB_SITES]}, ("127.0.0.1", gateway.upstream), ttl=300)
        self.seconds = seconds

    def send(self, transport, message, client):
        asyncio.get_running_loop().call_later(self.seconds, super().send, transport, message, client)

    def asked_for(self, name):
        return sum(asked == name for asked, _ in self.questions)


class Asker(asyncio.DatagramProtocol):
    """Asks steadily and never twice; *waiting* are the numbers of questions that have no answer yet."""

    def __init__(self):
        self.waiting, self.asked = set(), 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, _):
        self.waiting.discard(int.from_bytes(data[:2]))

    async def ask_on(self):
        for number in itertools.count(1):
            name = (KNOWN, CLOSED, f"n{number}.positive.test")[number % 3]
            self.waiting.add(number)
            self.transport.sendto(question(name, number))
            self.asked = number
            if number % BURST == 0:
                await asyncio.sleep(0.01)
            while len(self.waiting) > MOST:  # noqa: ASYNC110 - as below
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def asking(gateway):
    transport, asker = await asyncio.get_running_loop().create_datagram_endpoint(
        Asker, remote_addr=("127.0.0.1", gateway.dns)
    )
    going_on = asyncio.create_task(asker.ask_on())
    try:
        yield asker
    finally:
        going_on.cancel()
        async with asyncio.timeout(60):
            while asker.waiting:  # noqa: ASYNC110 - the answers come to a callback
                await asyncio.sleep(0.01)
        transport.close()


async def times_ready(log, times):
    await asyncio.to_thread(until, lambda: log.read_text().count("INFO Ready: ") >= times)


@pytest.fixture
def gateway(tmp_path):
    return Gateway(tmp_path)


@pytest.fixture
async def served(tmp_path, gateway):
    """A worker, its log, and a resolver that takes its time."""
    log = tmp_path / "log"
    with started("dns", "--config", str(gateway.file), folder=tmp_path, log=log) as process:
        async with Slow(gateway) as upstream:
            yield process, log, upstream


async def reload(process, log):
    before = log.read_text().count("INFO Ready: ")
    process.send_signal(signal.SIGHUP)
    await times_ready(log, before + 1)


async def test_no_question_is_lost_while_settings_change(gateway, served):
    process, log, _ = served
    async with asking(gateway) as asker:
        for place in range(RELOADS):
            text = gateway.file.read_text()
            gateway.file.write_text(text.replace(f"127.0.0.{81 + place}", f"127.0.0.{82 + place}"))
            await reload(process, log)
    assert asker.asked > 100
    assert not asker.waiting
    assert (await ask(("127.0.0.1", gateway.dns), CLOSED)).addresses == (f"127.0.0.{81 + RELOADS}",)
    assert not [line for line in log.read_text().splitlines() if " ERROR " in line]


async def test_no_question_is_lost_by_settings_that_cannot_be_served(gateway, served):
    process, log, _ = served
    good = gateway.file.read_text()
    async with asking(gateway) as asker:
        gateway.file.write_text(good.replace(f"127.0.0.1:{gateway.dns}", "203.0.113.9:5300"))
        await reload(process, log)
    assert "the old one stays in force" in log.read_text()
    assert not asker.waiting
    gateway.file.write_text(good.replace("127.0.0.81", "127.0.0.82"))
    await reload(process, log)
    assert (await ask(("127.0.0.1", gateway.dns), CLOSED)).addresses == ("127.0.0.82",)


async def test_a_connection_goes_on_under_new_settings(gateway, served):
    process, log, _ = served
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.dns)

    async def answer(name):
        packet = question(name)
        writer.write(len(packet).to_bytes(2) + packet)
        async with asyncio.timeout(60):
            return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))

    assert socket.inet_aton("127.0.0.81") in await answer(CLOSED)
    slow = asyncio.create_task(answer("slow.positive.test"))
    gateway.file.write_text(gateway.file.read_text().replace("127.0.0.81", "127.0.0.82"))
    await reload(process, log)
    assert socket.inet_aton(WEB_SITES) in await slow
    assert socket.inet_aton("127.0.0.82") in await answer(CLOSED)
    writer.close()
    await writer.wait_closed()


async def asked_across(gateway, served, setting: str) -> int:
    """How often upstream is asked for a name that is asked for before and after a reload with *setting*."""
    process, log, upstream = served
    at = ("127.0.0.1", gateway.dns)
    await ask(at, KNOWN)
    gateway.file.write_text(gateway.file.read_text().replace("[dns]\n", f"[dns]\n{setting}\n"))
    await reload(process, log)
    await ask(at, KNOWN)
    return upstream.asked_for(KNOWN)


async def test_what_upstream_said_is_remembered_by_settings_that_ask_the_same(gateway, served):
    assert await asked_across(gateway, served, "client_rate = 900") == 1
    assert "schoolgate_dns_cache_answers 1.0" in scraped(gateway.settings.config.metrics.dns)


async def test_what_upstream_said_is_forgotten_by_settings_that_may_hear_otherwise(gateway, served):
    assert await asked_across(gateway, served, "stale_seconds = 0") == 2


async def test_an_address_that_is_no_longer_named_is_given_back(gateway, served):
    process, log, _ = served
    text = gateway.file.read_text()
    gateway.file.write_text(text.replace(f"127.0.0.1:{gateway.dns}", f"127.0.0.71:{gateway.dns}"))
    await reload(process, log)
    assert (await ask(("127.0.0.71", gateway.dns), CLOSED, source="127.0.0.1")).addresses == ("127.0.0.81",)
    await asyncio.to_thread(until, lambda: is_free("127.0.0.1", gateway.dns))


def is_free(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        probe.bind((host, port))
        return True
    return False


async def test_it_ends_in_order_in_the_middle_of_new_settings(gateway, served):
    process, log, _ = served
    waiting = asyncio.create_task(ask(("127.0.0.1", gateway.dns), "slow.positive.test"))
    await reload(process, log)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 10) == 0
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not [line for line in log.read_text().splitlines() if " ERROR " in line]
