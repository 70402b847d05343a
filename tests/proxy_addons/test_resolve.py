import asyncio
import socket
from collections.abc import Iterator

import pytest

from proxy_addons import resolve
from proxy_addons.addresses import Reach
from proxy_addons.resolve import NoAnswerError, NoSuchNameError, RefusedAddressError, Resolver
from tests.support.proxy_school import Nameserver

ZONE = {
    "public.test": ["93.184.215.14", "2606:4700::1111"],
    "private.test": ["192.168.1.1"],
    "mixed.test": ["10.0.0.1", "93.184.215.14"],
    "metadata.test": ["169.254.169.254"],
    "own.test": ["127.0.0.1"],
}


@pytest.fixture
def dns() -> Iterator[Nameserver]:
    with Nameserver(ZONE) as server:
        yield server


def resolver(dns: Nameserver, *named: str) -> Resolver:
    return Resolver(("127.0.0.1", dns.port), Reach(named))


async def test_a_name_gets_the_addresses_that_our_own_listener_gives(dns: Nameserver) -> None:
    assert await resolver(dns).addresses("Public.test", 443) == ("93.184.215.14", "2606:4700::1111")


@pytest.mark.parametrize("host", ["private.test", "metadata.test", "127.0.0.1", "0x7f.1", "[::1]", "2130706433"])
async def test_a_private_address_is_refused_however_it_is_reached(dns: Nameserver, host: str) -> None:
    with pytest.raises(RefusedAddressError):
        await resolver(dns).addresses(host, 443)


async def test_of_several_addresses_only_the_public_ones_are_given(dns: Nameserver) -> None:
    assert await resolver(dns).addresses("mixed.test", 443) == ("93.184.215.14",)


async def test_our_own_ports_are_refused_even_where_loopback_is_named(dns: Nameserver) -> None:
    asked = resolver(dns, "127.0.0.1/32")
    asked.own_ports = {8080}
    assert await asked.addresses("own.test", 8081) == ("127.0.0.1",)
    with pytest.raises(RefusedAddressError):
        await asked.addresses("own.test", 8080)


async def test_a_name_that_is_not_there_is_said_to_be_so(dns: Nameserver) -> None:
    for host in ("nowhere.test", "good.test@evil.test"):
        with pytest.raises(NoSuchNameError):
            await resolver(dns).addresses(host, 443)


async def test_a_listener_that_cannot_say_is_not_taken_for_a_name_that_is_not_there(dns: Nameserver) -> None:
    dns.failing = True
    with pytest.raises(NoAnswerError):
        await resolver(dns).addresses("public.test", 443)


async def test_a_truncated_answer_is_asked_for_again_over_tcp(dns: Nameserver) -> None:
    dns.truncating = True
    assert await resolver(dns).addresses("public.test", 443) == ("93.184.215.14", "2606:4700::1111")


async def test_a_listener_that_is_silent_or_away_never_leads_to_the_systems_resolver(
    dns: Nameserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "TIMEOUT", 0.05)
    dns.silent = True
    asked = resolver(dns)
    with resolve.installed(asked, asyncio.get_running_loop()), pytest.raises(NoAnswerError):
        await asyncio.open_connection("localhost", 9)
    before = len(dns.asked)
    with pytest.raises(NoAnswerError):
        await asked.addresses("localhost", 9)
    assert len(dns.asked) == before, "that there was no answer is remembered for a moment"
    away = Resolver(("127.0.0.1", 9), Reach())
    with pytest.raises(NoAnswerError):
        await away.addresses("localhost", 9)


async def test_the_loop_resolves_by_us_only_while_installed(dns: Nameserver) -> None:
    loop = asyncio.get_running_loop()
    with resolve.installed(resolver(dns), loop):
        found = await loop.getaddrinfo("public.test", 443, type=socket.SOCK_STREAM)
        assert [info[4][0] for info in found] == ["93.184.215.14", "2606:4700::1111"]
        only = await loop.getaddrinfo("public.test", 443, family=socket.AF_INET6)
        assert [info[4][0] for info in only] == ["2606:4700::1111"]
    assert "public.test" in dns.asked
    assert (await loop.getaddrinfo("127.0.0.1", 1))[0][4][0] == "127.0.0.1"


async def test_an_answer_is_kept_for_a_moment_and_no_longer_than_its_ttl(
    dns: Nameserver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolver(dns)
    for _ in range(3):
        await asked.addresses("public.test", 443)
    assert dns.asked.count("public.test") == 2
    monkeypatch.setattr(resolve, "KEPT", 0.0)
    monkeypatch.setattr(resolve, "KEPT_AT_LEAST", 0.0)
    fresh = resolver(dns)
    for _ in range(3):
        await fresh.addresses("public.test", 443)
    assert dns.asked.count("public.test") == 8


async def test_what_is_kept_is_bounded(dns: Nameserver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "MOST_KEPT", 2)
    asked = resolver(dns)
    for host in ("public.test", "mixed.test", "good.test", "own.test"):
        await asked._look_up(host)
    assert set(asked._kept) == {"good.test", "own.test"}


async def test_names_of_the_sink_lead_to_the_sink(dns: Nameserver) -> None:
    asked = resolver(dns)
    asked.sink = ("127.0.0.1", 4711)
    shared, own = resolve.sink_name(shared=True), resolve.sink_name(shared=False)
    assert shared != own
    for name in (shared, own):
        assert [info[4] for info in await asked.getaddrinfo(name, 80)] == [("127.0.0.1", 4711)]
