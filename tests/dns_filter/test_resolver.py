import asyncio
import contextlib
import itertools
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator

import httpx
from dnslib import QTYPE, DNSRecord
from msgspec import structs

from blocklists.live import Live
from blocklists.rulebook import Permit
from dns_filter.doors import WAITING
from tests.dns_filter.conftest import ZONE
from tests.support.dns_client import NOERROR, SERVFAIL, addresses, ask, ask_by_tcp, extended, question
from tests.support.eventually import eventually
from tests.support.hour import FOUND, SECOND
from tests.support.nameserver import NameServer
from tests.support.school import profiles, rulebook

CLOSED = ["192.0.2.99"]

MOST = WAITING // 9 + 1
"""Answers that one client alone may wait for: one more while it has less than an eighth of those that are free."""
MOST_NETWORK = WAITING // 5
"""The same for all addresses of one IPv6 /64: one more while they have less than a quarter."""


async def heard(server: tuple[str, int], name: str) -> list[str]:
    (answer,) = await ask_by_tcp(server, name)
    return addresses(answer)


async def test_a_verdict_of_the_timetable_ends_over_tcp_too(hour):
    filtering, server = hour
    assert await heard(server, "social.test") == FOUND

    filtering.now += SECOND
    assert await heard(server, "social.test") == CLOSED


async def test_who_asked_before_the_bell_and_is_answered_after_it_meets_the_later_verdict(hour):
    filtering, server = hour
    assert await heard(server, "social.test") == FOUND
    filtering.free.clear()
    filtering.asked.clear()

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(heard(server, "www.social.test"))
        await filtering.asked.wait()
        filtering.now += SECOND
        filtering.free.set()

    assert waiting.result() == CLOSED


async def test_the_small_answer_for_any_type_holds_until_the_bell_and_no_longer(hour):
    resolver = hour[0].resolver
    answer = resolver.begin(bytes(question("social.test", "ANY").pack()), "127.0.0.1", resolver.school)
    assert [rr.ttl for rr in DNSRecord.parse(answer).rr] == [1]


async def test_who_asked_for_an_engine_before_its_rules_changed_is_answered_by_the_later_ones(hour, school):
    filtering, server = hour
    filtering.free.clear()

    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(ask_by_tcp(server, "www.bing.com"))
        await filtering.asked.wait()
        lax = {name: structs.replace(profile, safe_search=False) for name, profile in profiles().items()}
        school.write_policy(rulebook(profiles=lax))
        live = Live(school.files)
        live.refresh()
        filtering.resolver.renew(live.policy, live.clients, live.version, clock_ok=True)
        filtering.free.set()

    (answer,) = waiting.result()
    assert [rr.rtype for rr in answer.rr] == [QTYPE.A]


async def test_a_pass_ends_at_its_time_over_tcp(running, school):
    until = time.time_ns() + 2 * SECOND
    school.write_permits(Permit(1, opens=True, entries=("games.test",), until=until, profiles=("ks2",)))

    async def opened():
        return await heard(running.dns, "games.test") == FOUND

    async def closed():
        return not await opened()

    await eventually(opened, 1.9)
    await eventually(closed)
    assert until <= time.time_ns() < until + SECOND


class Silent(NameServer):
    """Has nothing to say of "silent.test"."""

    def reply(self, packet: bytes, *, tcp: bool) -> bytes | None:
        answer = super().reply(packet, tcp=tcp)
        return None if b"\6silent\4test" in packet.lower() else answer


@contextlib.asynccontextmanager
async def flood(
    server: tuple[str, int], count: int, source: str = "127.0.0.1"
) -> AsyncIterator[asyncio.Queue[DNSRecord]]:
    """One client that asks *count* names of the silent zone at once; what it hears."""
    loop = asyncio.get_running_loop()
    answers: asyncio.Queue[DNSRecord] = asyncio.Queue()

    def take() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                answers.put_nowait(DNSRecord.parse(peer.recv(4096)))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)  # answers that time out come all at once
        peer.bind((source, 0))
        peer.connect(server)
        loop.add_reader(peer, take)
        try:
            for number in range(count):
                await loop.sock_sendall(peer, bytes(question(f"n{number}.{source}.silent.test").pack()))
                if number % 40 == 0:
                    await asyncio.sleep(0)
            yield answers
        finally:
            loop.remove_reader(peer)


async def test_a_client_that_asks_a_silent_zone_delays_only_itself(school, start):
    count = 600
    async with (
        Silent(ZONE) as upstream,
        start(school, (upstream.port,), upstream_timeout=4.0, metrics=("127.0.0.1", 0)) as running,
        flood(running.dns, count) as answers,
        asyncio.timeout(3.5),
    ):
        refused = [await answers.get() for _ in range(count - MOST)]
        assert {(a.header.rcode, extended(a)[0]) for a in refused} == {(SERVFAIL, 0)}
        started = time.monotonic()
        assert addresses(await ask(running.dns, "news.test", source="127.0.0.3")) == FOUND
        assert time.monotonic() - started < 1.0
        assert len({name for name, _ in upstream.questions if name.endswith("silent.test")}) <= MOST
        host, port = running.endpoints["metrics"]
        async with httpx.AsyncClient(trust_env=False) as browser:
            text = (await browser.get(f"http://{host}:{port}/metrics")).text
        assert f"schoolgate_dns_dropped_total {count - MOST:.1f}" in text.splitlines()


async def test_a_client_that_waited_for_too_much_is_answered_again_afterwards(school, start):
    async with (
        Silent(ZONE) as upstream,
        start(school, (upstream.port,), upstream_timeout=0.5) as running,
        flood(running.dns, MOST + 10) as answers,
        asyncio.timeout(20),
    ):
        for _ in range(MOST + 10):
            await answers.get()
        assert addresses(await ask(running.dns, "news.test")) == FOUND


async def test_two_dozen_clients_that_ask_a_silent_zone_delay_only_themselves(school, start):
    async with (
        Silent(ZONE) as upstream,
        start(school, (upstream.port,), upstream_timeout=5.0) as running,
        contextlib.AsyncExitStack() as floods,
    ):
        for number in range(24):
            await floods.enter_async_context(flood(running.dns, 60, f"127.0.0.{10 + number}"))
        started = time.monotonic()
        assert addresses(await ask(running.dns, "news.test", source="127.0.0.3")) == FOUND
        assert time.monotonic() - started < 2.0


async def test_twenty_busy_clients_of_the_proxies_leave_room_for_another(school, start):
    async with (
        Silent(ZONE) as upstream,
        start(school, (upstream.port,), upstream_timeout=5.0) as running,
        flood(running.inner, 20 * 40) as answers,
    ):
        started = time.monotonic()
        assert addresses(await ask(running.inner, "news.test")) == FOUND
        assert time.monotonic() - started < 2.0
        assert answers.empty()


async def test_one_device_with_many_ipv6_addresses_waits_for_no_more_than_its_network_may(hour, school):
    filtering, _ = hour
    school.write_clients({"2001:db8::/32": "ks2"})
    live = Live(school.files)
    live.refresh()
    resolver = filtering.resolver
    resolver.renew(live.policy, live.clients, live.version, clock_ok=True)
    filtering.free.clear()

    def begin(number: int, address: str) -> asyncio.Task:
        return asyncio.create_task(
            resolver.begin(bytes(question(f"n{number}.test").pack()), address, resolver.school)  # what UDP calls
        )

    device = [begin(number, f"2001:db8:1::{number // 40 + 1:x}") for number in range(1000)]
    async with asyncio.timeout(60):
        refused = [await first for first in itertools.islice(asyncio.as_completed(device), 1000 - MOST_NETWORK)]
        assert {packet[3] & 15 for packet in refused} == {SERVFAIL}
        elsewhere = begin(1000, "2001:db8:2::1")
        filtering.free.set()
        assert addresses(DNSRecord.parse(await elsewhere)) == FOUND
        codes = Counter(packet[3] & 15 for packet in await asyncio.gather(*device))
    assert codes == {SERVFAIL: 1000 - MOST_NETWORK, NOERROR: MOST_NETWORK}
