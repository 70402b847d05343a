"""A worker's leaves: asked for once, kept within a bound, and closed without a signer."""

import asyncio
import gc
import tracemalloc

import pytest
from cryptography import x509

from proxy_addons import leaves
from proxy_addons.leaves import Leaves
from proxy_addons.target import host_of
from tests.support.proxy_school import School
from tests.support.signing_school import signing_for

BYTES_EACH = 1000
"""What a kept host may take: one certificate of some 400 bytes, its name, and its place in a table."""


async def test_a_host_is_asked_for_once_however_many_wait(school: School, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "schoolgate.signer")
    async with signing_for(school) as path:
        kept = Leaves(path)
        found = await asyncio.gather(*(kept.of("games.test") for _ in range(20)))
        await kept.of("games.test")
    assert {one.serial_number for one in found} == {found[0].serial_number}
    assert found[0].public_key() == kept.key.public_key()
    assert caplog.messages == ["Signed games.test."]


async def fill(kept: Leaves, hosts: range) -> None:
    """Have *kept* ask for a leaf for each of *hosts*."""
    for start in range(hosts.start, hosts.stop, 100):
        names = [f"host{number}.example.test" for number in range(start, min(start + 100, hosts.stop))]
        assert all(await asyncio.gather(*map(kept.of, names)))


async def test_of_ten_thousand_hosts_as_many_are_kept_as_the_bound_says(school: School) -> None:
    async with signing_for(school, rate=1e6) as path:
        kept = Leaves(path)
        await fill(kept, range(10_000))
        assert len(kept) == leaves.CAP


async def test_a_host_that_is_kept_has_its_bytes(school: School) -> None:
    async with signing_for(school, rate=1e6) as path:
        kept = Leaves(path)
        await fill(kept, range(100))
        for number in range(100, 600):
            host_of(f"host{number}.example.test")  # is remembered for every host, with a leaf or without
        gc.collect()
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        await fill(kept, range(100, 600))
        gc.collect()  # what is over, of handshakes and of other tests, is nobody's
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (after - before) / 500 < BYTES_EACH


async def test_the_longest_unused_gives_way(school: School, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "schoolgate.signer")
    async with signing_for(school) as path:
        kept = Leaves(path, cap=2)
        for host in ("a.test", "b.test", "a.test", "c.test", "a.test", "b.test"):
            assert await kept.of(host)
    assert caplog.messages == [f"Signed {host}.test." for host in "abcb"]


async def test_without_a_signer_what_is_kept_serves_and_what_is_new_does_not(school: School) -> None:
    async with signing_for(school) as path:
        kept = Leaves(path)
        assert await kept.of("games.test")
    assert await kept.of("games.test")
    assert await kept.of("other.test") is None


async def test_a_signer_that_comes_back_is_asked_again(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaves, "_AWAY_FOR", 0)
    kept = Leaves(school.folder / "signer.sock")
    assert await kept.of("games.test") is None
    async with signing_for(school):
        assert await kept.of("games.test")


async def test_a_refusal_is_kept_for_a_moment(school: School, caplog: pytest.LogCaptureFixture) -> None:
    async with signing_for(school) as path:
        kept = Leaves(path)
        assert [await kept.of("help.test") for _ in range(3)] == [None] * 3
    assert caplog.messages == ["Refused: never opened: help.test."]


async def test_a_leaf_is_made_anew_in_time_and_serves_until_there_is_a_new_one(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaves, "RENEWED", 0)
    monkeypatch.setattr(leaves, "_AWAY_FOR", 0)
    async with signing_for(school) as path:
        kept = Leaves(path)
        first, second = [await kept.of("games.test") for _ in range(2)]
    assert isinstance(first, x509.Certificate)
    assert first.serial_number != second.serial_number
    assert (await kept.of("games.test")).serial_number == second.serial_number
    monkeypatch.setattr(leaves, "ENDS", 0)
    assert await kept.of("games.test") is None
