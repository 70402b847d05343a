"""How long one lookup and one decision take, each timed by itself: medians, less what reading the clock takes."""

import os
import random
import statistics
import string
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from blocklists import defaults, index, sealed, url
from blocklists.clients import Client
from blocklists.policy import Kind, Policy, Request, decide
from blocklists.rulebook import ListUse, Role, Rulebook
from tests.bench.report import Row

ASKED = 20_000
ROUNDS = 5
SEED = 2
AT = 1_799_661_600 * 10**9
"""A Monday in term, ten o'clock."""
KNOWN_HOSTS = 5_000
"""Hosts that a school is on within some minutes; what a process keeps of hosts holds three times as many."""
CLIENT = Client("10.0.0.1", "ks3")


def microseconds(function: Callable[[Any], Any], arguments: Iterable[Any]) -> float:
    """The median over all *arguments*, the best of some rounds, without the clock's own share."""
    clock, asked = time.perf_counter_ns, list(arguments)
    best = min(statistics.median(_times(function, asked)) for _ in range(ROUNDS))
    empty = min(statistics.median(_times(lambda _: None, asked)) for _ in range(ROUNDS))
    assert clock() > 0
    return (best - empty) / 1000


def _times(function: Callable[[Any], Any], asked: list[Any]) -> list[int]:
    clock, times = time.perf_counter_ns, []
    for one in asked:
        start = clock()
        function(one)
        times.append(clock() - start)
    return times


def misses(count: int) -> list[str]:
    """Names that are on no list."""
    chance = random.Random(SEED)
    return [f"www.{''.join(chance.choices(string.ascii_lowercase, k=9))}.co.uk" for _ in range(count)]


def lookups(folder: str, listed: list[str]) -> tuple[float, float]:
    """(us on a hit, us on a miss) of the index in *folder*, with lists and rule; *listed* are names on it."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    opened = index.Index(Path(folder))
    hits = random.Random(SEED).sample(listed, min(ASKED, len(listed)))
    assert all(opened.listed(host)[0].lists for host in hits[:100])
    return microseconds(opened.listed, hits), microseconds(opened.listed, misses(ASKED))


def plain_dict(listed: list[str]) -> tuple[float, float]:
    """The same of a dict, asked for each suffix of a name: what a filter without an index would do."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    lists = ("list0",)
    table = dict.fromkeys(listed, lists)

    def found(host: str) -> tuple[str, tuple[str, ...]] | None:
        while True:
            if host in table:
                return host, table[host]
            _, dot, host = host.partition(".")
            if not dot:
                return None

    hits = random.Random(SEED).sample(listed, min(ASKED, len(listed)))
    return microseconds(found, hits), microseconds(found, misses(ASKED))


def decisions(folder: str, listed: list[str], pages: list[str]) -> dict[str, float]:
    """us of a decision on a URL, from its text on, by what its host has: nothing, open pages, sealed pages."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    policy = _policy(folder)
    plain = [f"https://{host}/a/page.html?x=1" for host in misses(KNOWN_HOSTS)]
    new = [f"https://{host}/a/page.html?x=1" for host in misses(ASKED)]
    beside = [f"https://{page.partition('/')[0]}/a/page.html?x=1" for page in pages]
    closed = [f"https://{page}?x=1" for page in pages]
    assert all(_decided(policy, text) for text in closed[:100])
    sealed_ones = [f"https://sealed{n % 1000}.test/pictures/{n}.jpg" for n in range(ASKED)]
    return {
        "a host without entries": microseconds(lambda text: _decided(policy, text), plain),
        "a host without entries that nobody asked for lately": microseconds(lambda text: _decided(policy, text), new),
        "a host without entries, its URL in canonical form already": microseconds(
            lambda parsed: decide(policy, Request(Kind.URL, CLIENT, parsed.host, AT, url=parsed)),
            [parsed for parsed in map(url.canonical, plain) if parsed],
        ),
        "a listed host": microseconds(
            lambda text: _decided(policy, text), [f"https://{host}/" for host in listed[:ASKED]]
        ),
        "a page beside listed ones": microseconds(lambda text: _decided(policy, text), beside),
        "a listed page": microseconds(lambda text: _decided(policy, text), closed),
        "a host with sealed URLs": microseconds(lambda text: _decided(policy, text), sealed_ones),
    }


def _decided(policy: Policy, text: str) -> bool:
    parsed = url.canonical(text)
    assert parsed
    return decide(policy, Request(Kind.URL, CLIENT, parsed.host, AT, url=parsed)).blocked


def _policy(folder: str) -> Policy:
    """The default policy with the lists of the bench as games, and 10,000 sealed URLs on a thousand hosts."""
    opened = index.Index(Path(folder))
    lines = [f"sealed{n % 1000}.test/hidden/{n}/".encode() for n in range(10_000)]
    key = bytes(range(sealed.KEY_SIZE))
    one = sealed.seal(lines, key)[0]
    book = defaults.rulebook("Bench School")
    uses = {name: ListUse(Role.CATEGORY, "games") for name in opened.manifest.rules}
    return Policy(_with(book, uses), opened, None, sealed.Sealed(sealed.SealedLists({"sealed": one}), key))


def _with(book: Rulebook, uses: dict[str, ListUse]) -> Rulebook:
    return msgspec.structs.replace(book, lists={**book.lists, **uses})


def rows(name: str, hit: float, miss: float, ours: tuple[float, float]) -> list[Row]:
    """The two figures of *name*; a ratio above 1 says that ours is faster."""
    return [
        Row(f"{name}: hit", hit, "us", "index", hit / ours[0]),
        Row(f"{name}: miss", miss, "us", "index", miss / ours[1]),
    ]
