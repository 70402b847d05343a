"""What is asked: the two mixes, and names that no server has seen. The same seed gives the same questions."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from blocklists import domain
from tests.bench.lists.names import LISTS

POPULAR = 5000
DIFFERENT = 50_000
"""Blocked names of the second mix; those of the first are among them."""
QUESTIONS = 200_000
BLOCKED_SHARE = 0.15
SEED = 1
INVENTED = "example"
"""Where our own names stand: resolvers answer for "test" themselves."""


def popular_candidates() -> list[str]:
    """5,000 names that a school asks for: the first of a ranking where there is one, else made up."""
    ranking = LISTS / "popular-10000.txt"
    found = ranking.read_text(encoding="utf-8").split() if ranking.exists() else []
    good = [name for name in found if domain.canonical(name) == name and "." in name]
    return [*good, *(f"www.school{n}.{INVENTED}" for n in range(POPULAR))][:POPULAR]


def drawn(blocked: Sequence[str], count: int) -> list[str]:
    """*count* of the *blocked* names, fewer where there are not so many; the first ones of a longer draw."""
    chance = random.Random(SEED)
    return chance.sample(blocked, min(DIFFERENT, len(blocked)))[:count]


def mix_a(popular: Sequence[str], blocked: Sequence[str], length: int = QUESTIONS) -> Iterator[str]:
    """Popular names in Zipf order, and 15% of 5,000 blocked ones strewn in."""
    chance = random.Random(SEED)
    weights = [1 / rank for rank in range(1, len(popular) + 1)]
    closed = drawn(blocked, POPULAR)
    for name in chance.choices(popular, weights, k=length):
        yield chance.choice(closed) if chance.random() < BLOCKED_SHARE else name


def mix_b(blocked: Sequence[str]) -> Iterator[str]:
    """Blocked names, 50,000 different ones, in no order."""
    chance = random.Random(SEED)
    yield from chance.choices(drawn(blocked, DIFFERENT), k=QUESTIONS)


def new_names(count: int, label: str) -> list[str]:
    """*count* permitted names that nobody asked for before, each a site of its own; *label* tells draws apart."""
    return [f"www.{label}{number}.{INVENTED}" for number in range(count)]


def write(names: Sequence[str], file: Path) -> Path:
    """Write *names* as dnsperf reads them."""
    file.write_text("".join(f"{name} A\n" for name in names), encoding="ascii")
    return file
