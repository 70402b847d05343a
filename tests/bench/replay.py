"""A school's day, replayed: does every planted concern reach a person, and how much else does?

    python -m tests.bench.replay [--pupils 200] [--requests 400000] [--seed 7]

A generated day of pupils from KS2 to KS5, the same for the same seed: lessons' sites with their parts, adverts,
unknown sites, games, searches of a lesson that sound worse than they are, parts of closed sites on other people's
pages, one closed page opened by mistake, visits to helplines. Into it twelve concerns are planted (`replay_day.csv`),
each site among them as a page with 300 closed parts. Each request is decided by the shipped policy, index and themes,
written by a real recorder and taken in by a real ingest with the shipped rules; only the clock is ours. Prints a
table and writes build/bench/replay.json.
"""

import argparse
import asyncio
import csv
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import select

from blocklists import defaults, themes, url
from blocklists.clients import Client
from blocklists.live import Live
from blocklists.policy import Kind, Policy, Request, decide
from deploy import config, setup
from proxy_addons.background import is_background
from proxy_addons.judge import _digest, _run_of
from reporting.alerts import Desk
from reporting.breach import breach_of
from reporting.concern import concern_of
from reporting.database import opened
from reporting.ingest import Ingest
from reporting.models import AlertRow
from reporting.recorder import Recorder
from reporting.settings import ContactSettings
from tests.bench.report import Row, say, write
from tests.support.journals import SEED, open_journal

NS = 1_000_000_000
MORNING = 1_810_542_600 * NS
"""08:30 in London on Wednesday 17 May 2027."""

LESSONS = 7 * 3600
"""Seconds from then until half past three."""

PARTS = 300
PROFILES = ("ks2", "ks3", "ks4", "ks5")
SHARES = (("lesson", 70), ("advert", 16), ("unknown", 7), ("play", 4), ("search", 2), ("part", 1))


class Asked(NamedTuple):
    """One request of the day: when (seconds), whose, of what host, with which words and headers."""

    at: float
    pupil: int
    host: str
    terms: str = ""
    headers: Mapping[str, str] = MappingProxyType({})


class Planted(NamedTuple):
    """A concern that was put into the day."""

    pupil: int
    theme: str


class Outcome(NamedTuple):
    """What became of a day: *others* counts alerts about nothing that was planted, by theme."""

    requests: int
    breaches: int
    found: set[Planted]
    missed: set[Planted]
    others: Counter[str]
    seconds: float


def main() -> None:
    """Replay, print, write."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="schoolgate-replay-") as folder:
        outcome = asyncio.run(replay(Path(folder), options.pupils, options.requests, options.seed))
    rows = [
        Row("requests", outcome.requests, "requests"),
        Row("breaches on record", outcome.breaches, "rows"),
        Row("planted concerns that alerted", len(outcome.found), "alerts", "planted", len(outcome.found) / 12),
        Row("other alerts", sum(outcome.others.values()), "alerts"),
        Row("time", outcome.seconds, "s"),
    ]
    for row in rows:
        say(f"{row.what:32} {row.value:>12,.0f} {row.unit}")
    for planted in sorted(outcome.missed):
        say(f"missed: {planted.theme} of pupil {planted.pupil}")
    for theme, count in outcome.others.items():
        say(f"besides: {count} of {theme or 'no theme'}")
    write("replay", rows, {}, {"seed": options.seed, "missed": sorted(outcome.missed), "others": outcome.others})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pupils", type=int, default=200)
    parser.add_argument("--requests", type=int, default=400_000)
    parser.add_argument("--seed", type=int, default=7)
    return parser.parse_args()


async def replay(folder: Path, pupils: int, requests: int, seed: int) -> Outcome:
    """Replay a day in *folder*, which is empty."""
    began = time.perf_counter()
    setup.init(folder / "school", "Replay School", shown_by="A. Okafor")
    settings = config.load(folder / "school" / config.NAME)
    live = Live(settings.files)
    live.refresh()
    assert live.policy
    day, planted = generated(pupils, requests, seed)
    spool = folder / "spool"
    spool.mkdir()
    clock = [0.0]
    with_journal = open_journal(spool, sealed_seed=b"sealed")
    recorder = Recorder(with_journal, now_ns=lambda: MORNING, monotonic=lambda: clock[0])
    async with opened(folder / "database" / "school.db") as database:
        ingest = Ingest(
            database,
            spool,
            _desk(live),
            unseal=lambda _: SEED,
            now_ns=lambda: MORNING + int(clock[0] * NS),
        )
        for number, asked in enumerate(day):
            clock[0] = asked.at
            _answer(live.policy, recorder, asked)
            recorder.sweep(1_000)
            if not number % 20_000:
                await ingest.step()
        recorder.flush()
        while await ingest.step():
            pass
        ingest.close()
        with_journal.close()
        async with database.reading() as session:
            alerts = [(one.subject, one.theme) for one in await session.scalars(select(AlertRow))]
    wanted = {(f"person:{one.pupil}", one.theme): one for one in planted}
    found = {wanted[one] for one in alerts if one in wanted}
    others = Counter(theme for subject, theme in alerts if (subject, theme) not in wanted)
    for one, count in Counter(alerts).items():
        others[one[1]] += (count - 1) * (one in wanted)
    return Outcome(
        len(day), sum(ingest.breaches.values()), found, set(planted) - found, +others, time.perf_counter() - began
    )


def _desk(live: Live) -> Desk:
    contacts = ContactSettings(dsl="dsl@school.test", dsl_confirmed=True, headteacher="head@school.test")
    profiles = live.policy.rulebook.profiles if live.policy else {}
    return Desk(
        contacts=contacts,
        column=lambda profile: profiles[profile].column if profile in profiles else "",
        write=lambda number, *_: (f"Alert {number}", "-"),
    )


def _answer(policy: Policy, recorder: Recorder, asked: Asked) -> None:
    """Decide what was *asked* as the proxy does, and put on record what is a breach."""
    client = Client(f"10.20.{asked.pupil >> 8}.{asked.pupil & 255}", PROFILES[asked.pupil % 4], person=asked.pupil)
    at = MORNING + int(asked.at * NS)
    if asked.terms:
        hits = themes.shipped().hits(asked.terms)
        page = url.canonical(f"https://{asked.host}/search")
        request = Request(Kind.SEARCH, client, asked.host, at, page, asked.terms, hits=hits)
        found = concern_of(request, decide(policy, request), source="proxy", policy=1)
        if found:
            recorder.first(_digest(client.address, asked.host, found.theme, asked.terms), found)
        return
    request = Request(Kind.URL, client, asked.host, at, url=url.canonical(f"https://{asked.host}/"))
    verdict = decide(policy, request)
    by_itself = is_background(asked.host, asked.headers)
    if breach := breach_of(request, verdict, source="proxy", policy=1, background=by_itself):
        recorder.first(_run_of(request, verdict) + b"background" * by_itself, breach)


def generated(pupils: int, requests: int, seed: int) -> tuple[list[Asked], list[Planted]]:
    """A day of *requests* requests, in order, and what is planted in it besides."""
    chance = random.Random(seed)
    with (Path(__file__).parent / "replay_day.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    searches = [row["text"] for row in rows if not row["theme"]]
    day = list(_ordinary(chance, pupils, requests, searches))
    day += _mistakes(chance, pupils)
    whose = chance.sample([pupil for pupil in range(1, pupils + 1) if pupil % 4], 12)
    planted = []
    for pupil, row in zip(whose, (row for row in rows if row["theme"]), strict=True):
        planted.append(Planted(pupil, row["theme"]))
        begin = chance.uniform(0, LESSONS / 2)
        for time_of in range(int(row["times"])):
            day += _bad_page(row, pupil, begin + time_of * 3600)
    return sorted(day, key=lambda one: one.at), planted


def _ordinary(chance: random.Random, pupils: int, requests: int, searches: list[str]) -> Iterator[Asked]:
    sites = {name: _sites(name) for name in ("education", "positive", "adverts", "games", "social", "gambling")}
    lessons, play = sites["education"] + sites["positive"], sites["games"] + sites["social"] + sites["gambling"]
    kinds = chance.choices([kind for kind, _ in SHARES], [share for _, share in SHARES], k=requests)
    bad = ("pornography.test", "hate.test", "drugs.test", "self-harm.test")
    for kind in kinds:
        at, pupil = chance.uniform(0, LESSONS), chance.randint(1, pupils)
        part = {"sec-fetch-dest": "image", "sec-fetch-site": "cross-site"}
        match kind:
            case "search":
                yield Asked(at, pupil, "www.google.com", terms=chance.choice(searches))
            case "unknown":
                yield Asked(at, pupil, f"site{chance.randrange(2_000)}.example", headers={"sec-fetch-dest": "document"})
            case "advert":
                yield Asked(at, pupil, chance.choice(sites["adverts"]), headers=part)
            case "part":
                yield Asked(at, pupil, f"cdn.{chance.choice(bad)}", headers=part)
            case "play":
                yield Asked(at, pupil, chance.choice(play), headers={"sec-fetch-dest": "document"})
            case _:
                yield Asked(at, pupil, chance.choice(lessons))


def _mistakes(chance: random.Random, pupils: int) -> Iterator[Asked]:
    """One closed page by mistake for each tenth pupil, and a helpline for each twentieth."""
    for pupil in range(10, pupils + 1, 10):
        at = chance.uniform(0, LESSONS)
        yield Asked(at, pupil, "pornography.test", headers={"sec-fetch-dest": "document"})
        yield from (Asked(at + n / 50, pupil, f"i{n}.pornography.test") for n in range(40))
    for pupil in range(20, pupils + 1, 20):
        yield Asked(chance.uniform(0, LESSONS), pupil, "www.childline.org.uk")


def _bad_page(row: dict[str, str], pupil: int, at: float) -> Iterator[Asked]:
    if row["what"] == "search":
        yield Asked(at, pupil, "www.google.com", terms=row["text"])
        return
    yield Asked(at, pupil, row["text"], headers={"sec-fetch-dest": "document"})
    yield from (Asked(at + n / 100, pupil, f"part{n}.{row['text']}") for n in range(PARTS))


def _sites(name: str) -> list[str]:
    lines = defaults.list_files()[name].read_text(encoding="utf-8").splitlines()
    found = [text for line in lines if (text := line.partition("#")[0].strip()) and "/" not in text and "." in text]
    return found[:500]


if __name__ == "__main__":
    main()
